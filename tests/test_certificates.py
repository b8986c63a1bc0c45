"""Certificates: whose are believed, what is shown to a server that asks, and what a refusal says."""

from __future__ import annotations

import datetime as dt
import pickle
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import trustme

from modelyard import ConfigurationError, ConnectionFailedError, LocalState, ProviderConfig, Runtime
from modelyard.tls import SharedTls, Trust

from .conftest import PROVIDERS, ask, variant_settings
from .raw_server import Connection, RawServer, answer_bytes

WAYS = list(product(PROVIDERS, ["aiohttp", "httpx"]))
way = pytest.mark.parametrize(("provider", "transport"), WAYS)
TRANSPORTS = pytest.mark.parametrize("transport", ["aiohttp", "httpx"])


@dataclass(frozen=True)
class Authority:
    """A certificate authority with its files in a folder."""

    ca: trustme.CA
    folder: Path

    @property
    def file(self) -> str:
        return self.write("ca.pem", self.ca.cert_pem)

    def write(self, name: str, *blobs: trustme.Blob) -> str:
        path = self.folder / name
        path.write_bytes(b"".join(blob.bytes() for blob in blobs))
        return str(path)

    def client_files(self) -> tuple[str, str, str]:
        """A client's certificate, its key, and a file with both."""
        issued = self.ca.issue_cert("client@example.org")
        chain, key = issued.cert_chain_pems[0], issued.private_key_pem
        return self.write("cert.pem", chain), self.write("key.pem", key), self.write("both.pem", key, chain)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    return Authority(trustme.CA(), tmp_path)


@contextmanager
def serving(
    provider: str, authority: Authority, *names: str, client_ca: trustme.CA | None = None, **dates: Any
) -> Iterator[RawServer]:
    """A server with a certificate for these names that answers ``ok``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.ca.issue_cert(*(names or ("127.0.0.1",)), **dates).configure_cert(context)
    if client_ca is not None:
        client_ca.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED

    async def serve(connection: Connection) -> None:
        while True:
            await connection.send(answer_bytes(provider, await connection.receive(), "ok"))

    with RawServer(serve, context) as server:
        yield server


async def say(provider: str, server: RawServer, *, stream: bool = False, **settings: Any) -> str:
    """Call the server, three times if it seems worth it."""
    _, reference, base = variant_settings(provider, server.url)
    async with Runtime({provider: {**base, **settings}}, plugins=[provider], max_attempts=3) as runtime:
        return (await ask(runtime, reference, stream=stream)).text


async def refusal(provider: str, url: str, *, stream: bool = False, **settings: Any) -> str:
    """The text of the error of a call, which was made once and says nothing of the provider's health."""
    state = LocalState()
    _, reference, base = variant_settings(provider, url)
    runtime = Runtime({provider: {**base, **settings}}, plugins=[provider], max_attempts=3, state=state)
    async with runtime:
        with pytest.raises(ConnectionFailedError) as caught:
            await ask(runtime, reference, stream=stream)
    error = caught.value
    assert (len(error.attempts), error.retryable, error.code) == (1, False, "tls_refused")
    assert not error.attempts[0].maybe_billed
    assert [health.breaker.failures for health in state._windows.known.values()] == [0]
    return str(error)


@way
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_unknown_issuer_is_final(
    provider: str, transport: str, stream: bool, authority: Authority
) -> None:
    """X07."""
    with serving(provider, authority) as server:
        said = await refusal(provider, server.url, stream=stream, transport=transport)
    assert "certificate" in said
    assert "issuer is unknown" in said
    assert "SSL_CERT_FILE" in said
    assert "setting ca" in said


@TRANSPORTS
async def test_an_expired_certificate_is_called_expired(transport: str, authority: Authority) -> None:
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    with serving("openai", authority, not_before=past, not_after=past + dt.timedelta(days=9)) as server:
        said = await refusal("openai", server.url, transport=transport, ca=authority.file)
    assert "expired" in said
    assert "SSL_CERT_FILE" in said


@TRANSPORTS
async def test_a_certificate_for_another_name_says_so(transport: str, authority: Authority) -> None:
    with serving("openai", authority, "example.org") as server:
        said = await refusal("openai", server.url, transport=transport, ca=authority.file)
    assert "another host name" in said
    assert "base URL" in said


@way
async def test_a_ca_is_given_as_a_setting(provider: str, transport: str, authority: Authority) -> None:
    with serving(provider, authority) as server:
        assert await say(provider, server, transport=transport, ca=authority.file) == "ok"
        assert await say(provider, server, transport=transport, ca=Path(authority.file)) == "ok"
        authority.write("more.crt", authority.ca.cert_pem)
        assert await say(provider, server, transport=transport, ca=authority.folder) == "ok"


@way
async def test_a_ca_is_given_in_the_environment(
    provider: str, transport: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority.file)
    with serving(provider, authority) as server:
        assert await say(provider, server, transport=transport, stream=True) == "ok"


@way
async def test_a_client_certificate_is_shown_to_a_server_that_asks(
    provider: str, transport: str, authority: Authority
) -> None:
    cert, key, both = authority.client_files()
    with serving(provider, authority, client_ca=authority.ca) as server:
        for given in (both, Path(both), (cert, key)):
            assert await say(provider, server, transport=transport, ca=authority.file, client_cert=given) == "ok"


@contextmanager
def demanding(authority: Authority) -> Iterator[str]:
    """The URL of a server that refuses whoever shows no certificate, and waits until its refusal was read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.ca.issue_cert("127.0.0.1").configure_cert(context)
    authority.ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        raw, _ = listener.accept()
        with raw:
            with suppress(ssl.SSLError):
                context.wrap_socket(raw.dup(), server_side=True, suppress_ragged_eofs=False)
            with suppress(OSError):
                while raw.recv(65536):
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(5)


@TRANSPORTS
async def test_without_the_client_certificate_it_asks_for_the_error_names_the_setting(
    transport: str, authority: Authority
) -> None:
    with demanding(authority) as url:
        said = await refusal("openai", url, transport=transport, ca=authority.file)
    assert "client_cert" in said


async def test_a_port_that_speaks_no_tls_is_called_that(authority: Authority) -> None:
    async def serve(connection: Connection) -> None:
        await connection.reader.read(1)
        await connection.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    with RawServer(serve) as server:
        for transport in ("aiohttp", "httpx"):
            url = server.url.replace("http:", "https:")
            said = await refusal("openai", url, transport=transport, ca=authority.file)
            assert "does not speak TLS" in said


def test_each_trust_has_one_context(authority: Authority) -> None:
    tls, trust = SharedTls(), Trust(ca=authority.file)
    assert tls(trust) is tls(Trust(ca=authority.file))
    assert tls() is tls()
    assert tls(trust) is not tls()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ca": "/no/such/ca.pem"}, "ca names '/no/such/ca.pem', which does not exist"),
        ({"ca": 5}, "ca must be the path of a file or a folder, not int"),
        ({"client_cert": "/no/such/cert.pem"}, "client_cert names '/no/such/cert.pem', which does not exist"),
        ({"client_cert": (__file__, "/no/such/key.pem")}, "'/no/such/key.pem', which does not exist"),
        ({"client_cert": str(Path(__file__).parent)}, "is no file"),
        ({"client_cert": ()}, "client_cert must be a path"),
        ({"client_cert": (__file__, __file__, 7)}, "password of text, not int"),
        ({"client_cert": 7}, "client_cert must be the path of a file, or a tuple of such, not int"),
        ({"ca": __file__, "http_client": object()}, "for a client of ours"),
    ],
)
def test_files_that_are_missing_are_named_at_once(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Runtime({"openai": settings})
    assert said in str(caught.value)


@pytest.mark.parametrize("setting", ["ca", "client_cert"])
async def test_a_file_without_certificates_is_named(setting: str, authority: Authority) -> None:
    broken = authority.folder / "broken.pem"
    broken.write_text("no certificate")
    settings: dict[str, Any] = {setting: broken}
    with serving("openai", authority) as server, pytest.raises(ConfigurationError) as caught:
        await say("openai", server, **settings)
    assert f"{setting} names" in str(caught.value)
    assert "broken.pem" in str(caught.value)


async def test_a_variable_that_names_no_file_is_named(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/ca.pem")
    with serving("openai", authority) as server, pytest.raises(ConfigurationError, match="SSL_CERT_FILE names"):
        await say("openai", server)


def test_the_password_of_a_key_is_a_secret() -> None:
    config = ProviderConfig(client_cert=(__file__, __file__, "the-keys-password"))
    assert "the-keys-password" not in repr(config)
    with pytest.raises(TypeError):
        pickle.dumps(config)

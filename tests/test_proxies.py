"""Proxies: the variables are read as curl, requests and httpx read them, and what cannot work says so."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from modelyard import ConfigurationError, ConnectionFailedError, Runtime
from modelyard.http.proxies import find_proxy

from .conftest import PROVIDERS, ask, variant_settings
from .raw_server import Connection, RawServer, answer_bytes

NOWHERE = "http://nowhere.invalid"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

WAYS = list(product(PROVIDERS, ["aiohttp", "httpx"], [False, True]))
way = pytest.mark.parametrize(
    ("provider", "transport", "stream"),
    WAYS,
    ids=[f"{provider}-{transport}-{'streamed' if stream else 'whole'}" for provider, transport, stream in WAYS],
)
TRANSPORTS = pytest.mark.parametrize("transport", ["aiohttp", "httpx"])


@pytest.fixture(autouse=True)
def _no_proxy_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def say(provider: str, base_url: str, *, stream: bool = False, **settings: Any) -> str:
    """Call a provider that is to be reached over a proxy."""
    _, reference, base = variant_settings(provider, base_url)
    async with Runtime({provider: {**base, **settings}}, plugins=[provider], max_attempts=3) as runtime:
        return (await ask(runtime, reference, stream=stream)).text


@pytest.fixture
def proxy() -> Iterator[RawServer]:
    """A proxy that answers for OpenAI."""

    async def serve(connection: Connection) -> None:
        while True:
            received = await connection.receive()
            await connection.send(answer_bytes("openai", received, "by the proxy"))

    with RawServer(serve) as server:
        yield server


@TRANSPORTS
@pytest.mark.parametrize("value", ["127.0.0.1:{port}", "//127.0.0.1:{port}", " http://127.0.0.1:{port}/ "])
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
async def test_a_proxy_without_a_scheme_speaks_http(
    proxy: RawServer, variable: str, value: str, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X04."""
    monkeypatch.setenv(variable, value.format(port=proxy.port))
    assert await say("openai", NOWHERE, transport=transport) == "by the proxy"
    assert proxy.requests[0].headers["host"] == "nowhere.invalid"


@TRANSPORTS
async def test_the_proxy_gets_its_user_and_password_and_nobody_else_does(proxy: RawServer, transport: str) -> None:
    url = f"http://user:pass%40word@127.0.0.1:{proxy.port}"
    assert await say("openai", NOWHERE, transport=transport, proxy=url) == "by the proxy"
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic dXNlcjpwYXNzQHdvcmQ="


@pytest.mark.parametrize(
    ("no_proxy", "base_url", "direct"),
    [
        ("nowhere.invalid:80", NOWHERE, True),  # X05
        ("nowhere.invalid:443", NOWHERE, False),
        ("nowhere.invalid:443", "https://nowhere.invalid", True),
        ("nowhere.invalid:8080", "http://nowhere.invalid:8080/v1", True),
        ("nowhere.invalid", "http://nowhere.invalid:8080/v1", True),
        ("NOWHERE.invalid.", NOWHERE, True),
        (".nowhere.invalid", "http://api.nowhere.invalid", True),
        (".nowhere.invalid", NOWHERE, True),
        ("*.nowhere.invalid", "http://api.nowhere.invalid", True),
        ("nowhere.invalid", "http://api.nowhere.invalid", True),
        ("where.invalid", NOWHERE, False),
        ("a.example, nowhere.invalid", NOWHERE, True),
        ("a.example nowhere.invalid", NOWHERE, True),
        ("*", NOWHERE, True),
        ("a.example,*", NOWHERE, True),
        ("", NOWHERE, False),
        (",.,", NOWHERE, False),
        ("10.0.0.0/8", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.1.2.3", "http://10.1.2.3", True),
        ("10.1.2.3:80", "http://10.1.2.3:81", False),
        ("fd00::/8", "http://[fd00::1]", True),
        ("[fd00::1]:80", "http://[fd00::1]", True),
        ("http://nowhere.invalid", NOWHERE, True),
        ("https://nowhere.invalid", NOWHERE, False),
        ("all://nowhere.invalid", NOWHERE, True),
    ],
)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_hosts_that_no_proxy_names_are_reached_directly(
    no_proxy: str, base_url: str, direct: bool, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv(variable, no_proxy)
    assert find_proxy(None, base_url) == (None if direct else "http://proxy.example:3128")


def test_the_lower_case_comes_first_and_may_be_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://upper.example")
    monkeypatch.setenv("http_proxy", "http://lower.example")
    assert find_proxy(None, NOWHERE) == "http://lower.example"
    monkeypatch.setenv("http_proxy", "")
    assert find_proxy(None, NOWHERE) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"])
def test_this_machine_is_reached_directly(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    assert find_proxy(None, f"http://{host}:8000/v1") is None
    assert find_proxy("http://mine.example", f"http://{host}:8000/v1") == "http://mine.example"


@TRANSPORTS
async def test_a_host_no_proxy_names_by_its_port_is_not_asked_of_the_proxy(
    proxy: RawServer, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X05."""
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "nowhere.invalid:80")
    with pytest.raises(ConnectionFailedError):
        await say("openai", NOWHERE, transport=transport)
    assert proxy.connections == 0


@pytest.mark.parametrize(
    "value",
    [
        "ftp://user:the-password@127.0.0.1:1",
        "http://user:the-password@:8080",
        "http://user:the-password@127.0.0.1:port",
        "http://user:the-password@127.0.0.1:99999",
        "socks4://user:the-password@127.0.0.1:1",
        "http://user:the-password@127.0.0.1 :1",
    ],
)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "all_proxy"])
async def test_a_variable_that_cannot_work_is_named_without_its_password(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        await say("openai", NOWHERE)
    assert str(caught.value).startswith(variable)
    assert "http://host:port" in str(caught.value) or "socks5h://host:port" in str(caught.value)
    assert "the-password" not in str(caught.value)


@way
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_a_socks_proxy_is_spoken_to_in_socks(
    provider: str, transport: str, stream: bool, scheme: str
) -> None:
    """X03."""
    greetings: list[bytes] = []

    async def serve(connection: Connection) -> None:
        read = connection.reader.readexactly
        greeting = await read(2)
        greetings.append(greeting)
        await read(greeting[1])
        await connection.send(b"\x05\x00")
        *_, kind, length = await read(5)
        assert kind == 3  # a name, which the proxy is to look up
        assert await read(length + 2) == b"nowhere.invalid\x00\x50"
        await connection.send(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        while True:
            await connection.send(answer_bytes(provider, await connection.receive(), "by SOCKS"))

    with RawServer(serve) as server:
        url = f"{scheme}://127.0.0.1:{server.port}"
        assert await say(provider, NOWHERE, stream=stream, transport=transport, proxy=url) == "by SOCKS"
    assert {greeting[:1] for greeting in greetings} == {b"\x05"}


async def test_a_socks_proxy_of_the_environment_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve(connection: Connection) -> None:
        assert (await connection.reader.readexactly(1)) == b"\x05"
        connection.requests.append(None)  # type: ignore[arg-type]

    with RawServer(serve) as server:
        monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{server.port}")
        with pytest.raises(ConnectionFailedError):
            await say("openai", NOWHERE)
        assert server.requests


@pytest.mark.parametrize("scheme", ["socks4", "socks4a"])
def test_socks_4_is_refused_with_the_way_that_works(scheme: str) -> None:
    with pytest.raises(ConfigurationError, match="socks5h://host:port"):
        find_proxy(f"{scheme}://127.0.0.1:1", NOWHERE)


async def refused_by(status: bytes, base_url: str, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Any:
    """What a call over a proxy raises that gives a status for itself."""

    async def serve(connection: Connection) -> None:
        await connection.receive()
        await connection.send(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")
        await connection.wait_until_closed()

    with RawServer(serve) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:the-password@127.0.0.1:{server.port}")
        monkeypatch.setenv("HTTP_PROXY", f"http://user:the-password@127.0.0.1:{server.port}")
        with pytest.raises(ConnectionFailedError) as caught:
            await say(base_url=base_url, **settings)
        assert "the-password" not in repr((caught.value, vars(caught.value)))
        return caught.value, server


@way
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_a_password_is_asked_once(
    provider: str, transport: str, stream: bool, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X06."""
    error, server = await refused_by(
        b"407 Proxy Authentication Required",
        f"{scheme}://nowhere.invalid",
        monkeypatch,
        provider=provider,
        transport=transport,
        stream=stream,
    )
    assert len(server.requests) == len(error.attempts) == 1
    assert error.status == 407
    assert "user and a password" in str(error)
    assert "http://user:password@host:port" in str(error)


@TRANSPORTS
async def test_a_proxy_that_forbids_a_host_is_asked_once(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    error, server = await refused_by(
        b"403 Forbidden", "https://nowhere.invalid", monkeypatch, provider="openai", transport=transport
    )
    assert len(server.requests) == 1
    assert "NO_PROXY" in str(error)


@TRANSPORTS
async def test_a_proxy_that_cannot_connect_now_is_asked_again(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, _ = await refused_by(
        b"502 Bad Gateway", "https://nowhere.invalid", monkeypatch, provider="openai", transport=transport
    )
    assert len(error.attempts) == 3

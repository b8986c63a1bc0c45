"""What a host hands in as a secret beside its key: headers, queries, user info of URLs, proxies, options.

Every server here repeats what it was sent. Ids in brackets name the inputs of a list of known faults.
"""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from typing import Any

import pytest

from modelyard import ConfigurationError, ModelyardError, ProviderConfig, Runtime
from modelyard.testing import LoopbackServer, Received, Reply

from .conftest import PROVIDERS, ask

HEADER, QUERY, PASSWORD = "sentinel-HEADER-9a7f", "sentinel-QUERY-5b1", "sentinel-PASS-8d1"
KEY = "key-of-the-test-0"


def parrot(received: Received) -> Reply:
    """Refuses a request, repeating its path, its query and the header ``api-key``."""
    value = received.headers.get("api-key", "none")
    said = f"bad header {value} for {received.path}?{received.query}"
    headers = {"content-type": "application/json", "x-request-id": value, "request-id": value}
    body = {"error": {"message": said, "type": "x", "code": "c"}, "message": said}
    return Reply(400, headers, (json.dumps(body).encode(),))


def told(error: ModelyardError) -> str:
    """All that an error shows, the locals of its frames in our code included."""
    summary = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame.locals for frame in summary.stack if frame.filename != __file__]
    return f"{error} {error!r} {error.to_dict()} {pickle.dumps(error)!r} {frames} {error.__cause__!r}"


async def refused(provider: str, stream: bool, **settings: Any) -> tuple[str, Runtime]:
    """Call a server that refuses; what the error and the runtime show."""
    config = {"api_key": KEY, **settings}
    async with Runtime({provider: config}, plugins=[provider], max_attempts=1) as runtime:
        with pytest.raises(ModelyardError) as caught:
            await ask(runtime, f"{provider}:m", stream=stream)
        shown = f"{runtime.providers()} {runtime.explain(f'{provider}:m', 'Hi').to_dict()} {runtime!r}"
    return told(caught.value) + shown, runtime


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a04_the_value_of_a_configured_header_is_a_secret(
    provider: str, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A04: the rest of the message stays."""
    caplog.set_level(logging.DEBUG)
    with LoopbackServer(parrot) as server:
        shown, _ = await refused(provider, stream, base_url=server.url, headers={"api-key": HEADER})
    assert "bad header [redacted] for /v1" in shown
    assert HEADER not in shown + caplog.text + repr([vars(record) for record in caplog.records])


@pytest.mark.parametrize(
    ("value", "repeated"),
    [
        ("Bearer sentinel-HEADER-9a7f", "sentinel-HEADER-9a7f"),
        ("Basic dXNlcjpzZW50aW5lbC1QQVNTLThkMQ==", PASSWORD),
        ("session=sentinel-HEADER-9a7f; theme=dark", "sentinel-HEADER-9a7f"),
        ("sentinel/HEADER+9a7f=", "sentinel%2FHEADER%2B9a7f%3D"),
        ("sentinel/HEADER+9a7f=", "sentinel%2fHEADER%2b9a7f%3d"),
        ("sentinel/HEADER+9a7f=", r"sentinel\/HEADER+9a7f="),
        ("sentinel<HEADER>&9a7f", "sentinel&lt;HEADER&gt;&amp;9a7f"),
        (f"user:{PASSWORD}", "dXNlcjpzZW50aW5lbC1QQVNTLThkMQ=="),
    ],
)
async def test_a04_a_secret_is_found_in_the_forms_in_which_servers_repeat_it(value: str, repeated: str) -> None:
    body = json.dumps({"error": {"message": f"bad: <{repeated}>", "type": "x", "code": "c"}}).encode()
    with LoopbackServer(lambda received: Reply(400, {"content-type": "application/json"}, (body,))) as server:
        shown, _ = await refused("openai", False, base_url=server.url, headers={"x-gateway": value})
    assert "bad: <[redacted]" in shown
    assert repeated.rstrip("=") not in shown


async def test_a04_a_secret_that_the_end_of_a_long_message_cuts_in_two_is_not_half_shown() -> None:
    page = f"<html><body>{'x ' * 140}{HEADER}{HEADER}</body></html>".encode()
    with LoopbackServer(lambda received: Reply(502, {"content-type": "text/html"}, (page,))) as server:
        shown, _ = await refused("gemini", False, base_url=server.url, headers={"x-gateway": HEADER})
    assert "sentinel-" not in shown


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{PASSWORD}@127.0.0.1:9",
        f"http://{PASSWORD}@127.0.0.1:9",
        f"https://user:{PASSWORD}@host.example/v1?a=b",
        f"htp://u:{PASSWORD}@x",
        f"http:/u:{PASSWORD}@x",
        f"u:{PASSWORD}@x",
        f"//u:{PASSWORD}@x",
        f"http://u:{PASSWORD}%40x:port",
        f"http://u:{PASSWORD}@[::1",
        f"http://u:{PASSWORD}@h:99999",
        f"ftp://u:{PASSWORD}@h",
        f"http://h/#{PASSWORD}",
        f"https://h.example/v1?key={PASSWORD}",
        f"https://h.example/v1?a=1&access_token={PASSWORD}",
        f"http://h/{PASSWORD} x",
        f"http://h/{PASSWORD}\n",
        PASSWORD,
    ],
)
def test_a05_a06_a_base_url_with_a_secret_in_it_is_refused_without_being_shown(url: str) -> None:
    """A05, A06, P61: when the runtime is made, with a hint."""
    for make in (lambda: Runtime({"openai": {"base_url": url}}), lambda: ProviderConfig(base_url=url)):
        with pytest.raises(ConfigurationError, match="base_url") as caught:
            make()
        assert PASSWORD not in told(caught.value)
        assert "api.example.com" in (caught.value.hint or "")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a05_a_base_url_of_the_environment_is_refused_when_it_is_used(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"MODELYARD_{provider.upper()}_BASE_URL"
    monkeypatch.setenv(name, f"http://user:{PASSWORD}@127.0.0.1:9")
    async with Runtime({provider: {"api_key": KEY}}, plugins=[provider]) as runtime:
        with pytest.raises(ConfigurationError, match=name) as caught:
            await runtime.complete(f"{provider}:m", "Hi")
        (status,) = [each for each in runtime.providers() if each.provider == provider]
    assert (status.state, PASSWORD in f"{status}") == ("misconfigured", False)
    assert PASSWORD not in told(caught.value)


@pytest.mark.parametrize(
    "proxy",
    [
        f"u:{PASSWORD}@127.0.0.1:9",
        f"htp://u:{PASSWORD}@x",
        f"//u:{PASSWORD}@x",
        f"http://u:{PASSWORD}@",
        f"http://u:{PASSWORD}@h:p",
    ],
)
def test_a07_a_proxy_without_a_scheme_is_refused_without_its_password(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match="proxy") as caught:
        Runtime({"openai": {"proxy": proxy}})
    assert PASSWORD not in told(caught.value)


def test_a08_settings_show_the_names_of_what_they_hold() -> None:
    config = ProviderConfig(
        api_key=KEY,
        base_url=f"https://h.example/v1?tenant={QUERY}",
        query={"key": QUERY},
        proxy=f"http://u:{PASSWORD}@proxy:3128",
        headers={"x-tenant": HEADER},
        options={"token": HEADER},
    )
    shown = f"{config!r} {config} {config.headers!r} {config.options!r}"
    assert not [secret for secret in (KEY, QUERY, PASSWORD, HEADER) if secret in shown]
    assert "base_url='https://h.example/v1'" in shown


@pytest.mark.parametrize("said", ["The key is invalid: none of the EMPTY slots exists."])
@pytest.mark.parametrize("key", ["none", "EMPTY", "key", "1", "invalid"])
async def test_a11_a_placeholder_blots_out_no_words(key: str, said: str) -> None:
    """A11: words, codes and headers stay as they are."""
    error = {"message": said, "type": "invalid_request_error", "code": "invalid_api_key"}
    with LoopbackServer(lambda received: Reply.json({"error": error}, 401, {"retry-after": "12"})) as server:
        config = {"api_key": key, "base_url": server.url, "options": {"api": "chat"}}
        async with Runtime({"openai": config}, plugins=["openai"], max_attempts=1) as runtime:
            with pytest.raises(ModelyardError, match="invalid_api_key") as caught:
                await runtime.complete("openai:m", "Hi")
    assert caught.value.message == said
    assert getattr(caught.value, "retry_after", None) == 12


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_fault_a50_the_query_of_a_base_url_goes_behind_each_path_and_is_shown_nowhere(
    provider: str, transport: str, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with LoopbackServer(parrot) as server:
        url = f"{server.url}/openai?tenant=north"
        shown, _ = await refused(provider, stream, base_url=url, query={"key": QUERY}, transport=transport)
        (received,) = server.requests
    assert received.path.startswith("/openai/v1")
    asked = f"tenant=north&key={QUERY}"
    assert received.query == (f"alt=sse&{asked}" if stream and provider == "gemini" else asked)
    assert QUERY not in shown + caplog.text + repr([vars(record) for record in caplog.records])


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_fault_a50_lists_and_counts_carry_the_query_too(provider: str) -> None:
    with LoopbackServer(parrot) as server:
        config = {"api_key": KEY, "base_url": f"{server.url}/root/?a=1", "query": {"key": QUERY}}
        async with Runtime({provider: config}, plugins=[provider], max_attempts=1) as runtime:
            for asked in (runtime.list_models(provider), runtime.count_tokens(f"{provider}:m", "Hi")):
                with pytest.raises(ModelyardError) as caught:
                    await asked
                assert QUERY not in told(caught.value)
        assert len(server.requests) == 2
        assert all(each.query.endswith(f"a=1&key={QUERY}") for each in server.requests)
        assert all(each.path.startswith("/root/v1") for each in server.requests)


async def test_fault_a50_two_queries_at_one_address_are_two_deployments() -> None:
    with LoopbackServer(parrot) as server:
        configs = [{"api_key": KEY, "base_url": f"{server.url}?tenant={name}"} for name in ("north", "south")]
        async with Runtime({"openai": configs}, plugins=["openai"]) as runtime:
            assert len(runtime.explain(["openai:m"], "Hi").steps) == 2


def test_a_query_and_an_http_client_of_the_hosts_own_are_refused_together() -> None:
    with pytest.raises(ConfigurationError, match="query") as caught:
        ProviderConfig(base_url="https://h.example", query={"key": QUERY}, http_client=object())
    assert QUERY not in told(caught.value)


def test_fault_a42_a_header_with_a_line_break_is_refused_when_the_runtime_is_made() -> None:
    with pytest.raises(ConfigurationError, match="headers hold a line break in 'x-a'"):
        Runtime({"openai": {"headers": {"x-a": "a\r\nX-Evil: 1"}}})


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"headers": {"x-a": f"{HEADER}\nb"}}, "x-a"),
        ({"headers": {"x-a": f"{HEADER}\x00"}}, "x-a"),
        ({"headers": {"x-a": f"{HEADER}é"}}, "x-a"),
        ({"headers": {"x-a": f" {HEADER}"}}, "x-a"),
        ({"headers": {"x-a": HEADER.encode()}}, "x-a"),
        ({"headers": {"x-a": None}}, "x-a"),
        ({"headers": {f"x {HEADER}": "a"}}, "headers"),
        ({"headers": {"": HEADER}}, "headers"),
        ({"headers": {"x\r\ny": HEADER}}, "headers"),
        ({"headers": {"x-é": HEADER}}, "headers"),
        ({"headers": {1: HEADER}}, "headers"),
        ({"headers": {"content-length": HEADER}}, "content-length"),
        ({"headers": [HEADER]}, "headers"),
        ({"headers": HEADER}, "headers"),
        ({"headers": None}, "headers"),
        ({"api_key": HEADER.encode()}, "api_key"),
        ({"api_key": [HEADER]}, "api_key"),
        ({"api_key": 12345678}, "api_key"),
        ({"api_keys": HEADER}, "api_keys"),
        ({"api_keys": [HEADER.encode()]}, "api_keys"),
        ({"api_keys": [None]}, "api_keys"),
        ({"api_keys": {HEADER: 1}}, "api_keys"),
        ({"options": [HEADER]}, "options"),
        ({"options": {1: HEADER}}, "options"),
        ({"options": None}, "options"),
        ({"base_url": HEADER.encode()}, "base_url"),
        ({"base_url": 80}, "base_url"),
        ({"proxy": HEADER.encode()}, "proxy"),
        ({"proxy": 3128}, "proxy"),
        ({"max_connections": 0}, "max_connections"),
        ({"max_connections": 1.5}, "max_connections"),
        ({"max_connections": True}, "max_connections"),
        ({"max_connections": "many"}, "max_connections"),
        ({"region": 5}, "region"),
        ({"region": " "}, "region"),
        ({"region": "eu\n"}, "region"),
        ({"retention_days": "soon"}, "retention_days"),
        ({"retention_days": float("nan")}, "retention_days"),
        ({"weight": float("inf")}, "weight"),
        ({"weight": None}, "weight"),
        ({"transport": ["httpx"]}, "transport"),
        (HEADER, "ProviderConfig or a dict"),
        (HEADER.encode(), "ProviderConfig or a dict"),
        ([HEADER], "ProviderConfig or a dict"),
    ],
)
def test_fault_a42_every_setting_is_checked_when_the_runtime_is_made(settings: Any, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as caught:
        Runtime({"openai": settings})
    assert HEADER not in told(caught.value)


@pytest.mark.parametrize("providers", [HEADER, [HEADER], {1: {}}, 5])
def test_fault_a42_settings_that_are_no_dict_are_refused(providers: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Runtime(providers)
    assert HEADER not in told(caught.value)


@pytest.mark.parametrize(
    ("provider", "options", "variable"),
    [
        ("openai", {"organization": f"{HEADER}\r\nx-evil: 1"}, None),
        ("openai", {"project": f"{HEADER}\x00"}, None),
        ("openai", {}, "OPENAI_ORG_ID"),
        ("claude", {"beta": f"{HEADER}\nx"}, None),
        ("claude", {"version": f"{HEADER}\nx"}, None),
    ],
)
async def test_fault_a42_an_option_that_becomes_a_header_is_checked_before_anything_is_sent(
    provider: str, options: dict[str, str], variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv(variable, f"{HEADER}\nx")
    with LoopbackServer(parrot) as server:
        config = {"api_key": KEY, "base_url": server.url, "options": options}
        async with Runtime({provider: config}, plugins=[provider], max_attempts=1) as runtime:
            with pytest.raises(ConfigurationError, match="header") as caught:
                await runtime.complete(f"{provider}:m", "Hi")
        assert server.requests == []
    assert HEADER not in told(caught.value)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_configured_headers_go_with_every_request(provider: str) -> None:
    """A gateway that asks for a header asks for it in lists of models too."""
    with LoopbackServer(parrot) as server:
        config = {"api_key": KEY, "base_url": server.url, "headers": {"api-key": HEADER}}
        async with Runtime({provider: config}, plugins=[provider], max_attempts=1) as runtime:
            for asked in (
                runtime.complete(f"{provider}:m", "Hi"),
                runtime.list_models(provider),
                runtime.count_tokens(f"{provider}:m", "Hi"),
            ):
                with pytest.raises(ModelyardError):
                    await asked
        assert [received.headers.get("api-key") for received in server.requests] == [HEADER] * 3

"""Sessions: key, server and HTTP client; what is imported when, and that nothing leaks or lingers."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import logging
import pickle
import subprocess
import sys
import traceback
from dataclasses import replace
from typing import Any

import httpx
import httpx2
import pytest
from mistralai.client import Mistral

from modelyard import AuthenticationError, ConfigurationError, Runtime
from modelyard.config import ProviderConfig
from modelyard.credentials.resolve import Credential
from modelyard.credentials.secret import Secret
from modelyard.session import SessionSettings
from modelyard.testing import Emulator, Hang, Reply, Script, run_apart
from modelyard.tls import SharedTls
from modelyard_mistral.options import SERVERS
from modelyard_mistral.plugin import modelyard_provider
from modelyard_mistral.session import MistralSession, open_session
from modelyard_mistral.testing.dialect import DIALECT

MODEL = "mistral:mistral-medium-3-5"


def settings(**changes: Any) -> SessionSettings:
    config = ProviderConfig()
    plain = SessionSettings(
        info=modelyard_provider(),
        credential=Credential(Secret("test-key"), "the api_key setting"),
        base_url=None,
        http_client=None,
        client=None,
        transport=config.transport,
        proxy="",
        max_connections=10,
        connect_timeout=5.0,
        headers={},
        options={},
        tls=SharedTls(),
    )
    return replace(plain, **changes)


class Recorder(httpx2.AsyncBaseTransport):
    """Answers every request with the same words and remembers it."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.closed = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi."}}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        head = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        return httpx2.Response(200, json={**head, "choices": [choice], "usage": usage})

    async def aclose(self) -> None:
        self.closed = True


async def ask(emulator: Emulator, **config: Any) -> Any:
    """The request that reaches the emulator under some settings."""
    async with Runtime(
        {"mistral": {**emulator.settings(), **config}}, plugins=["mistral"], max_attempts=1
    ) as runtime:
        await runtime.complete(MODEL, "Hi")
    return emulator.requests[-1]


async def test_a_call_is_signed_as_the_official_client_signs(emulator: Emulator) -> None:
    received = await ask(emulator, headers={"x-team": "blue"})
    assert received.headers["authorization"] == "Bearer test-key"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["x-team"] == "blue"


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_a_base_url_may_end_in_its_version_or_not(emulator: Emulator, ending: str) -> None:
    assert (await ask(emulator, base_url=emulator.url + ending)).path == "/v1/chat/completions"


async def test_the_base_url_may_stand_in_the_environment(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELYARD_MISTRAL_BASE_URL", emulator.url)
    monkeypatch.setenv("MISTRAL_API_KEY", "env-key")
    assert (await ask(emulator, base_url=None, api_key=None)).headers["authorization"] == "Bearer env-key"


@pytest.mark.parametrize(
    ("options", "base_url", "host"),
    [
        ({}, None, "api.mistral.ai"),
        ({"server": "eu"}, None, "api.eu.mistral.ai"),
        ({"server": "us"}, None, "api.us.mistral.ai"),
        ({"server": "eu"}, "https://gateway.example.com", "gateway.example.com"),
    ],
)
async def test_the_server_is_the_options_unless_there_is_a_base_url(
    options: dict[str, str], base_url: str | None, host: str
) -> None:
    transport = Recorder()
    client = httpx2.AsyncClient(transport=transport)
    session_settings = {"api_key": "k", "http_client": client, "options": options, "base_url": base_url}
    async with Runtime({"mistral": session_settings}, plugins=["mistral"]) as runtime:
        await runtime.complete(MODEL, "Hi")
    assert str(transport.requests[0].url) == f"https://{host}/v1/chat/completions"
    assert not transport.closed  # the host's client is the host's to close
    await client.aclose()


async def test_an_unknown_server_is_refused(emulator: Emulator) -> None:
    with pytest.raises(ConfigurationError, match="'mars'"):
        await ask(emulator, options={"server": "mars"})


async def test_a_missing_key_names_its_variable() -> None:
    async with Runtime(plugins=["mistral"]) as runtime:
        with pytest.raises(ConfigurationError, match="MISTRAL_API_KEY"):
            await runtime.complete(MODEL, "Hi")


async def test_a_client_of_the_older_family_is_refused(emulator: Emulator) -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(ConfigurationError, match="httpx2"):
            await ask(emulator, http_client=client)


async def test_the_hosts_official_client_gives_key_server_and_transport() -> None:
    transport = Recorder()
    async with httpx2.AsyncClient(transport=transport) as client:
        official = Mistral(api_key="host-key", server="us", async_client=client)
        async with Runtime({"mistral": {"client": official}}, plugins=["mistral"]) as runtime:
            await runtime.complete(MODEL, "Hi")
        request = transport.requests[0]
        assert request.url.host == "api.us.mistral.ai"
        assert request.headers["authorization"] == "Bearer host-key"
        assert not transport.closed


async def test_a_key_of_the_hosts_that_changes_is_asked_for_at_each_call(emulator: Emulator) -> None:
    keys = iter(["first", "second"])
    official = Mistral(api_key=lambda: next(keys), server_url=emulator.url)
    async with Runtime({"mistral": {"client": official}}, plugins=["mistral"]) as runtime:
        await runtime.complete(MODEL, "Hi")
        await runtime.complete(MODEL, "Hi")
    sent = [received.headers["authorization"] for received in emulator.requests]
    assert sent == ["Bearer first", "Bearer second"]


async def test_the_requests_key_beats_the_official_clients_and_the_environments_does_not(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "env-key")
    official = Mistral(api_key="host-key", server_url=emulator.url)
    async with Runtime({"mistral": {"client": official}}, plugins=["mistral"]) as runtime:
        await runtime.complete(MODEL, "Hi")
        await runtime.complete(MODEL, "Hi", credential="request-key")
    sent = [received.headers["authorization"] for received in emulator.requests]
    assert sent == ["Bearer host-key", "Bearer request-key"]


async def test_a_client_that_is_no_official_one_is_refused(emulator: Emulator) -> None:
    with pytest.raises(ConfigurationError, match=r"mistralai\.client\.Mistral"):
        await ask(emulator, client=object())


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
async def test_closing_leaves_no_connection_and_no_warning(emulator: Emulator, transport: str) -> None:
    await ask(emulator, transport=transport)
    for _ in range(50):
        if not emulator.open_connections:
            break
        await asyncio.sleep(0.01)
    assert emulator.open_connections == 0
    gc.collect()  # an unclosed client would warn here, and warnings are errors


def test_two_event_loops_in_a_row_work(emulator: Emulator) -> None:
    runtime = Runtime({"mistral": emulator.settings()}, plugins=["mistral"])

    async def once() -> str:
        async with runtime:
            return (await runtime.complete(MODEL, "Hi")).text

    assert run_apart(once()) == run_apart(once()) == "Hello from the emulator."


async def test_leaving_a_stream_closes_its_connection(emulator: Emulator, runtime: Runtime) -> None:
    events = DIALECT.events(Script().say("One ", "two."), _request())
    emulator.add(Reply.sse([*events[:2], Hang()]))
    async with runtime.stream(MODEL, "Hi") as stream:
        async for event in stream:
            if event.type == "content_delta":
                break
    await _until(lambda: emulator.disconnects == 1)


async def test_cancelling_a_call_closes_its_connection(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Reply(before_head=[Hang()]))
    task = asyncio.ensure_future(runtime.complete(MODEL, "Hi"))
    await _until(lambda: len(emulator.requests) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _until(lambda: emulator.disconnects == 1)


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_a_model_about_to_retire_is_used_and_warned_of_once(
    emulator: Emulator, runtime: Runtime, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    caplog.set_level(logging.WARNING, "modelyard.mistral")
    for _ in range(2):
        reply = DIALECT.reply(Script().say("Still here."), _request(stream))
        emulator.add(replace(reply, headers={**reply.headers, "x-model-deprecation-timestamp": "2026-12-31"}))
        answer = runtime.stream(MODEL, "Hi").collect() if stream else runtime.complete(MODEL, "Hi")
        assert (await answer).text == "Still here."
    assert [record.getMessage() for record in caplog.records] == [
        "Mistral will retire the model mistral-medium-3-5 on 2026-12-31."
    ]


async def test_a_redirect_is_not_followed(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Reply(307, {"location": "https://elsewhere.example.com/"}))
    with pytest.raises(Exception, match="Redirects are not followed"):
        await runtime.complete(MODEL, "Hi")


KEY = "invalid-key-4f1c9e"


async def test_a_key_appears_in_no_error_log_or_text_form(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Runtime({"mistral": emulator.settings(KEY)}, plugins=["mistral"], max_attempts=1) as runtime:
        with pytest.raises(AuthenticationError) as caught:
            await runtime.complete(MODEL, "Hi")
        with pytest.raises(AuthenticationError) as streamed:
            await runtime.stream(MODEL, "Hi").collect()
    for error in (caught.value, streamed.value):
        shown = [str(error), repr(error), json.dumps(error.to_dict()), "".join(traceback.format_exception(error))]
        shown += [repr(vars(error)), pickle.dumps(error).decode("latin-1"), repr(copy.deepcopy(error))]
        assert not [text for text in shown if KEY in text]
    assert KEY not in caplog.text
    assert KEY not in repr(runtime)


async def test_a_session_shows_no_key_and_cannot_be_pickled(emulator: Emulator) -> None:
    credential = Credential(Secret(KEY), "the api_key setting")
    session = await open_session(settings(credential=credential, base_url=emulator.url))
    try:
        await _send(session)
        official = await session.client()
        shown = [repr(session), str(session), repr(vars(session)), repr(official.sdk_configuration)]
        assert not [text for text in shown if KEY in text]
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
            pickle.dumps(session)
    finally:
        await session.aclose()


async def test_the_official_clients_synchronous_half_is_refused() -> None:
    from modelyard_mistral.sdk import make_sdk

    async with httpx2.AsyncClient(transport=Recorder()) as client:
        official = make_sdk(lambda: "k", "https://api.mistral.ai", client, lambda response, model: None)
        with pytest.raises(ConfigurationError, match="asynchronous only"):
            official.models.list()


def run_python(source: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source, *arguments], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_plugin_and_its_cards_load_no_client() -> None:
    source = """
import sys
from modelyard import Runtime
assert any(card.provider == "mistral" for card in Runtime(plugins=["mistral"]).catalog)
print([name for name in ("mistralai", "httpx2", "httpx", "aiohttp") if name in sys.modules])
"""
    assert run_python(source).strip() == "[]"


def test_a_call_needs_no_official_client_and_asking_for_one_imports_none_of_its_heavy_parts(
    emulator: Emulator,
) -> None:
    source = """
import asyncio, sys
from modelyard import Runtime

async def main():
    settings = {"api_key": "k", "base_url": sys.argv[1]}
    async with Runtime({"mistral": settings}, plugins=["mistral"]) as runtime:
        await runtime.complete("mistral:mistral-medium-3-5", "Hi")
    print("mistralai.client" in sys.modules)

asyncio.run(main())
import modelyard_mistral.sdk
heavy = ("chat", "beta", "conversations", "agents", "workflows")
print([name for name in heavy if f"mistralai.client.{name}" in sys.modules])
"""
    assert run_python(source, emulator.url).split() == ["False", "[]"]


async def test_the_official_client_shares_key_server_and_http_client() -> None:
    transport = Recorder()
    async with httpx2.AsyncClient(transport=transport) as client:
        session = await open_session(settings(http_client=client, options={"server": "eu"}))
        official = await session.client()
        assert official is await session.client()
        turn = {"role": "user", "content": "Hi"}
        await official.chat.complete_async(model="mistral-medium-3-5", messages=[turn])  # type: ignore[arg-type]
        await session.aclose()
    request = transport.requests[0]
    assert request.url.host == "api.eu.mistral.ai"
    assert request.headers["authorization"] == "Bearer test-key"


def test_the_regions_are_those_of_the_official_client() -> None:
    from mistralai.client.sdkconfiguration import SERVERS as OFFICIAL

    assert SERVERS == OFFICIAL


def _request(stream: bool = True) -> Any:
    from modelyard.testing import Received

    body = {"model": "mistral-medium-3-5", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    return Received("POST", "/v1/chat/completions", "", {}, json.dumps(body).encode())


async def _send(session: MistralSession) -> None:
    from modelyard.catalog.card import ModelCard
    from modelyard.http.failures import HttpFailure
    from modelyard.types.request import build_request

    request = build_request("mistral", "m", "Hi", None, {})
    with pytest.raises(HttpFailure):
        await session.complete(request, ModelCard.unknown("mistral", "m"))


async def _until(condition: Any, seconds: float = 0.5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the server runs in another thread
            await asyncio.sleep(0.01)

"""A secret of the settings shows nowhere, for any provider and on any path: whatever is printed, logged or stored.

Servers here are careless: they repeat the key in headers, bodies and redirects.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from modelyard import Message, ModelyardError, Runtime, tool
from modelyard.testing import Emulator, LoopbackServer, Received, Reply, Reset, Script, faults, load_dialects

from .conftest import VARIANTS
from .secret_traces import of_error, texts

KEY = "sentinel-key-0f3c9a7e51b2"
HEADER = "sentinel-header-77aa1c"
PASSWORD = "sentinel-password-91ffe0"
SECRETS = (KEY, HEADER, PASSWORD)

Ask = Callable[[Runtime, str], Awaitable[Any]]


async def _streamed(runtime: Runtime, model: str) -> Any:
    events = []
    async with runtime.stream(model, "Hi") as stream:
        async for event in stream:
            events.append(event)
    return [*events, stream, stream.completion]


async def _as_sse(runtime: Runtime, model: str) -> Any:
    return [piece async for piece in runtime.stream(model, "Hi").to_sse()]


async def _run(runtime: Runtime, model: str) -> Any:
    return await runtime.run(model, "Hi", tools=[double])


async def _generate(runtime: Runtime, model: str) -> Any:
    return await runtime.complete(model, "Hi", output={"type": "object", "properties": {}})


@tool
def double(number: int) -> int:
    """Double a number."""
    return 2 * number


ASKING: dict[str, Ask] = {
    "complete": lambda runtime, model: runtime.complete(model, "Hi"),
    "stream": _streamed,
    "sse": _as_sse,
    "run": _run,
    "generate": _generate,
    "count": lambda runtime, model: runtime.count_tokens(model, "Hi"),
    "list": lambda runtime, model: runtime.list_models(model.partition(":")[0]),
    "session": lambda runtime, model: runtime.session(model.partition(":")[0]),
}


def echo(status: int, media_type: str, body: str) -> Reply:
    headers = {"content-type": media_type, "x-echo": KEY, "request-id": KEY, "x-request-id": KEY}
    return Reply(status, headers, (body.encode(),))


def problem(status: int) -> Reply:
    """An error in no provider's form and in everyone's, the key wherever text can stand."""
    error = {"message": f"Bad key {KEY}.", "type": KEY, "code": KEY, "status": KEY, "param": KEY}
    body = {
        "error": error,
        "message": f"Bad key {KEY}.",
        "detail": KEY,
        "type": KEY,
        "code": KEY,
        "object": "error",
    }
    return echo(status, "application/json", json.dumps(body))


REPLIES: dict[str, Reply] = {
    **{f"status {status}": problem(status) for status in (400, 401, 403, 404, 429, 500, 529)},
    "html": echo(502, "text/html", f"<html><body>authorization: Bearer {KEY}</body></html>"),
    "text": echo(500, "text/plain", f"authorization: Bearer {KEY}"),
    "redirect": Reply(307, {"location": f"http://127.0.0.1:9/?key={KEY}"}),
    "no json": echo(200, "application/json", f"oops {KEY}"),
    "no object": echo(200, "application/json", json.dumps([KEY])),
    "error in 200": replace(problem(500), status=200),
    "broken event": Reply.sse([f"data: oops {KEY}\n\n".encode()], {"x-echo": KEY}),
    "error in a stream": Reply.sse([f"data: {json.dumps({'error': {'message': KEY, 'code': 500}})}\n\n".encode()]),
    "reset": Reply(before_head=[Reset()]),
}


def settings(variant: str, base_url: str, **more: Any) -> dict[str, Any]:
    provider, _, api = variant.partition("-")
    config = {"api_key": KEY, "base_url": base_url, "headers": {"x-tenant": HEADER}, **more}
    return {provider: {**config, "options": {"api": api}} if api else config}


def model_of(variant: str) -> str:
    provider = variant.partition("-")[0]
    return f"{provider}:{load_dialects([provider])[provider].model}"


async def shown(variant: str, base_url: str, ask: Ask, **more: Any) -> list[tuple[str, str]]:
    """Ask, and gather all that can be seen of it."""
    provider = variant.partition("-")[0]
    arguments: dict[str, Any] = {"max_attempts": 1, "deadlines": {"between_outputs": 0.3, "first_output": 2}}
    async with Runtime(settings(variant, base_url, **more), plugins=[provider], **arguments) as runtime:
        found = [("runtime", f"{runtime!r} {runtime.plugins()!r} {runtime.providers()!r}")]
        found.append(("explain", repr(runtime.explain(model_of(variant), "Hi"))))
        try:
            found += texts(await ask(runtime, model_of(variant)))
        except ModelyardError as error:
            found += of_error(error)
    return found


def leaks(found: list[tuple[str, str]], caplog: pytest.LogCaptureFixture) -> set[tuple[str, str]]:
    logged = [*caplog.messages, caplog.text, *(repr(vars(record)) for record in caplog.records)]
    everything = [*found, *(("log", line) for line in logged)]
    return {(name, secret) for name, text in everything for secret in SECRETS if secret in text}


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("how", ASKING)
async def test_g02_a_secret_shows_nowhere_when_the_server_repeats_it(
    variant: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    current: list[Reply] = []
    found: dict[str, set[tuple[str, str]]] = {}
    with LoopbackServer(lambda received: current[-1]) as server:
        for name, reply in REPLIES.items():
            current.append(reply)
            caplog.clear()
            found[name] = leaks(await shown(variant, server.url, ASKING[how]), caplog)
        counted_here = how == "count" and variant == "openai-chat"
        assert how == "session" or counted_here or any(KEY in str(dict(each.headers)) for each in server.requests)
    assert {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("how", ASKING)
async def test_g02_a_secret_shows_nowhere_when_all_goes_well(
    variant: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider = variant.partition("-")[0]
    with Emulator(load_dialects([provider])[provider]) as emulator:
        emulator.fault = lambda reply: replace(reply, headers={**reply.headers, "x-echo": KEY, "set-cookie": KEY})
        emulator.default = Script().say("{}")
        if how == "run":
            emulator.add(Script().call("double", number=4))
        assert leaks(await shown(variant, emulator.url, ASKING[how]), caplog) == set()


@pytest.mark.parametrize("variant", VARIANTS)
async def test_g02_a_secret_shows_nowhere_when_a_stream_breaks(
    variant: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider = variant.partition("-")[0]
    with Emulator(load_dialects([provider])[provider]) as emulator:
        emulator.default = Script().say("One ", "two ", "three.")
        for fault in (
            faults.cut_after(1),
            faults.reset_after(1),
            faults.hang_after(1),
            faults.reset_before_head(),
        ):
            emulator.fault = fault
            for how in ("stream", "sse", "run"):
                assert leaks(await shown(variant, emulator.url, ASKING[how]), caplog) == set()


@pytest.mark.parametrize("variant", VARIANTS)
async def test_g02_a_proxys_password_shows_nowhere(variant: str, caplog: pytest.LogCaptureFixture) -> None:
    proxy = f"http://user:{PASSWORD}@127.0.0.1:9"
    for how in ("complete", "stream", "count", "list"):
        found = await shown(variant, "http://127.0.0.1:9", ASKING[how], proxy=proxy)
        assert leaks(found, caplog) == set()


@pytest.mark.parametrize("variant", VARIANTS)
async def test_g01_the_key_is_in_a_header_and_never_in_a_url(variant: str) -> None:
    provider = variant.partition("-")[0]
    with Emulator(load_dialects([provider])[provider]) as emulator:
        emulator.default = Script().say("{}")
        for ask in ASKING.values():
            await shown(variant, emulator.url, ask)
        for received in emulator.requests:
            assert KEY not in f"{received.path}?{received.query}"
            assert KEY.encode() not in received.body
        assert any(KEY in value for received in emulator.requests for value in received.headers.values())


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("how", ["complete", "stream", "count", "list"])
async def test_g03_a_redirect_is_never_followed_with_the_key(variant: str, status: int, how: str) -> None:
    with LoopbackServer(lambda received: Reply(200)) as stranger:
        away = Reply(status, {"location": f"{stranger.url}/v1/elsewhere"})
        with LoopbackServer(lambda received: away) as server:
            await shown(variant, server.url, ASKING[how])
        assert stranger.requests == []


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "wrap", ["{}\n", "\ufeff{}", "  {} ", "\r\n{}\r\n", '"{}"', "{}\x00", "{}\u20ac", "a\n{}"]
)
async def test_g04_a_key_with_stray_characters_is_trimmed_or_refused_unseen(
    variant: str, wrap: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider = variant.partition("-")[0]
    with Emulator(load_dialects([provider])[provider]) as emulator:
        emulator.default = Script().say("Hello.")
        found: list[tuple[str, str]] = []
        try:
            async with Runtime({provider: {"api_key": wrap.format(KEY), "base_url": emulator.url}}) as runtime:
                await runtime.complete(model_of(variant), [Message.user("Hi")])
        except ModelyardError as error:
            found = list(of_error(error))
            assert not emulator.requests
        else:
            assert any(value.removeprefix("Bearer ") == KEY for value in emulator.requests[0].headers.values())
    assert leaks(found, caplog) == set()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("how", ["complete", "stream", "run", "count", "list", "session"])
async def test_g02_a_key_given_with_a_call_shows_nowhere(
    variant: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider = variant.partition("-")[0]
    model = model_of(variant)
    for key in (KEY, f"{KEY} x"):
        with LoopbackServer(lambda received: problem(401)) as server:
            found = await shown_with_key(provider, model, server.url, how, key)
        assert leaks(found, caplog) == set()


async def shown_with_key(provider: str, model: str, base_url: str, how: str, key: str) -> list[tuple[str, str]]:
    """Ask with a key of the call's own, and gather what the error shows."""
    asking: dict[str, Callable[[Runtime], Any]] = {
        "complete": lambda runtime: runtime.complete(model, "Hi", credential=key),
        "stream": lambda runtime: runtime.stream(model, "Hi", credential={provider: key}).collect(),
        "run": lambda runtime: runtime.run(model, "Hi", credential=key),
        "count": lambda runtime: runtime.count_tokens(model, "Hi", credential=key),
        "list": lambda runtime: runtime.list_models(provider, credential=key),
        "session": lambda runtime: runtime.session(provider, credential=key),
    }
    async with Runtime({provider: {"base_url": base_url}}, plugins=[provider], max_attempts=1) as runtime:
        try:
            await asking[how](runtime)
        except ModelyardError as error:
            return list(of_error(error))
    return []


def test_what_arrived_at_a_test_server_shows_no_header() -> None:
    assert KEY not in repr(Received("POST", "/", "", {"authorization": KEY}, KEY.encode()))

"""A key appears nowhere but in its header, whatever goes wrong."""

from __future__ import annotations

import logging
import pickle
import traceback
from typing import Any

import pytest

from modelyard import ModelyardError, Runtime
from modelyard.testing import Emulator, LoopbackServer, Received, Reply, Reset, Script
from modelyard.types.base import JsonObject
from modelyard_gemini.testing.dialect import DIALECT

from .sdk_check import CheckedDialect
from .wire import answer, stream_of

FLASH = "gemini:gemini-3.8-flash"
SECRET = "AIzaSentinel-0123456789-Sentinel"


def google(code: int, status: str, **more: Any) -> JsonObject:
    """An error that repeats the key in every place that is text."""
    reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": SECRET, "metadata": {"key": SECRET}}
    error = {"code": code, "message": f"Bad key {SECRET}.", "status": status, "details": [reason], **more}
    return {"error": error}


PATHS: dict[str, Reply] = {
    "400": Reply.json(google(400, "INVALID_ARGUMENT"), 400, {"x-echo": SECRET}),
    "401": Reply.json([google(401, "UNAUTHENTICATED")], 401),
    "403": Reply.json(google(403, "PERMISSION_DENIED"), 403),
    "404": Reply.json(google(404, "NOT_FOUND"), 404),
    "429": Reply.json(google(429, "RESOURCE_EXHAUSTED"), 429),
    "503": Reply.json(google(503, "UNAVAILABLE"), 503),
    "html": Reply(502, {"content-type": "text/html"}, (f"<h1>{SECRET}</h1>".encode(),)),
    "redirect": Reply(302, {"location": f"https://x.org/?key={SECRET}"}),
    "no json": Reply(200, {"content-type": "application/json"}, (f"oops {SECRET}".encode(),)),
    "other shape": Reply.json({"candidates": [{"content": SECRET}]}),
    "blocked": Reply.json({"promptFeedback": {"blockReason": SECRET, "blockReasonMessage": SECRET}}),
    "error in 200": Reply.json(google(500, "INTERNAL")),
    "error in a stream": Reply.sse([stream_of(answer({"text": "a"}, finish=None), google(503, "UNAVAILABLE"))]),
    "cut stream": Reply.sse([stream_of(answer({"text": "a"}, finish=None))]),
    "broken event": Reply.sse([f"data: oops {SECRET}\n\n".encode()]),
    "reset": Reply(before_head=[Reset()]),
}


def calling(server: LoopbackServer, **options: Any) -> Runtime:
    """A runtime that calls a server; made here, so that no frame of a test holds the key."""
    settings = {"api_key": SECRET, "base_url": server.url}
    return Runtime({"gemini": settings}, plugins=["gemini"], **options)


def assert_hidden(error: BaseException, *more: object) -> None:
    told = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert SECRET not in told
    assert SECRET not in f"{error!r} {error} {vars(error)!r}"
    assert SECRET.encode() not in pickle.dumps(error)
    assert isinstance(error, ModelyardError)
    assert SECRET not in repr(error.to_dict())
    for thing in more:
        assert SECRET not in repr(thing)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", PATHS)
async def test_a_key_is_in_no_form_of_an_error(path: str, stream: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with LoopbackServer(lambda _: PATHS[path]) as server:
        async with calling(server, max_attempts=1) as runtime:
            with pytest.raises(ModelyardError) as caught:
                await (runtime.stream(FLASH, "Hi").collect() if stream else runtime.complete(FLASH, "Hi"))
            assert_hidden(caught.value, runtime, server.requests[-1])
            told = "".join([piece async for piece in runtime.stream(FLASH, "Hi").to_sse()])
        assert server.requests[-1].headers["x-goog-api-key"] == SECRET
    assert "event: error" in told
    assert SECRET not in told
    assert SECRET not in caplog.text


@pytest.mark.parametrize("hook", ["count", "list"])
async def test_a_key_is_in_no_error_of_counting_or_listing(hook: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for path in ("400", "html", "no json", "other shape", "reset", "redirect"):
        with LoopbackServer(lambda _, path=path: PATHS[path]) as server:  # type: ignore[misc]
            async with calling(server) as runtime:
                if hook == "list" and path == "other shape":
                    continue
                with pytest.raises(ModelyardError) as caught:
                    await (runtime.count_tokens(FLASH, "Hi") if hook == "count" else runtime.list_models("gemini"))
            assert_hidden(caught.value, runtime)
    assert SECRET not in caplog.text


async def test_a_key_is_in_no_error_raised_before_the_network(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Emulator(CheckedDialect()) as emulator:
        async with calling(emulator) as runtime:
            with pytest.raises(ModelyardError) as caught:
                await runtime.complete(FLASH, "Hi", user="u", on_unsupported="error")
            assert_hidden(caught.value, runtime)
            completion = await runtime.complete(FLASH, "Hi", user="u")
            assert SECRET not in f"{completion!r} {completion.model_dump()} {completion.record!r}"
    assert SECRET not in caplog.text


async def test_a_key_is_in_no_event_of_a_retry() -> None:
    scripts = [Script().fail("overloaded", f"Bad key {SECRET}."), Script().say("Hello.")]

    def handle(received: Received) -> Reply:
        return DIALECT.reply(scripts.pop(0), received)

    with LoopbackServer(handle) as server:
        async with calling(server, max_attempts=2) as runtime:
            stream = runtime.stream(FLASH, "Hi")
            told = [repr(event) async for event in stream]
    assert any("retrying" in event for event in told)
    assert not any(SECRET in event for event in told)

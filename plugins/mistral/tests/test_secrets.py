"""A key shows nowhere, whatever goes wrong: not in an error, its text forms, a log, an event, or a traceback."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from modelyard import Message, Runtime
from modelyard.errors import ModelyardError
from modelyard.testing import (
    Emulator,
    Fault,
    LoopbackServer,
    Reply,
    Reset,
    Script,
    cut_after,
    hang_after,
    html_page,
    reset_before_head,
)
from modelyard_mistral.testing.dialect import DIALECT

MODEL = "mistral:mistral-medium-3-5"
SENTINEL = "sentinel-0f3c9a7e51"


def echo(status: int, media_type: str, body: str) -> Reply:
    """A reply in which a careless server repeats the key."""
    return Reply(status, {"content-type": media_type, "x-echo": SENTINEL}, (body.encode(),))


def root(status: int) -> Reply:
    body = {"object": "error", "message": f"Key {SENTINEL} was refused", "type": SENTINEL, "code": SENTINEL}
    return echo(status, "application/json", json.dumps(body))


def in_stream() -> Reply:
    error = json.dumps({"object": "error", "message": f"Key {SENTINEL} expired", "type": "x", "code": SENTINEL})
    return Reply.sse([f"data: {error}\n\n".encode()])


REPLIES: dict[str, Reply] = {
    **{f"status {status}": root(status) for status in (400, 401, 402, 403, 404, 422, 429, 500, 503)},
    "complaint": echo(422, "application/json", json.dumps({"detail": [{"loc": [SENTINEL], "msg": SENTINEL}]})),
    "detail": echo(401, "application/json", json.dumps({"detail": f"Bearer {SENTINEL} is invalid"})),
    "gateway": echo(429, "application/json", json.dumps({"message": f"limit of {SENTINEL}"})),
    "html": echo(502, "text/html", f"<html><body>authorization: Bearer {SENTINEL}</body></html>"),
    "text": echo(500, "text/plain", f"authorization: Bearer {SENTINEL}"),
    "redirect": Reply(307, {"location": f"https://example.com/{SENTINEL}"}),
    "no json": echo(200, "application/json", f"oops {SENTINEL}"),
    "no object": echo(200, "application/json", json.dumps([SENTINEL])),
    "misshapen": echo(200, "application/json", json.dumps({"choices": SENTINEL, SENTINEL: 1})),
    "error in a stream": in_stream(),
    "no json in a stream": Reply.sse([f"data: oops {SENTINEL}\n\n".encode()]),
    "reset": Reply(before_head=[Reset()]),
}
FAULTS: dict[str, Fault] = {
    "cut": cut_after(2),
    "hang": hang_after(2),
    "page": html_page(503),
    "reset before the head": reset_before_head(),
}


@pytest.fixture
def key_emulator() -> Iterator[Emulator]:
    with Emulator(DIALECT) as running:
        running.default = Script().say("One ", "two ", "three.")
        yield running


def shown(error: BaseException) -> Iterator[tuple[str, str]]:
    """Every text form of an error and of all that hangs on it, by name."""
    link: BaseException | None = error
    while link is not None:
        yield "str", str(link)
        yield "repr", repr(link)
        yield "vars", repr(vars(link))
        link = link.__cause__ or link.__context__
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in told.stack if frame.filename != __file__]  # the test itself knows the key
    yield "traceback with locals", repr([(frame.name, frame.locals) for frame in frames])
    yield "traceback", "".join(traceback.format_exception(error))
    yield "copy", repr(copy.deepcopy(error))
    if isinstance(error, ModelyardError):
        yield "dict", json.dumps(error.to_dict())
        yield "pickle", pickle.dumps(error).decode("latin-1")


async def fail(base_url: str, *, stream: bool) -> list[tuple[str, str]]:
    """Make a call that fails, and gather what it shows."""
    settings = {"mistral": {"api_key": SENTINEL, "base_url": base_url}}
    deadlines = {"between_outputs": 0.2}
    async with Runtime(settings, plugins=["mistral"], max_attempts=1) as runtime:
        found = [("runtime", repr(runtime)), ("session", repr(await runtime.session("mistral")))]
        if stream:
            call = runtime.stream(MODEL, "Hi", deadlines=deadlines)
            found.append(("stream", repr(call)))
            found += [("sse", event) async for event in call.to_sse()]
            again = runtime.stream(MODEL, "Hi", deadlines=deadlines).collect()
        else:
            again = runtime.complete(MODEL, "Hi", deadlines=deadlines)
        try:
            await again
        except ModelyardError as error:
            return [*found, *shown(error)]
    return [*found, ("nothing failed", SENTINEL)]


def leaks(found: list[tuple[str, str]], log: str) -> set[str]:
    return {name for name, text in [*found, ("log", log)] if SENTINEL in text}


CASES = {
    f"{name}-{'stream' if stream else 'complete'}": (reply, stream)
    for name, reply in REPLIES.items()
    for stream in ([True] if reply.chunked else [False, True])
}


@pytest.mark.parametrize(("reply", "stream"), CASES.values(), ids=CASES)
async def test_a_key_a_server_repeats_is_shown_nowhere(
    key_emulator: Emulator, caplog: pytest.LogCaptureFixture, reply: Reply, stream: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    key_emulator.add(reply, reply)
    assert leaks(await fail(key_emulator.url, stream=stream), caplog.text) == set()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_key_is_shown_nowhere_when_the_way_breaks(
    key_emulator: Emulator, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    caplog.set_level(logging.DEBUG)
    key_emulator.fault = fault
    assert leaks(await fail(key_emulator.url, stream=True), caplog.text) == set()


async def test_a_key_is_shown_nowhere_when_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert leaks(await fail("http://127.0.0.1:9", stream=False), caplog.text) == set()


async def test_a_key_is_shown_nowhere_when_the_request_is_refused_here(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = {"mistral": {"api_key": SENTINEL}}
    async with Runtime(settings, plugins=["mistral"]) as runtime:
        for options in ({"temperature": 1.9, "on_unsupported": "error"}, {"top_p": 5}, {"tool_choice": "x"}):
            with pytest.raises(ModelyardError) as caught:
                await runtime.complete(MODEL, [Message.user("Hi")], **options)
            assert leaks(list(shown(caught.value)), caplog.text) == set()


@pytest.mark.parametrize("what", ["count", "list", "official client"])
async def test_a_key_is_shown_nowhere_when_the_side_doors_fail(
    caplog: pytest.LogCaptureFixture, what: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with LoopbackServer(lambda received: root(401)) as server:
        settings = {"mistral": {"api_key": SENTINEL, "base_url": server.url}}
        async with Runtime(settings, plugins=["mistral"], max_attempts=1) as runtime:
            try:
                if what == "count":
                    await runtime.count_tokens(MODEL, "Hi")
                elif what == "list":
                    await runtime.list_models("mistral")
                else:
                    session: Any = await runtime.session("mistral")
                    assert SENTINEL not in repr((await session.client()).sdk_configuration)
                    await runtime.complete(MODEL, "Hi")
            except ModelyardError as error:
                found = list(shown(error))
    assert leaks(found, caplog.text) == set()

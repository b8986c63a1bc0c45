"""Keys: nowhere to be seen, whatever happens."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.errors import ModelyardError
from modelyard.testing import faults
from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.rules import case, require
from modelyard.testing.script import Script
from modelyard.testing.server import Reply

__all__ = ["SecretCases"]

SENTINEL = "sentinel-0f3c9a7e51-key"
_HERE = str(Path(__file__).parent)
_FIX = "let the core redact: raise its errors, keep no header or URL on them, log no request"


def _echo(status: int, media_type: str, body: str) -> Reply:
    """A reply in which a careless server repeats the key."""
    return Reply(status, {"content-type": media_type}, (body.encode(),))


_SAID = json.dumps({"error": {"message": f"Key {SENTINEL} was refused", "type": SENTINEL, "code": SENTINEL}})
REPLIES: dict[str, Reply] = {
    **{f"status {status}": _echo(status, "application/json", _SAID) for status in (400, 401, 403, 404, 429, 500)},
    "message": _echo(401, "application/json", json.dumps({"message": f"Bearer {SENTINEL} is invalid"})),
    "html": _echo(502, "text/html", f"<html><body>authorization: Bearer {SENTINEL}</body></html>"),
    "redirect": Reply(307, {"location": "https://example.com/"}, (SENTINEL.encode(),)),
    "no json": _echo(200, "application/json", f"oops {SENTINEL}"),
    "no object": _echo(200, "application/json", json.dumps([SENTINEL])),
    "misshapen": _echo(200, "application/json", json.dumps({SENTINEL: SENTINEL})),
}
FAULTS = {
    "cut": faults.cut_after(2),
    "page": faults.html_page(503),
    "reset": faults.reset_before_head(),
    "crash": faults.crash_after(1),
}


class SecretCases:
    """Cases about the credential."""

    @case
    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    @pytest.mark.parametrize("name", REPLIES)
    async def test_a_key_a_server_repeats_is_shown_nowhere(
        self, wire: Bench, name: str, stream: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Servers and gateways do repeat keys in errors, and errors go to logs, dashboards and users."""
        caplog.set_level(logging.DEBUG)
        wire.emulator.add(REPLIES[name], REPLIES[name])
        await _nothing_shown(wire, caplog, stream=stream)

    @case
    @pytest.mark.parametrize("name", FAULTS)
    async def test_a_key_is_shown_nowhere_when_the_way_breaks(
        self, wire: Bench, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """HTTP libraries hang requests, headers and all, on their exceptions."""
        caplog.set_level(logging.DEBUG)
        wire.emulator.fault = FAULTS[name]
        wire.emulator.add(*[Script().say("One ", "two ", "three.")] * 2)
        await _nothing_shown(wire, caplog, stream=True)

    @case
    async def test_a_key_is_shown_nowhere_when_all_is_well(
        self, wire: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Logs at DEBUG, reprs of runtime and session, events for a web page, and pickled answers."""
        caplog.set_level(logging.DEBUG)
        wire.emulator.add(*[Script().say("Hi.")] * 2)
        async with wire.runtime(api_key=SENTINEL) as runtime:
            shown = [("runtime", repr(runtime))]
            answer = await runtime.complete(wire.reference, "Hi")
            shown += [("completion", repr(answer)), ("pickle", pickle.dumps(answer).decode("latin-1"))]
            shown += [("event", text) async for text in runtime.stream(wire.reference, "Hi").to_sse()]
            shown.append(("session", repr(await runtime.session(wire.subject.provider))))
        _hidden([*shown, ("log", caplog.text)])


async def _nothing_shown(wire: Bench, caplog: pytest.LogCaptureFixture, *, stream: bool) -> None:
    """Make a call that fails, and look at everything it shows."""
    shown: list[tuple[str, str]] = []
    async with wire.runtime(api_key=SENTINEL) as runtime:
        try:
            if stream:
                shown += [("event", text) async for text in runtime.stream(wire.reference, "Hi").to_sse()]
                await runtime.stream(wire.reference, "Hi").collect()
            else:
                await runtime.complete(wire.reference, "Hi")
        except ModelyardError as error:
            shown += _forms(error)
    _hidden([*shown, ("log", caplog.text)])


def _hidden(shown: list[tuple[str, str]]) -> None:
    leaks = sorted({name for name, text in shown if SENTINEL in text})
    require(not leaks, "a credential is shown nowhere", f"the key is in: {', '.join(leaks)}", _FIX)


def _forms(error: ModelyardError) -> Iterator[tuple[str, str]]:
    """Every text form of an error and of all that hangs on it, by name."""
    link: BaseException | None = error
    while link is not None:
        yield f"str({type(link).__name__})", str(link)
        yield f"repr({type(link).__name__})", repr(link)
        yield f"attributes of {type(link).__name__}", repr(vars(link))
        link = link.__cause__ or link.__context__
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in told.stack if not frame.filename.startswith(_HERE)]  # the kit knows the key
    yield "local variables of the traceback", repr([(frame.name, frame.locals) for frame in frames])
    yield "traceback", "".join(traceback.format_exception(error))
    yield "copy", repr(copy.deepcopy(error))
    yield "to_dict()", json.dumps(error.to_dict())
    yield "pickle", pickle.dumps(error).decode("latin-1")

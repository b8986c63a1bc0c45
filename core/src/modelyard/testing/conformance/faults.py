"""Cases of broken connections: cuts, resets, silence, nonsense, and callers who leave."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest

from modelyard.errors import (
    ConnectionFailedError,
    DeadlineError,
    InvalidResponseError,
    OverloadedError,
    ProviderError,
    ServerError,
    StreamInterruptedError,
)
from modelyard.testing import faults
from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.rules import case, require
from modelyard.testing.conformance.tools import WEATHER
from modelyard.testing.script import Script
from modelyard.testing.server import Reply
from modelyard.types.tools import Tool

__all__ = ["FaultCases"]

WORDS = "It is sunny in Paris today."
CUTS = {"cleanly": faults.cut_after, "by a crash": faults.crash_after, "by a reset": faults.reset_after}
HTML, JSON = {"content-type": "text/html"}, {"content-type": "application/json"}
NONSENSE: dict[str, tuple[Reply, type[ProviderError]]] = {
    "html": (Reply(200, HTML, (b"<html><body>Welcome to the proxy</body></html>",)), InvalidResponseError),
    "empty": (Reply(200, JSON, (b"",)), InvalidResponseError),
    "null": (Reply(200, JSON, (b"null",)), InvalidResponseError),
    "empty object": (Reply(200, JSON, (b"{}",)), InvalidResponseError),
    "text": (Reply(200, JSON, (b'"hello"',)), InvalidResponseError),
    "html 502": (Reply(502, HTML, (b"<h1>Bad Gateway</h1>",)), ServerError),
    "empty 503": (Reply(503, {}, (b"",)), OverloadedError),
    "redirect": (Reply(307, {"location": "http://127.0.0.1:1/"}, (b"",)), InvalidResponseError),
}


class FaultCases:
    """Cases about a network and a provider that fail."""

    @case
    @pytest.mark.parametrize("how", CUTS)
    async def test_a_stream_cut_at_any_event_is_interrupted(self, wire: Bench, how: str) -> None:
        """A stream without its terminator is never an answer, however complete its text looks.

        ``stop`` for a stream that was cut makes a host store half an answer as a whole one.
        """
        script, tools = _script(wire)
        steps = await _steps(wire, script, tools)
        async with wire.runtime() as runtime:
            for kept in range(steps):
                wire.emulator.fault = CUTS[how](kept)
                wire.emulator.add(script)
                try:
                    answer = await runtime.stream(wire.reference, "Hi", tools=tools).collect()
                except StreamInterruptedError as error:
                    _check_cut(error, kept, steps)
                    continue
                except ProviderError as error:
                    found: object = f"{type(error).__name__}: {error}"
                else:
                    found = f"an answer with finish_reason {answer.finish_reason!r}"
                require(
                    False,
                    "a stream cut before its terminator raises StreamInterruptedError",
                    f"{found}, cut {how} after {kept} of {steps} wire events",
                    "emit Done only for the provider's terminator; end otherwise with StreamInterruptedError",
                    event=kept,
                )

    @case
    async def test_a_stream_cut_inside_an_event_is_interrupted(self, wire: Bench) -> None:
        """Half a terminator is none."""
        script, tools = _script(wire)

        def halve_the_last(reply: Reply) -> Reply:
            last = reply.steps[-1]
            assert isinstance(last, bytes)
            return replace(reply, steps=[*reply.steps[:-1], last[: len(last) // 2]])

        wire.emulator.fault = halve_the_last
        wire.emulator.add(script)
        error = await wire.fails(stream=True, tools=tools)
        require(
            isinstance(error, StreamInterruptedError),
            "a stream cut inside its last event is interrupted",
            f"{type(error).__name__}: {error}",
            "leave an event that is not complete to the parser",
        )

    @case
    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    async def test_a_connection_that_breaks_before_the_answer(self, wire: Bench, stream: bool) -> None:
        """Nothing arrived, so it is safe to ask again: the error must say so."""
        wire.emulator.fault = faults.reset_before_head()
        first = await wire.fails(stream=stream)
        wire.emulator.stop()
        for error in (first, await wire.fails(stream=stream)):
            require(
                isinstance(error, ConnectionFailedError) and error.retryable,
                "a connection that breaks before the answer is a ConnectionFailedError",
                f"{type(error).__name__}: {error}",
                "map it with modelyard.provider.map_transport_error",
            )

    @case
    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    @pytest.mark.parametrize("name", NONSENSE)
    async def test_an_answer_that_is_none_is_a_typed_error(self, wire: Bench, name: str, stream: bool) -> None:
        """Proxies and gateways answer too, with pages, nothing, and redirects that would take the key along."""
        reply, kind = NONSENSE[name]
        wire.emulator.add(reply)
        error = await wire.fails(stream=stream)
        require(
            isinstance(error, kind),
            f"{name} is a {kind.__name__}",
            f"{type(error).__name__}: {error}",
            "read bodies through the core's decoder; follow no redirect",
        )
        require(len(wire.emulator.asked) == 1, "one attempt is one request", len(wire.emulator.asked), _RETRY)

    @case
    @pytest.mark.parametrize("phase", ["no head", "no event"])
    async def test_silence_ends_at_a_deadline(self, wire: Bench, phase: str) -> None:
        """A provider that hangs must not hang its caller; the core ends the wait, if the plugin lets it."""
        wire.emulator.fault = faults.hang_before_head() if phase == "no head" else faults.hang_after(0)
        async with wire.runtime(deadlines={"first_output": 0.2}) as runtime:
            try:
                await runtime.stream(wire.reference, "Hi").collect()
            except DeadlineError as error:
                require(
                    error.phase == "first_output", "the deadline is named", error.phase, "leave it to the core"
                )
                return
        require(
            False, "silence ends at a deadline", "an answer", "set no longer timeout, and swallow no cancellation"
        )

    @case
    async def test_leaving_a_stream_closes_its_connection(self, wire: Bench) -> None:
        """Otherwise the provider goes on writing, and billing, and the connection is lost to the pool."""
        wire.emulator.fault = faults.drip(0.02)
        wire.emulator.add(Script().say(WORDS * 50))
        async with wire.runtime() as runtime:
            async with runtime.stream(wire.reference, "Hi") as stream:
                async for event in stream:
                    if event.type == "content_delta":
                        break
            await _left(wire, "leaving a stream closes its connection")

    @case
    async def test_cancelling_closes_the_connection(self, wire: Bench) -> None:
        """A task that is cancelled must end at once, and take its request with it."""
        wire.emulator.fault = faults.hang_before_head()
        async with wire.runtime() as runtime:
            task = asyncio.create_task(runtime.complete(wire.reference, "Hi"))
            while not wire.emulator.asked:
                await asyncio.sleep(0.005)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            require(task.cancelled(), "cancellation is passed on", "it was swallowed", "catch no CancelledError")
            await _left(wire, "cancelling closes the connection")


_RETRY = "switch off the retries of the SDK: the core retries, and counts"


def _script(wire: Bench) -> tuple[Script, list[Tool]]:
    """Reasoning, text and a call, as far as the model can."""
    script = Script().think("Hm, let me see.") if wire.allows("reasoning") else Script()
    script = script.say(WORDS)
    if not wire.allows("tools"):
        return script, []
    return script.call("get_weather", city="Paris"), [WEATHER]


async def _steps(wire: Bench, script: Script, tools: list[Tool]) -> int:
    """How many events the script makes on this wire."""
    counted: list[int] = []

    def count(reply: Reply) -> Reply:
        counted.append(len(reply.steps))
        return reply

    wire.emulator.fault = count
    await wire.ask(script, stream=True, tools=tools)
    return counted[0]


def _check_cut(error: StreamInterruptedError, kept: int, steps: int) -> None:
    partial = error.partial.text if error.partial is not None else ""
    require(
        WORDS.startswith(partial),
        "what had arrived is on the error",
        repr(partial),
        "yield events as they come",
        event=kept,
    )
    require(
        kept < steps - 1 or partial == WORDS,
        "all that had arrived is on the error",
        f"{partial!r} after {kept} of {steps} wire events",
        "yield what you decoded before you raise",
        event=kept,
    )
    require(error.retryable, "an interrupted stream may be asked again", "retryable is False", "leave the default")


async def _left(wire: Bench, rule: str) -> None:
    try:
        await asyncio.to_thread(wire.emulator.wait_for_disconnect, 3.0)
    except TimeoutError:
        require(
            False, rule, "it stays open", "close the response in a finally block, as `async with` does for you"
        )

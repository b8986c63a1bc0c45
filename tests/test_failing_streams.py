"""A stream that does not reach its terminator is an error with what had arrived, for every provider."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from modelyard import (
    ConnectionFailedError,
    DeadlineError,
    InvalidResponseError,
    OverloadedError,
    ProviderError,
    ServerError,
    StreamInterruptedError,
)
from modelyard.testing import Reply, Script, faults

from .conftest import Emulated, ask

WORDS = "It is sunny in Paris today."
SCRIPT = Script().think("Hm, let me see.").say(WORDS).call("get_weather", city="Paris")
CUTS = {"cleanly": faults.cut_after, "by a crash": faults.crash_after, "by a reset": faults.reset_after}


async def _steps(emulated: Emulated) -> int:
    """How many events the script makes on this wire."""
    counted: list[int] = []

    def count(reply: Reply) -> Reply:
        counted.append(len(reply.steps))
        return reply

    emulated.emulator.fault = count
    emulated.emulator.add(SCRIPT)
    async with emulated.runtime() as runtime:
        await runtime.stream(emulated.reference, "Hi").collect()
    return counted[0]


@pytest.mark.parametrize("how", CUTS)
async def test_a_cut_before_the_terminator_keeps_the_partial_answer(emulated: Emulated, how: str) -> None:
    steps = await _steps(emulated)
    async with emulated.runtime() as runtime:
        for kept in range(steps):
            emulated.emulator.fault = CUTS[how](kept)
            emulated.emulator.add(SCRIPT)
            stream = runtime.stream(emulated.reference, "Hi")
            with pytest.raises(StreamInterruptedError) as caught:
                await stream.collect()
            partial = caught.value.partial
            assert partial is None or WORDS.startswith(partial.text)
            assert kept < steps - 2 or (partial is not None and partial.text == WORDS)
            assert caught.value.retryable
            assert caught.value.provider == emulated.provider
            assert [attempt.outcome for attempt in caught.value.attempts] == ["error"]


async def test_a_cut_inside_an_event_is_a_cut(emulated: Emulated) -> None:
    def halve_the_last(reply: Reply) -> Reply:
        last = reply.steps[-1]
        assert isinstance(last, bytes)
        return replace(reply, steps=[*reply.steps[:-1], last[: len(last) // 2]])

    emulated.emulator.fault = halve_the_last
    emulated.emulator.add(SCRIPT)
    async with emulated.runtime() as runtime:
        with pytest.raises(StreamInterruptedError) as caught:
            await runtime.stream(emulated.reference, "Hi").collect()
    assert caught.value.partial is not None
    assert caught.value.partial.text == WORDS


async def test_an_error_event_after_output_is_classified_by_its_body(emulated: Emulated) -> None:
    emulated.emulator.add(Script().say(WORDS).fail("overloaded", "No capacity."))
    async with emulated.runtime() as runtime:
        with pytest.raises(OverloadedError, match="No capacity") as caught:
            await runtime.stream(emulated.reference, "Hi").collect()
    assert caught.value.partial is not None
    assert WORDS.startswith(caught.value.partial.text)
    assert caught.value.status != 200
    assert caught.value.request_id or emulated.provider == "gemini"


async def test_a_connection_that_breaks_before_the_answer_is_no_interrupted_stream(emulated: Emulated) -> None:
    emulated.emulator.fault = faults.reset_before_head()
    async with emulated.runtime() as runtime:
        with pytest.raises(ConnectionFailedError):
            await runtime.stream(emulated.reference, "Hi").collect()
        with pytest.raises(ConnectionFailedError):
            await runtime.complete(emulated.reference, "Hi")


async def test_nobody_listening(emulated: Emulated) -> None:
    emulated.emulator.stop()
    async with emulated.runtime() as runtime:
        with pytest.raises(ConnectionFailedError):
            await runtime.complete(emulated.reference, "Hi")


@pytest.mark.parametrize("fault", [faults.hang_before_head(), faults.hang_after(0)], ids=["no head", "no event"])
async def test_silence_ends_at_a_deadline(emulated: Emulated, fault: faults.Fault) -> None:
    emulated.emulator.fault = fault
    async with emulated.runtime() as runtime:
        with pytest.raises(DeadlineError) as caught:
            await runtime.stream(emulated.reference, "Hi", deadlines={"first_output": 0.2}).collect()
        assert caught.value.phase == "first_output"


HTML = {"content-type": "text/html"}
JSON = {"content-type": "application/json"}
NONSENSE: dict[str, tuple[Reply, type[ProviderError], str]] = {
    "html": (
        Reply(200, HTML, (b"<html><body>Welcome to the proxy</body></html>",)),
        InvalidResponseError,
        "proxy",
    ),
    "empty": (Reply(200, JSON, (b"",)), InvalidResponseError, "is empty"),
    "null": (Reply(200, JSON, (b"null",)), InvalidResponseError, "NoneType"),
    "empty object": (Reply(200, JSON, (b"{}",)), InvalidResponseError, ""),
    "text": (Reply(200, JSON, (b'"hello"',)), InvalidResponseError, "str"),
    "html 502": (Reply(502, HTML, (b"<h1>Bad Gateway</h1>",)), ServerError, "Bad Gateway"),
    "empty 503": (Reply(503, {}, (b"",)), OverloadedError, "503"),
    "redirect": (Reply(307, {"location": "http://127.0.0.1:1/"}, (b"",)), InvalidResponseError, "not followed"),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "complete"])
@pytest.mark.parametrize(("reply", "kind", "complaint"), NONSENSE.values(), ids=NONSENSE)
async def test_an_answer_that_is_none_is_a_typed_error(
    emulated: Emulated, reply: Reply, kind: type[ProviderError], complaint: str, stream: bool
) -> None:
    emulated.emulator.add(reply)
    async with emulated.runtime() as runtime:
        with pytest.raises(kind) as caught:
            await ask(runtime, emulated.reference, stream=stream)
    assert complaint in str(caught.value) or (stream and complaint == "proxy")
    assert len(emulated.emulator.requests) == 1


async def test_leaving_early_closes_the_connection(emulated: Emulated) -> None:
    emulated.emulator.fault = faults.drip(0.05)
    emulated.emulator.add(Script().say(WORDS * 50))
    async with emulated.runtime() as runtime:
        async with runtime.stream(emulated.reference, "Hi") as stream:
            async for event in stream:
                if event.type == "content_delta":
                    break
        await asyncio.to_thread(emulated.emulator.wait_for_disconnect, 2.0)


async def test_one_provider_failing_leaves_the_others_alone(emulated: Emulated) -> None:
    emulated.emulator.add(Script().fail("overloaded"))
    async with emulated.runtime() as runtime:
        failed = runtime.complete(emulated.reference, "Hi")
        worked = runtime.complete(emulated.reference, "Hi")
        first, second = await asyncio.gather(failed, worked, return_exceptions=True)
    outcomes = {type(first).__name__, type(second).__name__}
    assert outcomes == {"OverloadedError", "Completion"}

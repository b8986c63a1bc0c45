"""Rows of the bug gauntlet about streams that are the engine's own affair, whatever the provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from modelyard import Done, RateLimitError, Runtime, Status
from modelyard.testing import FakeClock, Script, ScriptedProvider

ROUTE = ["first:a", "second:b"]
CUT = Script().say("Hel").fail("rate_limit")


async def test_b09_a_failure_in_the_middle_without_a_policy_ends_at_once_with_one_error() -> None:
    clock, provider = FakeClock(), ScriptedProvider("first", default=CUT)
    async with Runtime(plugins=[provider], clock=clock) as runtime:
        stream = runtime.stream("first:a", "Hi")
        with pytest.raises(RateLimitError):
            await stream.collect()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
    assert (len(provider.requests), clock.sleeps) == (1, [])


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter"])
async def test_b21_after_a_fallback_the_finish_reason_is_that_of_the_provider_that_answered(reason: Any) -> None:
    providers = [
        ScriptedProvider("first", default=Script().fail("overloaded")),
        ScriptedProvider("second", default=Script().say("Hello.").finish(reason)),
    ]
    runtime = Runtime(plugins=providers, fallback="before_output", max_attempts=1)
    async with runtime, runtime.stream(ROUTE, "Hi") as stream:
        events = [event async for event in stream]
    assert isinstance(events[-1], Done)
    assert events[-1].finish_reason == stream.completion.finish_reason == reason


class Endless(ScriptedProvider):
    """Never stops talking."""

    async def _events(self, request: Any) -> AsyncGenerator[Any, None]:
        events = [event async for event in super()._events(request)]
        yield events[0]
        while True:
            yield events[1]
            await asyncio.sleep(0)


async def test_b22_b24_giving_up_is_no_error_event_and_what_had_come_says_cancelled() -> None:
    events: list[Any] = []

    async def consume() -> None:
        async with runtime.stream("first:a", "Hi") as stream:
            streams.append(stream)
            async for event in stream:
                events.append(event)

    streams: list[Any] = []
    async with Runtime(plugins=[Endless("first")]) as runtime:
        task = asyncio.ensure_future(consume())
        for _ in range(100):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert {event.type for event in events} == {"status", "content_delta"}
    assert streams[0].partial.finish_reason == "cancelled"


async def test_b30_after_a_restart_and_its_events_there_is_still_one_end() -> None:
    first = ScriptedProvider("first", [CUT, CUT], default=Script().say("Hello."))
    async with Runtime(plugins=[first], fallback="restart", clock=FakeClock()) as runtime:
        async with runtime.stream("first:a", "Hi") as stream:
            events = [event async for event in stream]
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
    assert [event.type for event in events].count("done") == 1
    assert events[-1].type == "done"
    restarts = [event for event in events if isinstance(event, Status) and event.state == "restarted"]
    assert len(restarts) == 2
    assert stream.completion.text == "Hello."

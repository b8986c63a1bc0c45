"""Leaving, cancelling and closing at any moment: nothing stays behind, and every attempt is reported once."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import pytest

from modelyard import Limits, LocalState, RateLimit, Runtime, RuntimeClosedError, hookimpl
from modelyard.health.state import Refusal, Verdict
from modelyard.testing import Script, ScriptedProvider

KEY = "acme:one#-@"


class Distant(LocalState):
    """A state that takes some turns of the loop to answer, as one in another process does."""

    async def admit(
        self, key: str, limits: Limits | None = None, tokens: int = 0, *, last_resort: bool = True
    ) -> Refusal | None:
        await asyncio.sleep(0)
        return await super().admit(key, limits, tokens, last_resort=last_resort)

    async def report(
        self,
        key: str,
        verdict: Verdict,
        *,
        delay: float | None = None,
        latency: float | None = None,
        rate_limits: Mapping[str, RateLimit] | None = None,
    ) -> None:
        await super().report(key, verdict, delay=delay, latency=latency, rate_limits=rate_limits)
        await asyncio.sleep(0)


class Slow(ScriptedProvider):
    """Takes turns of the loop over everything, and counts the streams that are open."""

    open = 0

    async def _events(self, request: Any) -> AsyncGenerator[Any, None]:
        self.open += 1
        try:
            await asyncio.sleep(0)
            async with aclosing(super()._events(request)) as events:
                async for event in events:
                    yield event
                    await asyncio.sleep(0)
        finally:
            self.open -= 1


class Watching:
    """An observer that counts what began and what ended."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    @hookimpl
    def modelyard_attempt_started(self, deployment: str) -> None:
        self.seen["started"] += 1

    @hookimpl
    def modelyard_attempt_finished(self, attempt: object) -> None:
        self.seen["finished"] += 1


Use = Callable[[Runtime], Awaitable[object]]


async def complete(runtime: Runtime) -> object:
    return await runtime.complete("acme:one", "Hi")


async def stream(runtime: Runtime) -> object:
    return await runtime.stream("acme:one", "Hi").collect()


async def hedged(runtime: Runtime) -> object:
    return await runtime.complete("acme:one", "Hi", hedge_after=0.0)


async def hedged_stream(runtime: Runtime) -> object:
    return await runtime.stream("acme:one", "Hi", hedge_after=0.0).collect()


async def run(runtime: Runtime) -> object:
    return await runtime.run("acme:one", "Hi")


USES = [complete, stream, hedged, hedged_stream, run]
SCRIPTS = {
    "that answers": Script().say("one ", "two ", "three"),
    "that fails": Script().fail("overloaded", retry_after=0),
    "that breaks": Script().say("one ", "two").fail("server"),
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("use", USES)
async def test_cancelling_a_call_at_any_turn_leaves_nothing_behind(use: Use, script: Script) -> None:
    provider, state, watching = Slow("acme", default=script), Distant(), Watching()
    before = asyncio.all_tasks()
    async with Runtime(plugins=[provider], state=state, hooks=[watching]) as runtime:
        for turns in range(40):
            task = asyncio.ensure_future(use(runtime))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            for _ in range(3):
                await asyncio.sleep(0)
            assert asyncio.all_tasks() - before == set()
            assert state.in_flight(KEY) == 0
            assert provider.open == 0
            assert watching.seen["started"] == watching.seen["finished"]
            assert not runtime._planner.running._here().calls
            if not task.cancelled():
                task.exception()


@pytest.mark.parametrize("hedge", [None, 0.0])
async def test_leaving_a_stream_after_any_event_leaves_nothing_behind(hedge: float | None) -> None:
    provider, state, watching = Slow("acme", default=SCRIPTS["that answers"]), Distant(), Watching()
    async with Runtime(plugins=[provider], state=state, hooks=[watching], hedge_after=hedge) as runtime:
        for count in range(12):
            async with runtime.stream("acme:one", "Hi") as events:
                for _ in range(count):
                    if await anext(events, None) is None:
                        break
            assert (state.in_flight(KEY), provider.open) == (0, 0)
            assert watching.seen["started"] == watching.seen["finished"]


async def test_a_stream_that_is_just_dropped_is_closed_too() -> None:
    provider, state = Slow("acme"), LocalState()
    async with Runtime(plugins=[provider], state=state) as runtime:
        events = runtime.stream("acme:one", "Hi")
        for _ in range(4):
            await anext(events)
        assert provider.open == 1
        del events
        gc.collect()
        for _ in range(20):
            await asyncio.sleep(0)
        assert (provider.open, state.in_flight(KEY)) == (0, 0)


class Waiting(ScriptedProvider):
    """Says one word and then waits until it is told to go on."""

    def __init__(self) -> None:
        super().__init__("acme")
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def _events(self, request: Any) -> AsyncGenerator[Any, None]:
        events = [event async for event in super()._events(request)]
        for event in events[:2]:
            yield event
        self.begun.set()
        await self.go_on.wait()
        for event in events[2:]:
            yield event


async def begun(provider: Waiting, call: Awaitable[Any]) -> asyncio.Future[Any]:
    task = asyncio.ensure_future(call)
    await provider.begun.wait()
    return task


@pytest.mark.parametrize("use", USES)
async def test_closing_ends_a_call_under_way_with_a_typed_error(use: Use) -> None:
    provider, state = Waiting(), LocalState()
    runtime = Runtime(plugins=[provider], state=state)
    task = await begun(provider, use(runtime))
    await runtime.aclose()
    with pytest.raises(RuntimeClosedError) as caught:
        await task
    assert all(attempt.maybe_billed for attempt in caught.value.attempts)
    assert len(provider.requests) == len(caught.value.attempts)
    assert all(session.closed for session in provider.sessions)
    assert state.in_flight(KEY) == 0


async def test_what_had_arrived_is_on_the_error() -> None:
    provider = Waiting()
    runtime = Runtime(plugins=[provider])
    task = await begun(provider, stream(runtime))
    await runtime.aclose()
    with pytest.raises(RuntimeClosedError) as caught:
        await task
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hello"
    assert not caught.value.retryable


async def test_a_drain_lets_calls_finish_and_refuses_new_ones() -> None:
    provider = Waiting()
    runtime = Runtime(plugins=[provider])
    task = await begun(provider, stream(runtime))
    closing = asyncio.ensure_future(runtime.aclose(drain=60))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeClosedError, match="takes no new calls"):
        await complete(runtime)
    with pytest.raises(RuntimeClosedError, match="takes no new calls"):
        await stream(runtime)
    assert not closing.done()
    provider.go_on.set()
    assert (await task).text == "Hello from a script."
    await closing
    assert provider.sessions[0].closed
    assert (await complete(runtime)) is not None  # closed is not gone: it opens a new session
    await runtime.aclose()
    assert len(provider.sessions) == 2


async def test_a_drain_that_takes_too_long_ends_the_calls() -> None:
    provider = Waiting()
    runtime = Runtime(plugins=[provider])
    task = await begun(provider, complete(runtime))
    await runtime.aclose(drain=0.01)
    with pytest.raises(RuntimeClosedError):
        await task


async def test_closing_ends_a_wait_between_attempts() -> None:
    provider = ScriptedProvider("acme", default=Script().fail("overloaded", retry_after=50))
    runtime = Runtime(plugins=[provider])
    task = asyncio.ensure_future(complete(runtime))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not task.done()
    await runtime.aclose()
    with pytest.raises(RuntimeClosedError):
        await task
    assert len(provider.requests) == 1


async def test_a_stream_whose_consumer_is_busy_ends_when_it_asks_for_more() -> None:
    provider = Slow("acme")
    runtime = Runtime(plugins=[provider])
    async with runtime.stream("acme:one", "Hi") as events:
        while (await anext(events)).type != "content_delta":
            pass
        await runtime.aclose()
        with pytest.raises(RuntimeClosedError):
            await anext(events)
    assert provider.open == 0


async def test_cancelling_a_call_while_the_runtime_closes_is_a_cancellation() -> None:
    provider = Waiting()
    runtime = Runtime(plugins=[provider])
    task = await begun(provider, complete(runtime))
    task.cancel()
    await runtime.aclose()
    with pytest.raises(asyncio.CancelledError):
        await task

"""Hedging: a late first word gets a rival, the faster one is heard, and the slower one stays on the record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from modelyard import OverloadedError, Runtime, Status
from modelyard.testing import Script, ScriptedProvider

ROUTE = ["slow:a", "quick:b"]


class Late(ScriptedProvider):
    """Its first attempt waits until a rival has begun, then for ``seconds``; ``left`` counts those given up."""

    def __init__(self, provider: str, seconds: float, default: Script) -> None:
        super().__init__(provider, default=default)
        self.seconds = seconds
        self.left = self.begun = 0
        self.rival = asyncio.Event()

    async def _events(self, request: Any) -> AsyncGenerator[Any, None]:
        self.begun += 1
        if self.begun > 1:
            self.rival.set()
        elif self.seconds:
            try:
                await self.rival.wait()
                await asyncio.sleep(self.seconds)
            except asyncio.CancelledError:
                self.left += 1
                raise
        async for event in super()._events(request):
            yield event


class Rival(ScriptedProvider):
    """Tells the late one that it has begun."""

    def __init__(self, late: Late, default: Script) -> None:
        super().__init__("quick", default=default)
        self.late = late

    async def _events(self, request: Any) -> AsyncGenerator[Any, None]:
        self.late.rival.set()
        async for event in super()._events(request):
            yield event


def pair(slow: Script, quick: Script, seconds: float = 30.0) -> tuple[Late, ScriptedProvider]:
    late = Late("slow", seconds, slow)
    return late, Rival(late, quick)


async def ask(runtime: Runtime, *, stream: bool) -> tuple[Any, list[Any]]:
    if not stream:
        return await runtime.complete(ROUTE, "Hi", hedge_after=0.02), []
    async with runtime.stream(ROUTE, "Hi", hedge_after=0.02) as answer:
        events = [event async for event in answer]
    return answer.completion, events


@pytest.mark.parametrize("stream", [False, True])
async def test_the_one_that_answers_first_is_heard_and_the_other_given_up(stream: bool) -> None:
    slow, quick = pair(Script().say("Late."), Script().say("Quick."))
    async with Runtime(plugins=[slow, quick], fallback="before_output") as runtime:
        completion, events = await ask(runtime, stream=stream)
    assert completion.text == "Quick."
    assert completion.provider == "quick"
    assert slow.left == 1
    outcomes = {attempt.deployment: attempt for attempt in completion.record.attempts}
    assert outcomes["slow:a"].outcome == "cancelled"
    assert outcomes["slow:a"].maybe_billed
    assert outcomes["quick:b"].outcome == "ok"
    if stream:
        selected = [event.deployment for event in events if isinstance(event, Status) and event.state[:3] == "sel"]
        assert selected == ["slow:a", "quick:b"]
        assert [event.type for event in events].count("done") == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_in_time_has_no_rival(stream: bool) -> None:
    slow, quick = pair(Script().say("In time."), Script().say("Quick."), seconds=0.0)
    async with Runtime(plugins=[slow, quick], fallback="before_output") as runtime:
        completion, _ = await ask(runtime, stream=stream)
    assert completion.text == "In time."
    assert quick.requests == []


@pytest.mark.parametrize("stream", [False, True])
async def test_a_rival_that_fails_leaves_the_first_alone(stream: bool) -> None:
    slow, quick = pair(Script().say("Late."), Script().fail("overloaded"), seconds=0.05)
    async with Runtime(plugins=[slow, quick], fallback="before_output") as runtime:
        completion, _ = await ask(runtime, stream=stream)
    assert completion.text == "Late."
    outcomes = [(attempt.deployment, attempt.outcome) for attempt in completion.record.attempts]
    assert sorted(outcomes) == [("quick:b", "error"), ("slow:a", "ok")]


@pytest.mark.parametrize("stream", [False, True])
async def test_when_both_fail_every_attempt_is_on_the_error(stream: bool) -> None:
    slow, quick = pair(Script().fail("overloaded"), Script().fail("overloaded"), seconds=0.05)
    async with Runtime(plugins=[slow, quick], fallback="before_output", max_attempts=1) as runtime:
        with pytest.raises(OverloadedError) as caught:
            await ask(runtime, stream=stream)
    assert sorted(attempt.deployment for attempt in caught.value.attempts) == ["quick:b", "slow:a"]


@pytest.mark.parametrize("stream", [False, True])
async def test_by_default_the_rival_is_the_same_model_again(stream: bool) -> None:
    slow, quick = pair(Script().say("Late."), Script().say("Quick."), seconds=30.0)
    async with Runtime(plugins=[slow, quick]) as runtime:
        completion, _ = await ask(runtime, stream=stream)
    assert completion.text == "Late."
    assert quick.requests == []
    assert slow.left == 1
    assert sorted(attempt.outcome for attempt in completion.record.attempts) == ["cancelled", "ok"]


async def test_a_caller_who_leaves_gives_up_both() -> None:
    slow, quick = Late("slow", 30.0, Script()), Late("quick", 30.0, Script())
    async with Runtime(plugins=[slow, quick], fallback="before_output") as runtime:
        task = asyncio.ensure_future(runtime.complete(ROUTE, "Hi", hedge_after=0.01))
        while not quick.begun:  # noqa: ASYNC110 - no event tells of another provider's beginning
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (slow.left, quick.left) == (1, 1)

"""Hedging: a late first word gets a rival, the faster one is heard, and the slower one stays on the record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from modelyard import OverloadedError, Runtime, Status
from modelyard.testing import Script, ScriptedProvider

ROUTE = ["slow:a", "quick:b"]


class Late(ScriptedProvider):
    """Thinks for long before it answers or fails; ``left`` counts the attempts that were given up."""

    def __init__(self, provider: str, seconds: float, default: Script) -> None:
        super().__init__(provider, default=default)
        self.seconds = seconds
        self.left = 0

    async def _events(self, request: Any) -> AsyncIterator[Any]:
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.left += 1
            raise
        async for event in super()._events(request):
            yield event


def pair(slow: Script, quick: Script, seconds: float = 30.0) -> tuple[Late, ScriptedProvider]:
    return Late("slow", seconds, slow), ScriptedProvider("quick", default=quick)


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
    slow, quick = pair(Script().say("Late."), Script().fail("overloaded"), seconds=0.6)
    async with Runtime(plugins=[slow, quick], fallback="before_output") as runtime:
        completion, _ = await ask(runtime, stream=stream)
    assert completion.text == "Late."
    outcomes = [(attempt.deployment, attempt.outcome) for attempt in completion.record.attempts]
    assert sorted(outcomes) == [("quick:b", "error"), ("slow:a", "ok")]


@pytest.mark.parametrize("stream", [False, True])
async def test_when_both_fail_every_attempt_is_on_the_error(stream: bool) -> None:
    slow, quick = pair(Script().fail("overloaded"), Script().fail("overloaded"), seconds=0.6)
    async with Runtime(plugins=[slow, quick], fallback="before_output", max_attempts=1) as runtime:
        with pytest.raises(OverloadedError) as caught:
            await ask(runtime, stream=stream)
    assert sorted(attempt.deployment for attempt in caught.value.attempts) == ["quick:b", "slow:a"]


@pytest.mark.parametrize("stream", [False, True])
async def test_by_default_the_rival_is_the_same_model_again(stream: bool) -> None:
    slow, quick = pair(Script().say("Late."), Script().say("Quick."), seconds=0.6)
    async with Runtime(plugins=[slow, quick]) as runtime:
        completion, _ = await ask(runtime, stream=stream)
    assert completion.text == "Late."
    assert quick.requests == []
    assert len(completion.record.attempts) == 2


async def test_a_caller_who_leaves_gives_up_both() -> None:
    slow, quick = Late("slow", 30.0, Script()), Late("quick", 30.0, Script())
    async with Runtime(plugins=[slow, quick], fallback="before_output") as runtime:
        task = asyncio.ensure_future(runtime.complete(ROUTE, "Hi", hedge_after=0.01))
        await asyncio.wait([task], timeout=0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (slow.left, quick.left) == (1, 1)

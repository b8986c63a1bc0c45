"""Rows of the bug gauntlet about retries and errors that are the engine's own affair, on a fake clock."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from modelyard import (
    ConnectionFailedError,
    OverloadedError,
    RateLimitError,
    Runtime,
    RuntimeClosedError,
    ServerError,
)
from modelyard.testing import FakeClock, Script, ScriptedProvider


class Dice(FakeClock):
    """A clock that remembers between which bounds chance was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[tuple[float, float]] = []

    def draw(self, low: float, high: float) -> float:
        self.drawn.append((low, high))
        return high / 2


async def test_e22_every_wait_is_drawn_between_nothing_and_a_bound_that_doubles() -> None:
    clock, provider = Dice(), ScriptedProvider("acme", default=Script().fail("server"))
    async with Runtime(plugins=[provider], clock=clock, max_attempts=6) as runtime:
        with pytest.raises(ServerError):
            await runtime.complete("acme:one", "Hi")
    assert clock.drawn[:5] == [(0.0, 0.5), (0.0, 1.0), (0.0, 2.0), (0.0, 4.0), (0.0, 8.0)]
    assert clock.sleeps == [high / 2 for _, high in clock.drawn[:5]]


async def test_e22_a_budget_spent_by_many_calls_leaves_each_its_first_attempt() -> None:
    clock, provider = FakeClock(), ScriptedProvider("acme", default=Script().fail("rate_limit", retry_after=0))
    async with Runtime(plugins=[provider], clock=clock, max_attempts=2) as runtime:
        clock.draw = lambda low, high: 0.0  # type: ignore[method-assign]  # no time passes, nothing is refilled
        for _ in range(30):
            with pytest.raises(Exception, match=r"scripted|let"):
                await runtime.complete("acme:one", "Hi")
    assert len(provider.requests) <= 30 + 20


async def test_e22_an_error_says_when_only_the_spent_budget_kept_it_from_another_try() -> None:
    clock, failing = FakeClock(), Script().fail("rate_limit", retry_after=0)
    scripts = [script for _ in range(20) for script in (failing, Script().say("ok"))]
    provider = ScriptedProvider("acme", [*scripts, failing])
    async with Runtime(plugins=[provider], clock=clock, max_attempts=2) as runtime:
        clock.draw = lambda low, high: 0.0  # type: ignore[method-assign]  # no time passes, nothing is refilled
        for _ in range(20):
            assert (await runtime.complete("acme:one", "Hi")).text == "ok"
        with pytest.raises(RateLimitError, match="the budget of retries of this deployment is spent"):
            await runtime.complete("acme:one", "Hi")


async def test_e01_a_delay_shorter_than_chance_s_own_waits_for_the_longer() -> None:
    clock, provider = FakeClock(), ScriptedProvider("acme", [Script().fail("rate_limit", retry_after=0.1)])
    async with Runtime(plugins=[provider], clock=clock) as runtime:
        await runtime.complete("acme:one", "Hi")
    assert clock.sleeps == [0.5]


async def test_e13_a_provider_that_cannot_be_reached_is_left_alone_like_one_that_fails() -> None:
    class Gone(ScriptedProvider):
        async def _events(self, request: Any) -> Any:
            if request:
                raise ConnectionFailedError("Nobody listens.")
            yield

    there = ScriptedProvider("there")
    async with Runtime(plugins=[Gone("gone"), there], max_attempts=1, clock=FakeClock()) as runtime:
        route = ["gone:a", "there:b"]
        answers = [await runtime.complete(route, "Hi", fallback="before_output") for _ in range(7)]
    assert [len(answer.record.attempts) for answer in answers] == [2] * 5 + [1] * 2


async def test_e16_a_completion_names_the_model_that_answered_and_those_that_did_not() -> None:
    providers = [ScriptedProvider("first", default=Script().fail("overloaded")), ScriptedProvider("second")]
    async with Runtime(plugins=providers, max_attempts=1, fallback="before_output") as runtime:
        answer = await runtime.complete(["first:a", "second:b"], "Hi")
    assert (answer.provider, answer.model) == ("second", "b")
    assert [attempt.deployment for attempt in answer.record.attempts] == ["first:a", "second:b"]


@pytest.mark.parametrize("kind", [OverloadedError, RuntimeClosedError])
def test_e23_an_error_of_the_engine_s_own_is_copied_and_pickled_whole(kind: type[OverloadedError]) -> None:
    error = kind("No.", provider="acme", model="one", retry_after=2.0)
    for twin in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(twin) is kind
        assert (str(twin), twin.to_dict()) == (str(error), error.to_dict())

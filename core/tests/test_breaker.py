"""The breaker and the state that holds it, on a clock of the test's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard import BreakerPolicy, Limits, LocalState, RateLimit
from modelyard.health.breaker import Breaker
from modelyard.health.budget import RetryBudget
from modelyard.testing import FakeClock


def opened(clock: FakeClock) -> Breaker:
    breaker = Breaker(BreakerPolicy())
    for _ in range(5):
        breaker.fail(clock.now())
    return breaker


def test_five_failures_in_a_row_open_it_and_a_success_closes_it() -> None:
    clock, breaker = FakeClock(), Breaker(BreakerPolicy())
    for _ in range(4):
        breaker.fail(clock.now())
    breaker.succeed()
    for _ in range(4):
        breaker.fail(clock.now())
    assert breaker.closed
    breaker.fail(clock.now())
    assert breaker.wait(clock.now()) == 5.0


def test_e14_half_open_lets_one_probe_through_and_holds_up_the_rest() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.advance(5.0)
    assert [breaker.admit(clock.now()) for _ in range(50)].count(True) == 1
    breaker.succeed()
    assert all(breaker.admit(clock.now()) for _ in range(50))


def test_a_failed_probe_opens_it_for_twice_as_long() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.advance(5.0)
    assert breaker.admit(clock.now())
    breaker.fail(clock.now())
    assert breaker.wait(clock.now()) == 10.0


def test_a_probe_that_never_comes_back_does_not_block_for_ever() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.advance(5.0)
    assert breaker.admit(clock.now())
    clock.advance(60.0)
    assert breaker.admit(clock.now())


def test_e24_the_later_of_two_delays_wins() -> None:
    clock, breaker = FakeClock(), Breaker(BreakerPolicy())
    breaker.fail(clock.now(), delay=1.0)
    assert breaker.wait(clock.now()) == 1.0
    clock.advance(0.5)
    breaker.fail(clock.now())  # a slower refusal, without a delay of its own
    assert breaker.wait(clock.now()) == 5.0
    breaker.fail(clock.now(), delay=90.0)
    breaker.fail(clock.now(), delay=2.0)
    assert breaker.wait(clock.now()) == 90.0


def test_a_call_with_nowhere_else_to_go_is_let_through_for_longer() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    assert not breaker.admit(clock.now())
    assert breaker.admit(clock.now(), last_resort=True)
    for _ in range(15):
        breaker.fail(clock.now())
    assert not breaker.admit(clock.now(), last_resort=True)


@given(st.lists(st.tuples(st.sampled_from(["fail", "ok", "release", "admit"]), st.floats(0, 30)), max_size=60))
def test_it_never_stays_open_past_its_longest_pause(steps: list[tuple[str, float]]) -> None:
    clock, breaker = FakeClock(), Breaker(BreakerPolicy())
    for what, pause in steps:
        if what == "fail":
            breaker.fail(clock.now())
        elif what == "ok":
            breaker.succeed()
        elif what == "admit":
            breaker.admit(clock.now())
        else:
            breaker.release()
        assert 0 <= breaker.wait(clock.now()) <= 120.0
        clock.advance(pause)


@given(st.lists(st.floats(0, 5), max_size=100))
def test_e22_the_retry_budget_is_never_overspent(pauses: list[float]) -> None:
    clock, budget = FakeClock(), RetryBudget(updated=1_000.0)
    spent = 0
    for pause in pauses:
        clock.advance(pause)
        spent += budget.take(clock.now())
        assert budget.level >= 0
    assert spent <= 20 + 0.5 * sum(pauses) + 1e-6


async def test_e12_one_bad_key_leaves_the_model_open_for_the_others() -> None:
    state = LocalState(clock=FakeClock())
    for _ in range(50):
        await state.admit("p:m#bad@")
        await state.report("p:m#bad@", "neutral")
    assert state.available_in("p:m#bad@") == state.available_in("p:m#good@") == 0.0


async def test_concurrency_and_requests_per_minute_are_held() -> None:
    state = LocalState(clock=FakeClock())
    two = Limits(concurrency=2)
    assert [await state.admit("a", two) for _ in range(2)] == [None, None]
    refusal = await state.admit("a", two)
    assert refusal is not None
    assert refusal.reason == "concurrency"
    await state.report("a", "ok")
    assert await state.admit("a", two) is None

    three = Limits(requests_per_minute=3)
    outcomes = [await state.admit("b", three) for _ in range(5)]
    assert [outcome is None for outcome in outcomes] == [True, True, True, False, False]
    assert outcomes[-1] is not None
    assert 0 < outcomes[-1].wait <= 60.0


async def test_tokens_per_minute_are_held() -> None:
    state = LocalState(clock=FakeClock())
    limits = Limits(tokens_per_minute=1_000)
    assert await state.admit("a", limits, 900) is None
    refusal = await state.admit("a", limits, 200)
    assert refusal is not None
    assert refusal.reason == "limit"
    assert await state.admit("a", limits, 50) is None


async def test_a_limit_the_headers_tell_of_is_learned() -> None:
    clock = FakeClock()
    state = LocalState(clock=clock)
    await state.admit("a")
    await state.report("a", "ok", rate_limits={"requests": RateLimit(limit=10, remaining=0, reset=30.0)})
    assert state.available_in("a") == 30.0
    refusal = await state.admit("a", last_resort=False)
    assert refusal is not None
    assert refusal.wait == 30.0
    clock.advance(30.0)
    assert await state.admit("a", last_resort=False) is None


async def test_latency_is_smoothed_and_requests_under_way_counted() -> None:
    state = LocalState(clock=FakeClock())
    assert state.latency("a") is None
    await state.admit("a")
    assert state.in_flight("a") == 1
    await state.report("a", "ok", latency=1.0)
    await state.admit("a")
    await state.report("a", "ok", latency=2.0)
    assert state.in_flight("a") == 0
    assert state.latency("a") == pytest.approx(1.2)

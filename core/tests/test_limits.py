"""The sliding minute that counts requests and tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.health.limits import WINDOW, Limits, WindowCounter


def test_a_place_is_free_again_exactly_when_the_oldest_request_is_a_minute_old() -> None:
    counter, two = WindowCounter(), Limits(requests_per_minute=2)
    assert counter.take("a", two, 0, now=100.0) == 0
    assert counter.take("a", two, 0, now=130.0) == 0
    assert counter.take("a", two, 0, now=140.0) == pytest.approx(20.0)
    assert counter.take("a", two, 0, now=160.1) == 0
    assert counter.take("a", two, 0, now=160.2) == pytest.approx(29.8)


def test_tokens_wait_for_as_many_requests_to_leave_as_they_need() -> None:
    counter, limits = WindowCounter(), Limits(tokens_per_minute=1_000)
    for second in range(4):
        assert counter.take("a", limits, 250, now=float(second)) == 0
    assert counter.take("a", limits, 200, now=10.0) == pytest.approx(50.0)
    assert counter.take("a", limits, 700, now=10.0) == pytest.approx(52.0)


def test_a_request_larger_than_the_limit_passes_alone() -> None:
    counter, limits = WindowCounter(), Limits(tokens_per_minute=1_000)
    assert counter.take("a", limits, 5_000, now=0.0) == 0
    assert counter.take("a", limits, 1, now=1.0) == pytest.approx(59.0)
    assert counter.take("a", limits, 5_000, now=60.0) == 0


def test_what_is_refused_is_not_counted_and_keys_count_apart() -> None:
    counter, limits = WindowCounter(), Limits(requests_per_minute=5, tokens_per_minute=100)
    assert counter.take("a", limits, 90, now=0.0) == 0
    assert all(counter.take("a", limits, 20, now=float(second)) > 0 for second in range(1, 20))
    assert counter.take("a", limits, 10, now=20.0) == 0
    assert counter.take("b", limits, 90, now=20.0) == 0


def test_idle_windows_are_dropped_and_busy_ones_stay_small() -> None:
    counter, limits = WindowCounter(), Limits(tokens_per_minute=10**9)
    for number in range(20_000):
        counter.take(f"user {number}", limits, 1, now=number * 0.1)
        counter.take("busy", limits, 1, now=number * 0.1)
    assert len(counter._windows) < 2 * 2 * WINDOW / 0.1
    for number in range(20_000):
        counter.take("busy", limits, 1, now=2_000.0 + number * 0.0001)
    assert len(counter._windows["busy"].entries) <= WINDOW / 0.1 + 2 / 0.01 + 2


@given(
    st.lists(st.tuples(st.floats(0, 20), st.integers(0, 60)), max_size=150),
    st.integers(1, 8),
    st.integers(1, 100),
)
def test_no_minute_holds_more_than_the_limits_and_a_wait_is_never_too_long(
    steps: list[tuple[float, int]], requests: int, tokens: int
) -> None:
    counter, limits = WindowCounter(), Limits(requests_per_minute=requests, tokens_per_minute=tokens)
    now = 1_000.0
    passed: list[tuple[float, int]] = []
    for pause, cost in steps:
        now += pause
        wait = counter.take("a", limits, cost, now)
        if wait == 0:
            passed.append((now, min(cost, tokens)))
            recent = [spent for at, spent in passed if at > now - WINDOW]
            assert len(recent) <= requests
            assert sum(recent) <= tokens
        else:
            recent = [spent for at, spent in passed if at > now + wait - WINDOW + 0.02]
            assert len(recent) < requests or sum(recent) + min(cost, tokens) <= tokens
            assert wait <= WINDOW + 1e-6

"""The decision after a failure: a pure function, held to its rules on every situation hypothesis can think of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard import (
    AuthenticationError,
    ConfigurationError,
    ContentFilterError,
    ContextWindowError,
    DeadlineError,
    FallbackPolicy,
    InvalidRequestError,
    InvalidResponseError,
    ModelNotFoundError,
    ModelyardError,
    OverloadedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from modelyard.calls.decide import Option, Retry, Situation, Stop, Switch, decide
from modelyard.calls.retry import RetryPolicy

BEFORE = FallbackPolicy("before_output")
RESTART = FallbackPolicy("restart")


def situation(**changes: Any) -> Situation:
    fields: dict[str, Any] = {"retry": RetryPolicy(), "fallback": FallbackPolicy(), "attempts": 1, "jitter": 0.3}
    return Situation(**{**fields, **changes})


def test_what_may_pass_is_tried_again_after_the_drawn_wait() -> None:
    assert decide(ServerError("x"), situation()) == Retry(0.3)


def test_the_provider_s_wait_is_the_least_there_is() -> None:
    assert decide(RateLimitError("x", retry_after=7), situation()) == Retry(7)
    assert decide(RateLimitError("x", retry_after=0.1), situation()) == Retry(0.3)


@pytest.mark.parametrize(
    "changes",
    [
        {"attempts": 3},
        {"budget": False},
        {"cooling": True},
        {"remaining": 0.2},
        {"committed": True},
        {"committed": True, "fallback": BEFORE, "others": (Option(1),)},
        {"retry": RetryPolicy(max_attempts=1)},
    ],
)
def test_reasons_not_to_try_again(changes: dict[str, Any]) -> None:
    assert decide(ServerError("x"), situation(**changes)) == Stop()


def test_a_long_wait_is_not_waited_for_when_a_healthy_model_is_idle() -> None:
    asked = RateLimitError("x", retry_after=90)
    assert decide(asked, situation()) == Stop()
    assert decide(asked, situation(fallback=BEFORE, others=(Option(1),))) == Switch(1, 0.0)
    short = RateLimitError("x", retry_after=0.5)
    assert decide(short, situation(fallback=BEFORE, others=(Option(1),))) == Retry(0.5)


def test_the_deployment_that_is_free_first_is_taken() -> None:
    others = (Option(1, wait=5.0), Option(2, wait=0.0), Option(3, wait=0.0))
    assert decide(QuotaExceededError("x"), situation(fallback=BEFORE, others=others)) == Switch(2, 0.0)


def test_a_caller_s_mistake_is_never_taken_elsewhere() -> None:
    assert decide(InvalidRequestError("x"), situation(fallback=RESTART, others=(Option(1),))) == Stop()
    assert decide(ConfigurationError("x"), situation(fallback=RESTART, others=(Option(1),))) == Stop()


def test_a_context_overflow_goes_only_to_a_larger_window() -> None:
    others = (Option(1, window=8_000), Option(2, window=None), Option(3, window=1_000_000))
    given_window = situation(fallback=BEFORE, window=128_000, others=others)
    assert decide(ContextWindowError("x"), given_window) == Switch(3, 0.0)
    assert decide(ContextWindowError("x"), situation(fallback=BEFORE, window=None, others=others)) == Stop()


def test_refused_content_goes_elsewhere_only_if_the_host_says_so() -> None:
    others = (Option(1),)
    assert decide(ContentFilterError("x"), situation(fallback=BEFORE, others=others)) == Stop()
    allowed = FallbackPolicy("before_output", content_filter=True)
    assert decide(ContentFilterError("x"), situation(fallback=allowed, others=others)) == Switch(1, 0.0)


@pytest.mark.parametrize("kind", [AuthenticationError, QuotaExceededError])
def test_a_bad_or_empty_account_is_not_asked_again_for_another_model(kind: type[ProviderError]) -> None:
    others = (Option(1, same_account=True), Option(2))
    assert decide(kind("x"), situation(fallback=BEFORE, others=others)) == Switch(2, 0.0)


def test_after_delivered_text_only_a_restart_goes_on_and_says_so() -> None:
    cut = StreamInterruptedError("x")
    assert decide(cut, situation(committed=True, fallback=RESTART)) == Retry(0.3, restart=True)
    last = situation(committed=True, fallback=RESTART, attempts=3, others=(Option(1),))
    assert decide(cut, last) == Switch(1, 0.0, restart=True)


def test_an_answer_without_sense_is_asked_for_again_only_once() -> None:
    assert isinstance(decide(InvalidResponseError("x"), situation(attempts=1)), Retry)
    assert decide(InvalidResponseError("x"), situation(attempts=2)) == Stop()


KINDS: list[type[ProviderError]] = [
    AuthenticationError,
    ContentFilterError,
    ContextWindowError,
    InvalidRequestError,
    InvalidResponseError,
    ModelNotFoundError,
    OverloadedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
]
waits = st.floats(0, 200)
failures = st.one_of(
    st.builds(lambda kind, wait: kind("x", retry_after=wait), st.sampled_from(KINDS), st.none() | waits),
    st.builds(lambda: DeadlineError("x", phase="total")),
)
options = st.lists(
    st.builds(Option, st.integers(1, 9), waits, st.none() | st.integers(1, 10**6), st.booleans()), max_size=4
)
situations = st.builds(
    Situation,
    retry=st.builds(RetryPolicy, st.integers(1, 5)),
    fallback=st.builds(FallbackPolicy, st.sampled_from(["never", "before_output", "restart"]), st.booleans()),
    attempts=st.integers(1, 6),
    jitter=st.floats(0, 8),
    committed=st.booleans(),
    cooling=st.booleans(),
    budget=st.booleans(),
    remaining=st.none() | st.floats(0, 100),
    window=st.none() | st.integers(1, 10**6),
    others=options,
)


@given(failures, situations)
def test_no_step_breaks_a_promise(failure: ModelyardError, where: Situation) -> None:
    step = decide(failure, where)
    if isinstance(step, Stop):
        return
    assert where.remaining is None or step.wait < where.remaining
    assert step.wait <= where.retry.patience
    assert step.restart == where.committed
    assert not where.committed or where.fallback.mode == "restart"
    if isinstance(step, Retry):
        assert isinstance(failure, ProviderError)
        assert failure.retryable
        assert where.attempts < where.retry.max_attempts
        assert where.budget
        assert step.wait >= (failure.retry_after or 0)
    else:
        assert step.index in {option.index for option in where.others}

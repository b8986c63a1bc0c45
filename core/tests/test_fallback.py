"""Fallback, retries and the breaker through the runtime, over scripted providers and a fake clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from modelyard import (
    CircuitOpenError,
    ConfigurationError,
    ContextWindowError,
    InvalidRequestError,
    OverloadedError,
    RateLimitError,
    Runtime,
    ServerError,
    Status,
    StreamInterruptedError,
)
from modelyard.testing import FakeClock, Script, ScriptedProvider

DOWN = Script().fail("overloaded")
SLOW_DOWN = Script().fail("rate_limit", retry_after=90)
CUT = Script().say("Hel").fail("overloaded")
ROUTE = ["first:a", "second:b"]


def runtime_with(
    first: Script, second: Script, **settings: Any
) -> tuple[Runtime, FakeClock, list[ScriptedProvider]]:
    clock = FakeClock()
    providers = [ScriptedProvider("first", default=first), ScriptedProvider("second", default=second)]
    return Runtime(plugins=providers, clock=clock, **settings), clock, providers


async def events_of(runtime: Runtime, **options: Any) -> list[Any]:
    async with runtime.stream(ROUTE, "Hi", **options) as stream:
        return [event async for event in stream]


def states(events: list[Any]) -> list[str]:
    return [event.state for event in events if isinstance(event, Status)]


async def test_by_default_no_second_provider_answers_and_the_error_names_it() -> None:
    runtime, _, (first, second) = runtime_with(DOWN, Script().say("Hello."))
    async with runtime:
        with pytest.raises(OverloadedError) as caught:
            await runtime.complete(ROUTE, "Hi")
    assert caught.value.alternatives == ("second:b",)
    assert [attempt.deployment for attempt in caught.value.attempts] == ["first:a"] * 3
    assert (len(first.requests), len(second.requests)) == (3, 0)


async def test_before_output_the_next_deployment_answers() -> None:
    runtime, _, (first, second) = runtime_with(DOWN, Script().say("Hello."), fallback="before_output")
    async with runtime:
        completion = await runtime.complete(ROUTE, "Hi")
    assert completion.text == "Hello."
    assert (completion.provider, completion.record.deployment) == ("second", "second:b")
    outcomes = [(attempt.deployment, attempt.outcome) for attempt in completion.record.attempts]
    assert outcomes == [("first:a", "error")] * 3 + [("second:b", "ok")]
    assert second.requests[0].model == "b"
    assert first.requests[0].model == "a"


async def test_e02_a_long_wait_is_left_for_a_healthy_model_at_once() -> None:
    runtime, clock, _ = runtime_with(SLOW_DOWN, Script().say("Hello."), fallback="before_output")
    async with runtime:
        completion = await runtime.complete(ROUTE, "Hi")
    assert completion.text == "Hello."
    assert clock.sleeps == []


async def test_e02_without_another_model_the_error_says_how_long() -> None:
    runtime, clock, _ = runtime_with(SLOW_DOWN, DOWN)
    async with runtime:
        with pytest.raises(RateLimitError) as caught:
            await runtime.complete("first:a", "Hi")
    assert (caught.value.retry_after, clock.sleeps) == (90, [])


async def test_every_switch_is_announced_in_the_stream() -> None:
    runtime, _, _ = runtime_with(DOWN, Script().say("Hello."), fallback="before_output")
    async with runtime:
        events = await events_of(runtime)
    assert states(events) == [
        "started",
        "selected_model",
        "retrying",
        "retrying",
        "falling_back",
        "selected_model",
        "completed",
    ]
    falling_back = next(event for event in events if isinstance(event, Status) and event.state == "falling_back")
    assert falling_back.deployment == "second:b"
    assert "OverloadedError" in (falling_back.reason or "")
    assert events[-1].deployment == "second:b"


@pytest.mark.parametrize("policy", ["never", "before_output"])
async def test_b07_b08_after_delivered_text_the_error_comes_with_it(policy: str) -> None:
    runtime, _, (_, second) = runtime_with(CUT, Script().say("Hello."), fallback=policy)
    async with runtime:
        with pytest.raises(OverloadedError) as caught:
            await events_of(runtime)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hel"
    assert second.requests == []


async def test_b07_a_restart_is_announced_and_the_completion_holds_only_the_new_text() -> None:
    runtime, _, _ = runtime_with(CUT, Script().say("Hello."), fallback="restart", max_attempts=1)
    async with runtime, runtime.stream(ROUTE, "Hi") as stream:
        events = [event async for event in stream]
    assert states(events)[-4:] == ["falling_back", "restarted", "selected_model", "completed"]
    assert stream.completion.text == "Hello."
    assert stream.completion.record.attempts[0].maybe_billed


async def test_b06_an_error_before_the_first_word_falls_back_even_when_the_stream_had_begun() -> None:
    runtime, _, _ = runtime_with(Script().fail("overloaded"), Script().say("Hello."), fallback="before_output")
    async with runtime:
        events = await events_of(runtime, max_attempts=1)
    assert "".join(event.text for event in events if event.type == "content_delta") == "Hello."


async def test_e11_a_caller_s_400_neither_falls_back_nor_counts_against_the_model() -> None:
    wrong = Script().fail("invalid_request")
    runtime, _, (first, second) = runtime_with(wrong, Script().say("Hello."), fallback="restart")
    async with runtime:
        for _ in range(30):
            with pytest.raises(InvalidRequestError):
                await runtime.complete(ROUTE, "Hi")
    assert (len(first.requests), len(second.requests)) == (30, 0)


async def test_e06_a_context_overflow_does_not_go_to_a_window_nobody_knows() -> None:
    runtime, _, (_, second) = runtime_with(Script().fail("context_window"), DOWN, fallback="before_output")
    async with runtime:
        with pytest.raises(ContextWindowError):
            await runtime.complete(ROUTE, "Hi")
    assert second.requests == []


async def test_e03_the_number_of_requests_is_the_policy_s() -> None:
    runtime, _, (first, second) = runtime_with(
        Script().fail("server"), Script().fail("server"), fallback="before_output", max_attempts=2
    )
    async with runtime:
        with pytest.raises(ServerError) as caught:
            await runtime.complete(ROUTE, "Hi")
    assert (len(first.requests), len(second.requests)) == (2, 2)
    assert len(caught.value.attempts) == 4


async def test_e16_every_attempt_is_on_the_error_the_first_one_too() -> None:
    runtime, _, _ = runtime_with(Script().fail("server", "one"), DOWN, fallback="before_output", max_attempts=1)
    async with runtime:
        with pytest.raises(OverloadedError) as caught:
            await runtime.complete(ROUTE, "Hi")
    assert next((attempt.error, attempt.detail) for attempt in caught.value.attempts) == ("ServerError", "one")


async def test_e14_a_model_that_failed_is_passed_over_at_once_and_probed_later() -> None:
    runtime, clock, (first, _) = runtime_with(
        DOWN, Script().say("Hello."), fallback="before_output", max_attempts=1
    )
    async with runtime:
        for _ in range(20):
            await runtime.complete(ROUTE, "Hi")
        assert len(first.requests) == 5
        clock.advance(5.0)
        await asyncio.gather(*(runtime.complete(ROUTE, "Hi") for _ in range(20)))
        assert len(first.requests) == 6
        first.default = Script().say("Back.")
        clock.advance(60.0)
        assert (await runtime.complete(ROUTE, "Hi")).text == "Back."
        assert (await runtime.complete(ROUTE, "Hi")).text == "Back."


async def test_e15_when_all_are_open_the_error_says_when_each_may_be_tried() -> None:
    runtime, _, _ = runtime_with(DOWN, DOWN, fallback="before_output", max_attempts=1)
    async with runtime:
        for _ in range(5):
            with pytest.raises(OverloadedError):
                await runtime.complete(ROUTE, "Hi")
        with pytest.raises(CircuitOpenError) as caught:
            await runtime.complete(ROUTE, "Hi")
    assert caught.value.retry_after == 5.0
    assert [ref for ref, _ in caught.value.candidates] == ROUTE
    assert all("try again in" in reason for _, reason in caught.value.candidates)


async def test_e25_retries_are_the_same_for_calls_and_streams() -> None:
    runtime, clock, (first, _) = runtime_with(DOWN, DOWN)
    async with runtime:
        with pytest.raises(OverloadedError):
            await runtime.complete("first:a", "Hi")
        whole = list(clock.sleeps)
        with pytest.raises(OverloadedError):
            await runtime.stream("first:a", "Hi").collect()
    assert whole == [0.5, 1.0]
    assert clock.sleeps == whole * 2
    assert len(first.requests) == 6


async def test_a_limit_is_waited_for_where_the_deadline_allows_it() -> None:
    clock = FakeClock()
    provider = ScriptedProvider("first")
    async with Runtime(plugins=[provider], limits={"first": {"concurrency": 1}}, clock=clock) as runtime:
        async with runtime.stream("first:a", "Hi") as stream:
            await anext(stream)
            await anext(stream)
            with pytest.raises(RateLimitError, match="as many requests as allowed"):
                await runtime.complete("first:a", "Hi", deadlines=5.0)
        assert (await runtime.complete("first:a", "Hi")).text


async def test_a_total_deadline_bounds_every_wait_and_attempt() -> None:
    runtime, clock, (first, _) = runtime_with(Script().fail("rate_limit", retry_after=4), DOWN)
    async with runtime:
        with pytest.raises(RateLimitError):
            await runtime.complete("first:a", "Hi", deadlines=5.0)
    assert len(first.requests) == 2
    assert sum(clock.sleeps) <= 5.0


async def test_a_word_that_is_no_policy_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no fallback policy"):
        Runtime(fallback="sometimes")


async def test_a_cut_stream_is_not_a_success_on_the_second_provider_either() -> None:
    runtime, _, _ = runtime_with(CUT, CUT, fallback="restart", max_attempts=1)
    async with runtime:
        with pytest.raises((OverloadedError, StreamInterruptedError)) as caught:
            await events_of(runtime)
    assert len(caught.value.attempts) == 2

"""Deadlines: the same for every plugin, enforced in the core, named by phase."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest

from modelyard import ConfigurationError, DeadlineError, Deadlines, Runtime, hookimpl, tool
from modelyard.runs.limits import RunLimits
from modelyard.testing import ScriptedProvider
from modelyard.types.events import ContentDelta, Done


class Slow(ScriptedProvider):
    """Waits before each of its events as told; what is no event is a ping the consumer never sees."""

    def __init__(self, *waits: float) -> None:
        super().__init__("slow")
        self.waits = waits

    @hookimpl
    async def modelyard_stream(self, session: Any, request: Any, card: Any) -> AsyncIterator[Any]:
        for wait in self.waits:
            await asyncio.sleep(wait)
            yield [] if wait == 0.02 else ContentDelta(0, "x")
        yield Done("stop")

    @hookimpl
    async def modelyard_complete(self, session: Any, request: Any, card: Any) -> Any:
        await asyncio.sleep(60)


@pytest.mark.parametrize(
    ("waits", "deadlines", "phase", "text"),
    [
        ((60,), {"first_output": 0.05}, "first_output", None),
        ((0.02,) * 200, {"first_output": 0.1}, "first_output", None),
        ((0, 60), {"first_output": 30, "between_outputs": 0.05}, "between_outputs", "x"),
        ((0, *(0.02,) * 200), {"between_outputs": 0.1}, "between_outputs", "x"),
        ((0.01,) * 500, {"between_outputs": 1, "total": 0.1}, "total", None),
        ((60,), 0.05, "total", None),
    ],
)
async def test_a_stream_that_is_too_slow_names_the_deadline(
    waits: tuple[float, ...], deadlines: Any, phase: str, text: str | None
) -> None:
    async with Runtime(plugins=[Slow(*waits)], max_attempts=1) as runtime:
        with pytest.raises(DeadlineError) as caught:
            await runtime.stream("slow:one", "Hi", deadlines=deadlines).collect()
    assert caught.value.phase == phase
    assert (caught.value.provider, caught.value.model) == ("slow", "one")
    if text is not None:
        assert caught.value.partial is not None
        assert caught.value.partial.text == text


async def test_a_whole_answer_has_a_total_deadline() -> None:
    async with Runtime(plugins=[Slow()], deadlines=0.05) as runtime:
        with pytest.raises(DeadlineError) as caught:
            await runtime.complete("slow:one", "Hi")
    assert caught.value.phase == "total"


async def test_a_slow_consumer_breaks_no_deadline() -> None:
    deadlines = {"first_output": 0.2, "between_outputs": 0.05}
    async with Runtime(plugins=[Slow(0, 0, 0)]) as runtime:
        async with runtime.stream("slow:one", "Hi", deadlines=deadlines) as stream:
            async for event in stream:
                if event.type == "content_delta":
                    await asyncio.sleep(0.12)
        assert stream.completion.text == "xxx"


async def test_a_stream_within_its_deadlines_leaves_no_timer_behind() -> None:
    async with Runtime(plugins=[Slow(0, 0.01)]) as runtime:
        await runtime.stream("slow:one", "Hi", deadlines={"first_output": 0.1, "between_outputs": 0.1}).collect()
    await asyncio.sleep(0.15)  # a timer left armed would cancel this test


async def test_cancelling_from_outside_is_no_deadline() -> None:
    async with Runtime(plugins=[Slow(60)]) as runtime:
        task = asyncio.create_task(runtime.stream("slow:one", "Hi").collect())
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await runtime.stream("slow:one", "Hi").collect()


NO_DEADLINES = [
    ({"total": "soon"}, "total must be a number of seconds, not 'soon'"),
    ({"total": "3"}, "total must be a number of seconds, not '3'"),
    ({"connect": math.nan}, "connect must be a number of seconds, not nan"),
    ({"first_output": True}, "first_output must be a number of seconds, not True"),
    ({"between_outputs": -1}, "between_outputs must not be negative"),
    ({"totl": 3}, "'totl' is no deadline. Did you mean 'total'"),
    ({3: 3}, "3 is no deadline"),
    ("3", "must be a number of seconds, not '3'"),
    (math.nan, "must be a number of seconds, not nan"),
    (False, "must be a number of seconds, not False"),
    ([3], "must be a number of seconds"),
    (-1, "must not be negative"),
    ({"total": 10**400}, "must be a number of seconds, not 1000"),
]


@pytest.mark.parametrize(("given", "complaint"), NO_DEADLINES)
async def test_fault_a43_what_is_no_number_of_seconds_is_refused_before_anything_is_sent(
    given: Any, complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        Runtime(deadlines=given)
    provider = ScriptedProvider("acme")
    async with Runtime(plugins=[provider]) as runtime:
        with pytest.raises(ConfigurationError, match=complaint):
            await runtime.complete("acme:m", "Hi", deadlines=given)
        with pytest.raises(ConfigurationError, match=complaint):
            runtime.stream("acme:m", "Hi", deadlines=given)
        with pytest.raises(ConfigurationError, match=complaint):
            await runtime.count_tokens("acme:m", "Hi", deadlines=given)
        with pytest.raises(ConfigurationError, match=complaint):
            await runtime.list_models("acme", deadlines=given)
    assert provider.requests == []


@pytest.mark.parametrize("given", [math.inf, {"total": math.inf}, {"total": 1e300}, {"total": None}])
async def test_infinity_is_no_limit(given: Any) -> None:
    assert Deadlines.make(given).total is None
    async with Runtime(plugins=[ScriptedProvider("acme")]) as runtime:
        assert (await runtime.complete("acme:m", "Hi", deadlines=given)).text == "Hello from a script."


OTHER_OPTIONS: list[dict[str, Any]] = [
    {"max_attempts": "3"},
    {"max_attempts": 0},
    {"max_attempts": 2.0},
    {"hedge_after": "1"},
    {"hedge_after": math.nan},
    {"hedge_after": -1},
    {"hedge_after": True},
    {"fallback": 3},
    {"fallback": {"content_filter": "yes"}},
    {"fallback": "sometimes"},
]


@pytest.mark.parametrize("options", OTHER_OPTIONS, ids=str)
async def test_other_options_of_a_call_are_typed_too(options: Any) -> None:
    with pytest.raises(ConfigurationError):
        Runtime(**options)
    provider = ScriptedProvider("acme")
    async with Runtime(plugins=[provider]) as runtime:
        with pytest.raises(ConfigurationError):
            await runtime.complete("acme:m", "Hi", **options)
    assert provider.requests == []


@pytest.mark.parametrize(
    "settings",
    [
        {"limits": {"acme": {"concurrency": "3"}}},
        {"limits": {"acme": {"concurency": 3}}},
        {"limits": {"acme": 3}},
        {"limits": [3]},
        {"limits": 3},
        {"defaults": 3},
    ],
    ids=str,
)
def test_limits_and_defaults_that_are_none_are_refused_when_the_runtime_is_made(settings: Any) -> None:
    with pytest.raises(ConfigurationError):
        Runtime(**settings)


@pytest.mark.parametrize("given", ["10", True, math.nan, -1, 0])
def test_the_time_of_a_tool_is_a_number(given: Any) -> None:
    def look() -> str:
        return "seen"

    with pytest.raises(ConfigurationError):
        tool(timeout=given)(look)
    with pytest.raises(ConfigurationError):
        RunLimits.make({"tool_timeout": given})


@pytest.mark.parametrize("given", ["10", True, math.nan, -1, 2.5])
def test_how_far_a_run_goes_is_a_whole_number(given: Any) -> None:
    with pytest.raises(ConfigurationError):
        RunLimits.make({"max_turns": given})

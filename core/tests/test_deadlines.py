"""Deadlines: the same for every plugin, enforced in the core, named by phase."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from modelyard import DeadlineError, Runtime, hookimpl
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

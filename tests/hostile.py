"""Measuring what hostile input costs: memory, the longest time the loop stood still, CPU as input grows."""

from __future__ import annotations

import asyncio
import contextlib
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from modelyard import Runtime
from modelyard.testing import LoopbackServer, Reply
from modelyard.types.completion import Completion
from modelyard.types.events import Event

MIB = 1024 * 1024
MODELS = {"openai": "m", "openai-chat": "m", "mistral": "m", "claude": "m", "gemini": "gemini-m"}
WIRES = tuple(MODELS)


@contextlib.asynccontextmanager
async def calling(
    wire: str, answer: Callable[[Any], Reply], transport: str = "aiohttp", **settings: Any
) -> AsyncIterator[tuple[Runtime, str, LoopbackServer]]:
    """A runtime whose one provider is a server that answers as told, and the reference of a model there."""
    provider, _, api = wire.partition("-")
    with LoopbackServer(answer) as server:
        config: dict[str, Any] = {"base_url": server.url, "api_key": "key-of-the-test-0", "transport": transport}
        if api:
            config["options"] = {"api": api}
        runtime = Runtime({provider: config}, plugins=[provider], max_attempts=1, **settings)
        async with runtime:
            await runtime.session(provider)  # an SDK's import is no part of what a test measures
            yield runtime, f"{provider}:{MODELS[wire]}", server


async def answer_of(runtime: Runtime, model: str, *, stream: bool, **options: Any) -> Completion:
    """The answer to a request, asked for whole or as a stream."""
    if not stream:
        return await runtime.complete(model, "Hi", **options)
    async with runtime.stream(model, "Hi", **options) as events:
        async for _ in events:
            pass
    assert events.completion is not None
    return events.completion


async def events_of(runtime: Runtime, model: str, **options: Any) -> list[Event]:
    """The events of a streamed answer."""
    async with runtime.stream(model, "Hi", **options) as stream:
        return [event async for event in stream]


@dataclass
class Cost:
    """``peak`` bytes allocated beyond what was before, ``stood`` the longest time the loop did nothing else."""

    peak: int = 0
    stood: float = 0.0


@contextlib.asynccontextmanager
async def costing() -> AsyncIterator[Cost]:
    """Measure what happens inside the block."""
    cost = Cost()
    ticking = asyncio.ensure_future(_tick(cost))
    tracemalloc.start()
    try:
        yield cost
    finally:
        cost.peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        await asyncio.sleep(0)
        ticking.cancel()


async def _tick(cost: Cost) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.005)
        cost.stood = max(cost.stood, time.perf_counter() - before - 0.005)

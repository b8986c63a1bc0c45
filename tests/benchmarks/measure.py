"""Measuring: CPU time of this process, interleaved rounds, medians of ratios."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

__all__ = ["Job", "Result", "compare"]

Job: TypeAlias = Callable[[], Awaitable[object]]
Result: TypeAlias = dict[str, tuple[float, float]]
"""For each variant its median in seconds, and the median of its ratios to the first variant."""


async def compare(
    jobs: Mapping[str, Job],
    *,
    rounds: int,
    repeat: int,
    clock: Callable[[], float] = time.process_time,
) -> Result:
    """Run every job ``repeat`` times a round, all jobs in each round, the order turning from round to round.

    The first job is the baseline. Each is run once before, unmeasured.
    """
    for job in jobs.values():
        await job()
    names = list(jobs)
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            gc.collect()
            begun = clock()
            for _ in range(repeat):
                await jobs[name]()
            times[name].append((clock() - begun) / repeat)
            await asyncio.sleep(0.01)
    base = times[names[0]]
    return {
        name: (
            statistics.median(measured),
            statistics.median(own / other for own, other in zip(measured, base, strict=True)),
        )
        for name, measured in times.items()
    }

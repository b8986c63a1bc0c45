"""What an attack costs this process: memory over its baseline, and the longest time its event loop stood still."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cost", "costing", "limit_memory", "threads"]

CEILING = 2**30
"""Bytes an attacked process may map beyond what it has; what wants more gets a ``MemoryError``."""

_PROCESS = Path("/proc/self/status")


@dataclass(slots=True)
class Cost:
    """Bytes, seconds, seconds."""

    peak: int = 0
    stood: float = 0.0
    took: float = 0.0


def limit_memory() -> None:
    """Let this process grow by ``CEILING`` at most."""
    limit = _status("VmSize") * 1024 + CEILING
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def threads() -> int:
    """How many threads this process has, those that are ending included."""
    return _status("Threads")


@contextlib.asynccontextmanager
async def costing() -> AsyncIterator[Cost]:
    """Measure what happens inside the block."""
    cost = Cost()
    _forget_peak()
    before, began = _status("VmRSS"), time.perf_counter()
    beating = asyncio.ensure_future(_beat(cost))
    await asyncio.sleep(0)
    try:
        yield cost
    finally:
        cost.took = time.perf_counter() - began
        cost.peak = max(_status("VmHWM") - before, 0) * 1024
        await asyncio.sleep(0)
        beating.cancel()


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


async def _beat(cost: Cost) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.005)
        cost.stood = max(cost.stood, time.perf_counter() - before - 0.005)


def _status(field: str) -> int:
    """A figure of this process; sizes are in KiB."""
    for line in _PROCESS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise LookupError(field)

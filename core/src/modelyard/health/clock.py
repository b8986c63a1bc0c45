"""Time as the runtime sees it, so that a test can bring its own."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Now in seconds, sleep, and chance."""

    def now(self) -> float:
        """Seconds on a clock that never goes back; the same for every process of the machine."""

    async def sleep(self, seconds: float) -> None:
        """Let some seconds pass."""

    def draw(self, low: float, high: float) -> float:
        """A random number between two."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since the machine started."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep in the running event loop."""
        import asyncio

        await asyncio.sleep(seconds)

    def draw(self, low: float, high: float) -> float:
        """A uniform random number."""
        import random

        return random.uniform(low, high)  # noqa: S311 - jitter needs no secrecy

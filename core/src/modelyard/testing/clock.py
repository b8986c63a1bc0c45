"""A clock that only goes when it is told to, or when somebody sleeps on it."""

from __future__ import annotations

import asyncio

__all__ = ["FakeClock"]


class FakeClock:
    """Time for tests: sleeping moves it at once, chance gives the upper bound; ``sleeps`` lists the waits."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.time = now
        self.sleeps: list[float] = []

    def now(self) -> float:
        """The time, in seconds."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Let time pass without waiting for it."""
        self.sleeps.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)

    def draw(self, low: float, high: float) -> float:
        """The upper bound: the longest wait chance could give."""
        return high

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds

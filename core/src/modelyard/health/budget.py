"""A retry budget: retries may add so much load and no more."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RetryBudget"]


@dataclass(slots=True)
class RetryBudget:
    """A token bucket: ``capacity`` retries at once, refilled by ``per_second``.

    ``level`` is never negative. Times are seconds on one clock.
    """

    capacity: float = 20.0
    """Retries at once. The design is that of gRPC's retry throttling (proposal A6); the figures are ours."""
    per_second: float = 0.5
    """Retries gained: at most one in two seconds of a long outage goes out beside first tries."""
    level: float = 20.0
    updated: float = 0.0

    def available(self, now: float) -> bool:
        """Return whether a retry is left."""
        return self._level(now) >= 1.0

    def take(self, now: float) -> bool:
        """Spend one retry; ``False``, and nothing spent, when none is left."""
        level = self._level(now)
        if level < 1.0:
            return False
        self.level, self.updated = level - 1.0, now
        return True

    def _level(self, now: float) -> float:
        return min(self.capacity, self.level + max(now - self.updated, 0.0) * self.per_second)

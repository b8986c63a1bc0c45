"""A narrow view of the shared state: all that routing asks of the past."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Health"]


class Health(Protocol):
    """Answers from memory, for a ``Deployment.key``. ``SharedState`` is one."""

    def latency(self, key: str) -> float | None:
        """Seconds to the first output, smoothed; ``None`` before the first answer."""

    def in_flight(self, key: str) -> int:
        """Requests under way from this process."""

    def available_in(self, key: str) -> float:
        """Seconds until a request may go out; 0 when it may now."""

"""Retries: how often the same deployment is tried, and how long to wait before."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modelyard.deadlines import seconds
from modelyard.errors import ConfigurationError

__all__ = ["RetryPolicy"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts at one deployment, and the waits between them in seconds.

    ``max_attempts`` counts the first one: 1 means no retry. Waits are drawn between zero and a bound that
    doubles from ``base`` up to ``cap`` (full jitter). A provider that asks for more than ``patience`` seconds is
    not waited for: the next deployment is tried, or the error is raised at once with ``retry_after`` on it.
    """

    max_attempts: int = 3
    base: float = 0.5
    cap: float = 8.0
    patience: float = 60.0

    def __post_init__(self) -> None:
        for name in ("base", "cap", "patience"):
            seconds(getattr(self, name), name)
        if isinstance(self.max_attempts, bool) or not isinstance(self.max_attempts, int):
            raise ConfigurationError(f"max_attempts must be a whole number, not {self.max_attempts!r}.")
        if self.max_attempts < 1:
            raise ConfigurationError(f"max_attempts must be at least 1, it is {self.max_attempts}.")

    def with_attempts(self, max_attempts: int) -> RetryPolicy:
        """The same policy with another number of attempts."""
        return replace(self, max_attempts=max_attempts)

    def bound(self, attempts: int) -> float:
        """The longest wait, in seconds, after some attempts, before what the provider asks for."""
        return float(min(self.cap, self.base * 2 ** (attempts - 1)))

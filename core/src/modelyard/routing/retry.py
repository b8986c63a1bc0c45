"""When to try the same deployment again: the one place that retries."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from modelyard.errors import ConfigurationError, InvalidResponseError, ProviderError

__all__ = ["RetryPolicy"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how long to wait before.

    ``max_attempts`` counts the first one: 1 means no retry. Waits are drawn between zero and a bound that
    doubles from ``base`` up to ``cap`` (full jitter), in seconds. A provider that asks for more than
    ``patience`` seconds is not waited for: the error is raised at once, with ``retry_after`` on it.
    """

    max_attempts: int = 3
    base: float = 0.5
    cap: float = 8.0
    patience: float = 60.0

    def __post_init__(self) -> None:
        if isinstance(self.max_attempts, bool) or not isinstance(self.max_attempts, int):
            raise ConfigurationError(f"max_attempts must be a whole number, not {self.max_attempts!r}.")
        if self.max_attempts < 1:
            raise ConfigurationError(f"max_attempts must be at least 1, it is {self.max_attempts}.")

    def with_attempts(self, max_attempts: int) -> RetryPolicy:
        """The same policy with another number of attempts."""
        return replace(self, max_attempts=max_attempts)

    def wait_after(
        self,
        error: ProviderError,
        attempts: int,
        remaining: float | None,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> float | None:
        """Seconds to wait before the next attempt, ``None`` when there should be none.

        ``attempts`` have been made; ``remaining`` seconds are left of the call's deadline.
        """
        if not error.retryable or attempts >= self.max_attempts:
            return None
        if isinstance(error, InvalidResponseError) and attempts >= 2:
            return None
        if error.retry_after is not None and error.retry_after > self.patience:
            return None
        wait = draw(0.0, min(self.cap, self.base * 2 ** (attempts - 1)))
        wait = max(wait, error.retry_after or 0.0)
        return None if remaining is not None and wait >= remaining else wait

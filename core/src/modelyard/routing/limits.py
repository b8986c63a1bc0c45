"""Limits a host sets for a deployment, and the windows that count against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from modelyard.errors import ConfigurationError

if TYPE_CHECKING:
    from limits import RateLimitItem

__all__ = ["Limits", "WindowCounter"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be sent to a deployment; ``None`` is without limit.

    Tokens are the estimated input tokens of a request. A request over a limit waits, where its deadline allows
    it, or goes to the next deployment of its route.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ConfigurationError(f"The limit {entry.name} must be a positive whole number, not {value!r}.")

    @classmethod
    def make(cls, value: Limits | Mapping[str, Any]) -> Limits:
        """Take limits, or make them of a dict."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping) or set(value) - {entry.name for entry in fields(cls)}:
            raise ConfigurationError(f"{value!r} are no limits.", hint=repr(cls()))
        return cls(**value)

    def __bool__(self) -> bool:
        return any(getattr(self, entry.name) is not None for entry in fields(self))


class WindowCounter:
    """Counts requests and tokens of the last minute in this process, with the ``limits`` library.

    Requests are counted exactly, by a moving window; tokens by two adjoining windows, because a moving window
    would keep an entry for each token.
    """

    def __init__(self) -> None:
        from limits.storage import MemoryStorage
        from limits.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

        storage = MemoryStorage()
        self._requests = MovingWindowRateLimiter(storage)
        self._tokens = SlidingWindowCounterRateLimiter(storage)

    def take(self, key: str, limits: Limits, tokens: int) -> float:
        """Count one request of some tokens; returns 0, or the seconds to wait, and then counts nothing."""
        import time

        per_minute, allowed = per_minute_items(limits)
        if allowed is not None and not self._tokens.test(allowed, key, cost=min(tokens, allowed.amount)):
            return max(self._tokens.get_window_stats(allowed, key).reset_time - time.time(), 0.05)
        if per_minute is not None and not self._requests.hit(per_minute, key):
            return max(self._requests.get_window_stats(per_minute, key).reset_time - time.time(), 0.05)
        if allowed is not None:
            self._tokens.hit(allowed, key, cost=min(tokens, allowed.amount))
        return 0.0


def per_minute_items(limits: Limits) -> tuple[RateLimitItem | None, RateLimitItem | None]:
    """The limits on requests and on tokens in the library's words."""
    from limits import RateLimitItemPerMinute

    requests, tokens = limits.requests_per_minute, limits.tokens_per_minute
    return (
        None if requests is None else RateLimitItemPerMinute(requests, namespace="modelyard-requests"),
        None if tokens is None else RateLimitItemPerMinute(tokens, namespace="modelyard-tokens"),
    )

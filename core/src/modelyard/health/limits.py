"""Limits a host sets for a deployment, and the sliding minute that counts against them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from modelyard.errors import ConfigurationError

__all__ = ["Limits", "WindowCounter"]

WINDOW = 60.0
"""Seconds that limits "per minute" look back."""

GRAIN = 0.01
"""Requests of one hundredth of a second share an entry, so that a window has at most 6,000 of them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on what is sent to a deployment; ``None`` is without limit.

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


@dataclass(slots=True)
class _Entry:
    """What went out within one ``GRAIN``; ``at`` is the latest of it, so nothing is forgotten too early."""

    slot: int
    at: float
    requests: int = 0
    tokens: int = 0


@dataclass(slots=True)
class _Window:
    entries: deque[_Entry] = field(default_factory=deque)
    requests: int = 0
    tokens: int = 0

    def forget(self, before: float) -> None:
        while self.entries and self.entries[0].at <= before:
            entry = self.entries.popleft()
            self.requests -= entry.requests
            self.tokens -= entry.tokens

    def add(self, now: float, tokens: int) -> None:
        slot = int(now / GRAIN)
        if not self.entries or self.entries[-1].slot != slot:
            self.entries.append(_Entry(slot, now))
        entry = self.entries[-1]
        entry.at = max(entry.at, now)
        entry.requests += 1
        entry.tokens += tokens
        self.requests += 1
        self.tokens += tokens

    def wait(self, now: float, requests: int, tokens: int) -> float:
        """Seconds until that many requests and tokens have left the window."""
        for entry in self.entries:
            requests, tokens = requests - entry.requests, tokens - entry.tokens
            if requests <= 0 and tokens <= 0:
                return entry.at + WINDOW - now
        return 0.0


class WindowCounter:
    """Counts the requests and tokens of the last minute of each key, in this process.

    Exact to a hundredth of a second, on the side of waiting: within any 60 seconds no more passes than the limit
    says. Windows in which nothing is left are dropped, so that keys may come and go. Not safe to use from several
    threads at once; its owner has a lock.
    """

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}
        self._swept = 0.0

    def take(self, key: str, limits: Limits, tokens: int, now: float) -> float:
        """Count one request of some tokens; returns 0, or the seconds to wait, and then counts nothing.

        ``now`` is any clock of seconds that never goes back. A request larger than the limit on tokens counts as
        the limit: it passes when the window is empty.
        """
        self._sweep(now)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window()
        window.forget(now - WINDOW)
        requests, allowed = limits.requests_per_minute, limits.tokens_per_minute
        cost = tokens if allowed is None else min(tokens, allowed)
        over_requests = 0 if requests is None else window.requests + 1 - requests
        over_tokens = 0 if allowed is None else window.tokens + cost - allowed
        if over_requests > 0 or over_tokens > 0:
            return max(window.wait(now, over_requests, over_tokens), GRAIN)
        window.add(now, cost)
        return 0.0

    def _sweep(self, now: float) -> None:
        """Once a minute, drop what has been idle for one."""
        if now - self._swept < WINDOW:
            return
        self._swept = now
        for key, window in list(self._windows.items()):
            window.forget(now - WINDOW)
            if not window.entries:
                del self._windows[key]

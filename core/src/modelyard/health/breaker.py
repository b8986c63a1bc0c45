"""A circuit breaker: after failures in a row, a deployment is left alone for a while.

Plain state and a clock passed in; the store that holds it takes care of threads and processes.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Breaker", "BreakerPolicy"]


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """Policy of a circuit breaker: when it opens, and for how long; times are in seconds.

    ``failures`` in a row open it for ``cooldown``, doubling up to ``longest``; so does a delay the provider asks
    for. A call with nowhere else to go is still let through, until ``last_resort`` attempts in a row have failed
    without any output. A probe that has not come back after ``probe_timeout`` is given up.
    """

    failures: int = 5
    """As many as Envoy's outlier detection takes in a row by default (``consecutive_5xx``)."""
    last_resort: int = 20
    """Four times ``failures``: with nowhere else to go, a refusal of ours helps nobody (docs/decisions.md, 20)."""
    cooldown: float = 5.0
    """Shorter than Envoy's 30 s (``base_ejection_time``): one probe at a time costs little."""
    longest: float = 120.0
    """Below Envoy's 300 s (``max_ejection_time``): somebody waits for the answer."""
    probe_timeout: float = 60.0
    """An assumption: a reasoning model may take most of a minute to its first word."""


@dataclass(slots=True)
class Breaker:
    """Closed, open until a time, or half open with one probe on its way. Times are seconds on one clock."""

    policy: BreakerPolicy
    failures: int = 0
    silent: int = 0
    """Failures in a row without any output."""
    openings: int = 0
    open_until: float = 0.0
    probe_since: float | None = None

    @property
    def closed(self) -> bool:
        """True if requests pass freely."""
        return self.open_until == 0.0

    def wait(self, now: float, *, last_resort: bool = False) -> float:
        """Seconds until a request may pass; 0 when it may now, if only as the probe."""
        if self.closed or (last_resort and self.silent < self.policy.last_resort):
            return 0.0
        if now < self.open_until:
            return self.open_until - now
        if self.probe_since is not None and now - self.probe_since < self.policy.probe_timeout:
            return min(0.2, self.policy.probe_timeout)  # the probe will tell soon
        return 0.0

    def admit(self, now: float, *, last_resort: bool = False) -> bool:
        """Let a request pass; half open, it becomes the probe and holds up the others."""
        if self.wait(now, last_resort=last_resort) > 0:
            return False
        if not self.closed and now >= self.open_until:
            self.probe_since = now
        return True

    def succeed(self) -> None:
        """A request was answered: close."""
        self.failures = self.silent = self.openings = 0
        self.open_until = 0.0
        self.probe_since = None

    def fail(self, now: float, delay: float | None = None, *, answered: bool = False) -> None:
        """A request failed; ``answered`` if only after some output. The latest of all deadlines wins.

        ``delay`` is what the provider asked to wait. A failure while open is one more reason to stay so.
        """
        probed, self.probe_since = self.probe_since is not None, None
        cooling = now < self.open_until
        self.failures += 1
        self.silent = 0 if answered else self.silent + 1
        pauses = [self.open_until - now if cooling else 0.0, delay or 0.0]
        if cooling:
            pauses.append(self.policy.cooldown)
        elif probed or self.failures >= self.policy.failures:
            pauses.append(min(self.policy.cooldown * 2**self.openings, self.policy.longest))
            self.openings += 1
        pause = max(pauses)
        if pause > 0:
            self.open_until = now + pause

    def release(self) -> None:
        """A request ended without saying anything about the deployment, by cancellation or the caller's fault."""
        self.probe_since = None

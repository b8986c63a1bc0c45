"""Health of deployments between calls, kept in this process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modelyard.health.breaker import Breaker, BreakerPolicy
from modelyard.health.budget import RetryBudget
from modelyard.health.clock import Clock, SystemClock
from modelyard.health.limits import Limits, WindowCounter
from modelyard.health.lines import Lines
from modelyard.health.state import FULL, Refusal, Verdict, exhausted_for

if TYPE_CHECKING:
    from modelyard.types.limits import RateLimit

__all__ = ["LocalState"]


MOST: Final = 4_096
"""Deployments remembered at a time: half a kilobyte of each, two megabytes in all."""

IDLE: Final = 600.0
"""Seconds after which a deployment nobody asked for is forgotten, and with it how fast it was."""


@dataclass(slots=True)
class _Health:
    breaker: Breaker
    budget: RetryBudget
    in_flight: int = 0
    latency: float | None = None
    exhausted_until: float = 0.0
    """When the provider's own count of what is left, as its headers told it, starts anew."""
    used: float = 0.0

    def wait(self, now: float) -> float:
        return max(self.breaker.wait(now), self.exhausted_until - now, 0.0)


@dataclass(slots=True)
class _Windows:
    counter: WindowCounter | None = None
    known: dict[str, _Health] = field(default_factory=dict)


class LocalState:
    """The state of one process; safe to use from several threads and event loops.

    Who asks for a deployment may be anybody with a key, so what is remembered is bounded: records of deployments
    that are well and idle go first.
    """

    def __init__(self, *, breaker: BreakerPolicy | None = None, clock: Clock | None = None) -> None:
        self._policy = breaker or BreakerPolicy()
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._windows = _Windows()
        self._swept = self._clock.now()
        self.lines = Lines()

    async def admit(
        self, key: str, limits: Limits | None = None, tokens: int = 0, *, last_resort: bool = True
    ) -> Refusal | None:
        """Let a request pass and count it, or say why not."""
        with self._lock:
            now, health = self._clock.now(), self._of(key)
            wait = health.breaker.wait(now, last_resort=last_resort)
            if wait > 0:
                return Refusal("breaker", wait)
            if health.exhausted_until > now and not last_resort:
                return Refusal("limit", health.exhausted_until - now)
            if limits is not None and (refusal := self._over(key, health, limits, tokens)) is not None:
                return refusal
            health.breaker.admit(now, last_resort=last_resort)
            health.in_flight += 1
        return None

    def count(self, key: str, limits: Limits | None, tokens: int) -> None:
        """Count a request that another state has let pass, so that this one can stand in for it."""
        with self._lock:
            health = self._of(key)
            if limits is not None:
                self._over(key, health, limits, tokens)
            health.in_flight += 1

    async def report(
        self,
        key: str,
        verdict: Verdict,
        *,
        delay: float | None = None,
        latency: float | None = None,
        rate_limits: Mapping[str, RateLimit] | None = None,
    ) -> None:
        """Say how an admitted request ended."""
        with self._lock:
            now, health = self._clock.now(), self._of(key)
            health.in_flight = max(health.in_flight - 1, 0)
            if verdict == "ok":
                health.breaker.succeed()
            elif verdict == "failed":
                health.breaker.fail(now, delay, answered=latency is not None)
            else:
                health.breaker.release()
            if latency is not None and verdict == "ok":
                health.latency = latency if health.latency is None else 0.8 * health.latency + 0.2 * latency
            spent = exhausted_for(rate_limits)
            if verdict == "ok":  # whatever an earlier answer said, this one was given
                health.exhausted_until = now + spent if spent else 0.0
            elif spent:
                health.exhausted_until = max(health.exhausted_until, now + spent)
        self.lines.wake(key)

    async def take_retry(self, key: str) -> bool:
        """Spend one retry of the deployment's budget, if there is one."""
        with self._lock:
            return self._of(key).budget.take(self._clock.now())

    def available_in(self, key: str) -> float:
        """Seconds until the breaker lets a request pass."""
        health = self._windows.known.get(key)
        if health is None:
            return 0.0
        now = self._clock.now()
        return max(health.breaker.wait(now), health.exhausted_until - now, 0.0)

    def latency(self, key: str) -> float | None:
        """Seconds to the first output, smoothed."""
        health = self._windows.known.get(key)
        return None if health is None else health.latency

    def in_flight(self, key: str) -> int:
        """Requests under way."""
        health = self._windows.known.get(key)
        return 0 if health is None else health.in_flight

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""

    def _of(self, key: str) -> _Health:
        now, found = self._clock.now(), self._windows.known.get(key)
        if found is None:
            if len(self._windows.known) >= MOST or now - self._swept > IDLE:
                self._sweep(now)
            found = self._windows.known[key] = _Health(Breaker(self._policy), RetryBudget(updated=now))
        found.used = now
        return found

    def _sweep(self, now: float) -> None:
        """Forget what nobody asked for of late; if that is not enough, half of the rest, the unwell last."""
        self._swept = now
        resting = {key: health for key, health in self._windows.known.items() if not health.in_flight}
        idle = [key for key, health in resting.items() if now - health.used > IDLE and health.wait(now) == 0]
        for key in idle:
            del self._windows.known[key], resting[key]
        if len(self._windows.known) < MOST:
            return
        for key in sorted(resting, key=lambda key: (resting[key].wait(now), resting[key].used))[: MOST // 2]:
            del self._windows.known[key]

    def _over(self, key: str, health: _Health, limits: Limits, tokens: int) -> Refusal | None:
        if limits.concurrency is not None and health.in_flight >= limits.concurrency:
            return FULL
        if limits.requests_per_minute is None and limits.tokens_per_minute is None:
            return None
        if self._windows.counter is None:
            self._windows.counter = WindowCounter()
        wait = self._windows.counter.take(key, limits, tokens, self._clock.now())
        return Refusal("limit", wait) if wait > 0 else None

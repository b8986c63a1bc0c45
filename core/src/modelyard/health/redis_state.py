"""Health, limits and retry budgets shared between processes through Redis."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from modelyard.health.breaker import BreakerPolicy
from modelyard.health.budget import RetryBudget
from modelyard.health.leases import Keeper, Lease, Leases
from modelyard.health.limits import Limits
from modelyard.health.lines import Lines
from modelyard.health.local_state import LocalState
from modelyard.health.redis_link import PROBE_EVERY, RedisLink
from modelyard.health.redis_names import RedisNames
from modelyard.health.redis_scripts import ADMIT, PROBE, RENEW, REPORT, TAKE_RETRY
from modelyard.health.state import Reason, Refusal, Verdict, exhausted_for
from modelyard.log import logger

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from modelyard.credentials.secret import Secret
    from modelyard.health.clock import Clock
    from modelyard.types.limits import RateLimit

__all__ = ["RedisState"]

WATCHED = 32
"""Deployments whose waits are told with every answer and remembered: the latest asked for."""

MOST_TOLD = 1_000
"""Damaged keys of which it is remembered that they were told."""


class RedisState:
    """A ``SharedState`` in Redis: one round trip to admit a request, one to report its end.

    ``server`` is a URL, or a ``redis.asyncio`` client, which stays open. Times are the server's, so that processes
    agree. A place under a concurrency limit is a lease of ``lease`` seconds that is renewed while its request
    runs; a process that dies gives its places back by letting them lapse. What the server does not answer within
    ``timeout`` seconds is decided by this process alone, as is everything until the server is back. A damaged key
    is set aside alone, with a warning.

    Redis holds digests, never credentials or addresses. With ``secret``, one text for all processes that share the
    state, they are keyed with it: who can read Redis but does not know it cannot tell whose a name is. ``clock``
    replaces the server's, for tests. Raises ``ConfigurationError`` for what is no server or no secret.
    """

    def __init__(
        self,
        server: str | Redis,
        *,
        prefix: str = "modelyard",
        secret: str | Secret | None = None,
        breaker: BreakerPolicy | None = None,
        timeout: float = 0.5,
        lease: float = 30.0,
        clock: Clock | None = None,
    ) -> None:
        self.lines = Lines(told=False)
        self._names = RedisNames(prefix, secret)
        probe = (PROBE, self._names.of_probe)
        self._link = RedisLink(server, timeout=timeout, probe=probe, returned=self._catch_up)
        self._policy = breaker or BreakerPolicy()
        self._clock = clock
        self._local = LocalState(breaker=breaker, clock=clock)
        self._leases = Leases(uuid.uuid4().hex, lease)
        self._renewal = Keeper(lease / 3, self._leases.held, self._renew)
        self._return = Keeper(PROBE_EVERY, self._leases.returning, self._give_back)
        self._waits: dict[str, tuple[float, float]] = {}
        self._aside: set[str] = set()
        self._lock = threading.Lock()

    async def admit(
        self, key: str, limits: Limits | None = None, tokens: int = 0, *, last_resort: bool = True
    ) -> Refusal | None:
        """Let a request pass and count it, or say why not."""
        slot = self._leases.new() if limits is not None and limits.concurrency is not None else ""
        asking = not self._link.away
        asked = self._link.spawn(self._ask_to_admit(key, limits, tokens, last_resort=last_resort, slot=slot))
        try:
            answer = await asyncio.shield(asked)
        except asyncio.CancelledError:
            if not asked.cancelling():  # the whole loop ends otherwise, and the lease lapses by itself
                await asyncio.shield(self._link.spawn(self._undo(key, asked, slot)))
            raise
        if answer is None:
            refusal = await self._local.admit(key, limits, tokens, last_resort=last_resort)
        else:
            refusal = _refusal(answer)
            if refusal is None:
                self._local.count(key, limits, tokens)
        if slot and refusal is None:
            self._leases.hold(key, slot, known=asking)
            self._renewal.start()
        elif slot and asking and answer is None:
            self._return_later(key, slot)  # what was not answered may have been done all the same
        return refusal

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
        await self._local.report(key, verdict, delay=delay, latency=latency, rate_limits=rate_limits)
        spent = exhausted_for(rate_limits)
        slot, known = self._leases.release(key)
        report = (verdict, delay or 0.0, spent, latency is not None)
        await asyncio.shield(self._link.spawn(self._send_report(key, *report, slot if known else "")))

    async def take_retry(self, key: str) -> bool:
        """Spend one retry of the deployment's budget, if there is one."""
        budget = RetryBudget()
        args = [self._now(), budget.capacity, budget.per_second]
        answer = await self._link.run(TAKE_RETRY, [self._names.name(key)], args)
        here = await self._local.take_retry(key)
        if answer is None:
            return here
        self._set_aside(answer[1:])
        return answer[0] == "1"

    def available_in(self, key: str) -> float:
        """Seconds until the breaker lets a request pass, as of the last answer from Redis."""
        wait, at = self._waits.get(key, (0.0, 0.0))
        left = max(wait - (self._time() - at), 0.0)
        return max(left, self._local.available_in(key)) if self._link.away else left

    def latency(self, key: str) -> float | None:
        """Seconds to the first output, smoothed over the answers this process got."""
        return self._local.latency(key)

    def in_flight(self, key: str) -> int:
        """Requests under way from this process."""
        return self._local.in_flight(key)

    async def aclose(self) -> None:
        """Close the connections of this event loop; the state can be used again, and then opens new ones."""
        await self._renewal.aclose()
        await self._return.aclose()
        await self._link.aclose()

    async def _ask_to_admit(
        self, key: str, limits: Limits | None, tokens: int, *, last_resort: bool, slot: str
    ) -> list[str] | None:
        limits = limits or Limits()
        return await self._tell(
            ADMIT,
            key,
            [
                tokens,
                self._policy.last_resort if last_resort else "",
                *(_or_nothing(limits.requests_per_minute), _or_nothing(limits.tokens_per_minute)),
                *(_or_nothing(limits.concurrency), slot, self._leases.seconds),
            ],
        )

    async def _send_report(
        self, key: str, verdict: Verdict, delay: float, exhausted: float, answered: bool, slot: str
    ) -> list[str] | None:
        policy = self._policy
        args = [slot, verdict, delay, int(answered), exhausted, policy.failures, policy.cooldown, policy.longest]
        answer = await self._tell(REPORT, key, args)
        if answer is None and slot:
            self._return_later(key, slot)
        self.lines.wake(key)
        return answer

    async def _tell(self, script: str, key: str, args: Sequence[object]) -> list[str] | None:
        """Run a script about a deployment, and remember the waits its answer tells."""
        watched = self._watched(key)
        name = self._names.name(key)
        names = [f"{name}:slots", f"{name}:sent", *(self._names.name(other) for other in watched)]
        answer = await self._link.run(script, names, [self._now(), self._policy.probe_timeout, *args])
        if answer is None:
            return None
        end = 2 + len(watched)
        try:
            waits = [float(wait) for wait in answer[1:end]]
        except ValueError:
            waits = []
        if len(waits) != len(watched) + 1:
            self._link.refuse("what it answers is none of ours")
            return None
        now = self._time()
        with self._lock:
            self._waits |= {other: (wait, now) for other, wait in zip(watched, waits[1:], strict=True)}
        self._set_aside(answer[end:])
        return answer

    async def _undo(self, key: str, asked: asyncio.Task[list[str] | None], slot: str) -> list[str] | None:
        """Take back what was admitted for a caller that has gone."""
        answer = await asked
        if answer is not None and _refusal(answer) is None:
            return await self._send_report(key, "neutral", 0.0, 0.0, False, slot)
        if answer is None and slot:
            self._return_later(key, slot)
        return None

    def _return_later(self, key: str, slot: str) -> None:
        """Note a place given up that Redis may not know of, to be given back when it answers again."""
        self._leases.give_back_later(key, slot)
        self._return.start()

    async def _give_back(self) -> None:
        """Give back what was given up while Redis was away, as soon as it is back."""
        if self._link.away:
            await self._link.probe()
        else:
            await self._catch_up()

    async def _catch_up(self) -> bool:
        """Tell Redis of the places given up and held while it was away."""
        returning, held = self._leases.returning(), self._leases.held()
        self._leases.renewed(held)
        if not await self._set_leases(returning, 0.0) or not await self._set_leases(held, self._leases.seconds):
            return False
        self._leases.returned(returning)
        return True

    async def _renew(self) -> None:
        if self._link.away:
            await self._link.probe()
            return
        held = self._leases.held()
        self._leases.renewed(held)
        await self._set_leases(held, self._leases.seconds)
        # What was given up meanwhile may have been renewed after its end.
        await self._set_leases([pair for pair in held if pair not in self._leases.held()], 0.0)

    async def _set_leases(self, leases: Sequence[Lease], seconds: float) -> bool:
        if not leases:
            return True
        names = [f"{self._names.name(key)}:slots" for key, _ in leases]
        answer = await self._link.ask(RENEW, names, [self._now(), seconds, *(slot for _, slot in leases)])
        if answer is None:
            return False
        self._set_aside(answer[1:])
        return True

    def _set_aside(self, names: Sequence[str]) -> None:
        """Warn, once for each, of keys that were damaged."""
        with self._lock:
            fresh = [name for name in dict.fromkeys(names) if name not in self._aside]
            if len(self._aside) < MOST_TOLD:
                self._aside.update(fresh)
        for name in fresh:
            logger("state").warning(
                "The key %s in Redis was damaged; it has been emptied and is begun anew.", name
            )

    def _watched(self, key: str) -> list[str]:
        """The deployment, first, and others asked for of late."""
        with self._lock:
            self._waits[key] = self._waits.pop(key, (0.0, 0.0))
            while len(self._waits) > WATCHED:
                del self._waits[next(iter(self._waits))]
            return [key, *(other for other in self._waits if other != key)]

    def _time(self) -> float:
        return time.monotonic() if self._clock is None else self._clock.now()

    def _now(self) -> object:
        """The time of a test's clock; nothing, for the server's own."""
        return "" if self._clock is None else self._clock.now()


def _or_nothing(value: int | None) -> object:
    return "" if value is None else value


def _refusal(answer: list[str]) -> Refusal | None:
    reason, wait = answer[:2]
    return Refusal(cast("Reason", reason), float(wait)) if reason else None

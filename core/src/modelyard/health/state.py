"""Health of deployments between calls: breakers, limits and budgets, behind one interface.

``modelyard.health.local_state`` keeps it in the process, ``modelyard.health.redis_state`` shares it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from modelyard.health.limits import Limits
    from modelyard.types.limits import RateLimit

__all__ = ["FULL", "Reason", "Refusal", "SharedState", "Verdict", "exhausted_for"]

Verdict: TypeAlias = Literal["ok", "failed", "neutral"]
"""Verdict of an attempt on its deployment: neutral when it was cancelled or the fault is the caller's."""


Reason: TypeAlias = Literal["breaker", "limit", "concurrency"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request may not go out now: why, and in how many seconds it may."""

    reason: Reason
    wait: float


FULL: Final = Refusal("concurrency", 0.02)
"""Refusal because as many requests as allowed are under way."""


def exhausted_for(rate_limits: Mapping[str, RateLimit] | None) -> float:
    """Seconds until every limit that an answer said is used up starts anew; 0 when none is."""
    spent = [limit.reset for limit in (rate_limits or {}).values() if limit.remaining == 0 and limit.reset]
    return max(spent, default=0.0)


class SharedState(Protocol):
    """Everything the engine and the router ask of the past. ``key`` is ``Deployment.key``.

    The asynchronous methods may go to another process; the others answer from memory and may be a second old. A
    state may have ``lines``, a ``Lines`` that it wakes when a request has ended, so that who waits for a place
    need not ask again and again.
    """

    async def admit(
        self, key: str, limits: Limits | None = None, tokens: int = 0, *, last_resort: bool = True
    ) -> Refusal | None:
        """Let a request pass and count it, or say why not. Every admitted request must be reported.

        ``last_resort`` says that the call has nowhere else to go.
        """

    async def report(
        self,
        key: str,
        verdict: Verdict,
        *,
        delay: float | None = None,
        latency: float | None = None,
        rate_limits: Mapping[str, RateLimit] | None = None,
    ) -> None:
        """Say how an admitted request ended.

        Seconds: ``delay`` as the provider asked for, ``latency`` until the first output, ``None`` without any.
        """

    async def take_retry(self, key: str) -> bool:
        """Spend one retry of the deployment's budget, if there is one."""

    def available_in(self, key: str) -> float:
        """Seconds until the breaker lets a request pass; 0 when it does now."""

    def latency(self, key: str) -> float | None:
        """Seconds to the first output, smoothed; ``None`` before the first answer."""

    def in_flight(self, key: str) -> int:
        """Requests under way from this process."""

    async def aclose(self) -> None:
        """Close what the state opened."""

"""The decision after a failure: a pure function from the error and the situation to one step.

The engine carries the step out. Nothing here waits, draws a random number or knows a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from modelyard.calls.fallback import FallbackPolicy
from modelyard.calls.retry import RetryPolicy
from modelyard.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextWindowError,
    InvalidRequestError,
    InvalidResponseError,
    ModelyardError,
    ProviderError,
    QuotaExceededError,
    RuntimeClosedError,
)

__all__ = ["Option", "Retry", "Situation", "Step", "Stop", "Switch", "decide", "may_pass_elsewhere"]

WORTH_WAITING = 1.0
"""Seconds a provider may ask to wait before a ready alternative is preferred: what a user hardly notices.

Nielsen, Usability Engineering (1993), 5.5: a second is the limit for the flow of thought to stay uninterrupted.
"""


@dataclass(frozen=True, slots=True)
class Option:
    """Another deployment that may be tried: its place in the route and what speaks against it.

    ``wait`` is the seconds until it may be tried, ``window`` its context window in tokens if known.
    ``same_account`` says that it uses the credential of the failed one.
    """

    index: int
    wait: float = 0.0
    window: int | None = None
    same_account: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """State of a call after a failed attempt.

    ``attempts`` were made at the failed deployment; ``jitter`` is the random wait drawn for the next.
    ``cooling`` says that its breaker is open, ``budget`` that its retry budget has a retry left. ``remaining``
    is what is left of the total deadline, in seconds. ``others`` are the deployments the policy allows: with
    ``never``, only those of the same model, which are no second provider.
    """

    retry: RetryPolicy
    fallback: FallbackPolicy
    attempts: int
    jitter: float = 0.0
    committed: bool = False
    cooling: bool = False
    budget: bool = True
    remaining: float | None = None
    window: int | None = None
    others: Sequence[Option] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """Raise the error."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try the same deployment again after a wait in seconds; ``restart`` discards what was delivered."""

    wait: float
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Switch:
    """Try another deployment of the route after a wait in seconds."""

    index: int
    wait: float
    restart: bool = False


Step: TypeAlias = Stop | Retry | Switch


def decide(error: ModelyardError, situation: Situation) -> Step:
    """The next step after a failure."""
    if not isinstance(error, ProviderError) or not may_pass_elsewhere(error):
        return Stop()
    if isinstance(error, ContentFilterError) and not situation.fallback.content_filter:
        return Stop()
    if situation.committed and situation.fallback.mode != "restart":
        return Stop()
    retry, switch = _retry(error, situation), _switch(error, situation)
    if retry is not None and (switch is None or not _prefers_switch(error, switch)):
        return retry
    return switch or Stop()


def may_pass_elsewhere(error: ProviderError) -> bool:
    """Return whether another deployment might serve it: no wrong request, nothing once the runtime is closed."""
    return isinstance(error, (ContextWindowError, ContentFilterError)) or not isinstance(
        error, (InvalidRequestError, RuntimeClosedError)
    )


def _retry(error: ProviderError, situation: Situation) -> Retry | None:
    policy = situation.retry
    asked = error.retry_after or 0.0
    if not error.retryable or situation.attempts >= policy.max_attempts or not situation.budget:
        return None
    if isinstance(error, InvalidResponseError) and situation.attempts >= 2:
        return None  # an answer that makes no sense twice will not a third time
    if asked > policy.patience or (situation.cooling and error.retry_after is None):
        return None
    wait = max(situation.jitter, asked)
    return Retry(wait, situation.committed) if _fits(wait, situation) else None


def _switch(error: ProviderError, situation: Situation) -> Switch | None:
    fitting = [option for option in situation.others if _helps(error, option, situation)]
    best = min(fitting, key=lambda option: (option.wait, option.index), default=None)
    if best is None or best.wait > situation.retry.patience or not _fits(best.wait, situation):
        return None
    return Switch(best.index, best.wait, situation.committed)


def _helps(error: ProviderError, option: Option, situation: Situation) -> bool:
    if isinstance(error, ContextWindowError):
        return option.window is not None and situation.window is not None and option.window > situation.window
    if isinstance(error, (AuthenticationError, QuotaExceededError)):
        return not option.same_account
    return True


def _prefers_switch(error: ProviderError, switch: Switch) -> bool:
    return error.retry_after is not None and error.retry_after > max(switch.wait, WORTH_WAITING)


def _fits(wait: float, situation: Situation) -> bool:
    return situation.remaining is None or wait < situation.remaining

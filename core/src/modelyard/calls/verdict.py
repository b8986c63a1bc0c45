"""The verdict of a failed attempt on its deployment."""

from __future__ import annotations

from modelyard.errors import (
    ConnectionFailedError,
    DeadlineError,
    InvalidResponseError,
    ModelyardError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from modelyard.health.state import Verdict
from modelyard.http.transport_errors import PROXY_REFUSED, TLS_REFUSED

__all__ = ["verdict_on"]

_COUNT_AGAINST = (
    ServerError,
    OverloadedError,
    RateLimitError,
    ConnectionFailedError,
    DeadlineError,
    InvalidResponseError,
    StreamInterruptedError,
)

_OF_THIS_SIDE = frozenset({"pool_timeout", PROXY_REFUSED, TLS_REFUSED})
"""Codes of failures that say something of this side's settings, or of what stands between."""


def verdict_on(error: ModelyardError) -> Verdict:
    """Judge a deployment by a failure: a caller's mistake, a bad key or a limit of ours is neutral."""
    if isinstance(error, ProviderError) and error.code in _OF_THIS_SIDE:
        return "neutral"
    if isinstance(error, DeadlineError) and error.phase == "total":
        return "neutral"  # the caller's own patience, spent over several attempts perhaps
    return "failed" if isinstance(error, _COUNT_AGAINST) else "neutral"

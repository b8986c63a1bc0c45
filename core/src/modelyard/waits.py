"""Waits that a provider asks for, as far as they can be meant."""

from __future__ import annotations

import time

__all__ = ["LONGEST_WAIT", "believed_wait"]

LONGEST_WAIT = 86_400.0
"""Seconds, a day: quotas of a day are the longest that providers count (Gemini, requests per day)."""

_EPOCH = 1e9
"""Seconds from which on a number is a moment: 2001 as a moment, 31 years as a wait."""
_EPOCH_MS = 1e12
_FARTHEST = 366 * 86_400.0
"""A wait above a year says nothing; one above the longest believed only says that it is long."""


def believed_wait(
    seconds: float | None, *, now: float | None = None, longest: float = LONGEST_WAIT
) -> float | None:
    """The seconds to wait, ``longest`` at most; ``None`` for what cannot be meant.

    A large plain number is taken as seconds, or milliseconds, since the epoch; ``now`` is in those seconds.
    """
    if seconds is None or not seconds >= 0:
        return None
    if seconds >= _EPOCH:
        moment = seconds / 1000 if seconds >= _EPOCH_MS else seconds
        seconds = max(moment - (time.time() if now is None else now), 0.0)
    return min(seconds, longest) if seconds <= _FARTHEST else None

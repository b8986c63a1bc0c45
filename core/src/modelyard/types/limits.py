"""Rate limits as a provider reports them with an answer."""

from __future__ import annotations

from modelyard.types.base import Frozen

__all__ = ["RateLimit"]


class RateLimit(Frozen):
    """One limit: how much is allowed in its window, how much is left, seconds until it is full again.

    ``None`` where the provider did not say.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None

"""Rate limits as a provider reports them with an answer."""

from __future__ import annotations

from typing import Any

from pydantic import field_validator

from modelyard.types.base import Frozen
from modelyard.types.figures import whole
from modelyard.waits import believed_wait

__all__ = ["RateLimit"]


class RateLimit(Frozen):
    """One limit: how much is allowed in its window, how much is left, seconds until it is full again.

    ``None`` where the provider did not say, or said what cannot be meant. A reset is a day away at most.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None

    @field_validator("limit", "remaining", mode="before")
    @classmethod
    def _within_reason(cls, value: Any) -> int | None:
        return whole(value)

    @field_validator("reset", mode="after")
    @classmethod
    def _believed(cls, seconds: float | None) -> float | None:
        return believed_wait(seconds)

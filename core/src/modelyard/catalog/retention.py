"""Retention of calls by providers: what is kept, for how long, and where the call may be served."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from modelyard.types.base import Frozen, JsonObject

__all__ = ["Region", "Retention", "ZeroRetention"]

ZeroRetention: TypeAlias = Literal["by_contract", "unavailable", "unknown"]


class Region(Frozen):
    """A region that serves a model: reached at an address of its own, by fields of the request, or both."""

    base_url: str | None = None
    fields: JsonObject = Field(default_factory=dict)
    limits: str | None = None
    """Limits of the region, in a sentence: what it does not cover."""


class Retention(Frozen):
    """Retention under default terms, for calls that store nothing.

    ``default_days`` is how long prompts and answers are kept at most, ``None`` where no source gives a number.
    ``minimum_days`` are kept whatever the contract says. ``stateful`` names features that keep content for
    longer; the runtime uses none of them unless the caller asks. ``notes`` hold what no field can.
    """

    default_days: int | None = None
    minimum_days: int = 0
    trains: bool | None = None
    """True if content is used for training by default."""
    zero_retention: ZeroRetention = "unknown"
    stateful: tuple[str, ...] = ()
    regions: dict[str, Region] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def days(self, agreed: int | None) -> int | None:
        """Days that content is kept under an agreement, or by default; ``None`` when that is not known."""
        return self.default_days if agreed is None else max(agreed, self.minimum_days)

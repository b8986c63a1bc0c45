"""Token usage of an answer, under one definition for every provider."""

from __future__ import annotations

from pydantic import Field

from modelyard.types.base import Frozen, JsonObject
from modelyard.types.figures import whole, without_infinite

__all__ = ["Usage"]


class Usage(Frozen):
    """Token counts of one answer.

    ``None`` means the provider did not send the figure; it is never turned into 0. ``total_tokens`` is
    the provider's own total, or the sum where it sends both sides but no total.
    """

    input_tokens: int | None = None
    """The whole prompt, tokens read from and written to a cache included."""
    cached_input_tokens: int | None = None
    """The part of ``input_tokens`` read from a cache."""
    cache_write_tokens: int | None = None
    """The part of ``input_tokens`` written to a cache."""
    cache_write_1h_tokens: int | None = None
    """The part of ``cache_write_tokens`` written to be kept for an hour, which costs more than the usual time."""
    output_tokens: int | None = None
    """Everything generated and billed as output, reasoning included."""
    reasoning_tokens: int | None = None
    """The part of ``output_tokens`` spent on reasoning."""
    total_tokens: int | None = None
    raw: JsonObject = Field(default_factory=dict, repr=False)
    """The provider's usage object as sent."""

    @classmethod
    def build(
        cls,
        *,
        raw: JsonObject,
        input_tokens: int | None = None,
        cached_input_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        cache_write_1h_tokens: int | None = None,
        output_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        total_tokens: int | None = None,
    ) -> Usage:
        """Make a usage from figures already checked to be counts, adding a missing total."""
        if total_tokens is None and input_tokens is not None and output_tokens is not None:
            total_tokens = input_tokens + output_tokens
        return cls(
            input_tokens=input_tokens,
            cached_input_tokens=cached_input_tokens,
            cache_write_tokens=cache_write_tokens,
            cache_write_1h_tokens=cache_write_1h_tokens,
            output_tokens=output_tokens,
            reasoning_tokens=reasoning_tokens,
            total_tokens=total_tokens,
            raw=without_infinite(raw),
        )


def count(source: JsonObject, key: str) -> int | None:
    """Read a token count, ``None`` for anything that is no whole, non-negative number within reason."""
    return whole(source.get(key))

"""Token counts. Google counts thoughts apart from the answer, and what its tools read apart from the prompt."""

from __future__ import annotations

from modelyard.types.base import JsonObject
from modelyard.types.usage import Usage, count

__all__ = ["gemini_usage"]


def gemini_usage(raw: JsonObject) -> Usage:
    """The usage a ``usageMetadata`` object says.

    Thoughts are further output; the prompt count includes cached tokens. What Google's built-in tools read is
    counted apart (``toolUsePromptTokenCount``) and stays in ``raw``: no document says that it is billed as
    input, and it is part of the total alone.
    """
    return Usage.build(
        raw=raw,
        input_tokens=count(raw, "promptTokenCount"),
        cached_input_tokens=count(raw, "cachedContentTokenCount"),
        output_tokens=_sum(count(raw, "candidatesTokenCount"), count(raw, "thoughtsTokenCount")),
        reasoning_tokens=count(raw, "thoughtsTokenCount"),
        total_tokens=count(raw, "totalTokenCount"),
    )


def _sum(*counts: int | None) -> int | None:
    """The sum of what was sent; ``None`` when nothing was."""
    sent = [value for value in counts if value is not None]
    return sum(sent) if sent else None

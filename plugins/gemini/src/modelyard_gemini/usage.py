"""Token counts. Google counts thoughts apart from the answer, and what its tools read apart from the prompt."""

from __future__ import annotations

from typing import Any

from modelyard.provider import JsonObject, Usage, count

__all__ = ["add_usage", "gemini_usage", "service_tier"]


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


def service_tier(raw: JsonObject | None) -> str | None:
    """The tier that served the request, which Google states among its counts."""
    tier = (raw or {}).get("serviceTier")
    return tier if isinstance(tier, str) and tier else None


def add_usage(before: JsonObject, after: JsonObject) -> JsonObject:
    """The usage of two requests: counts are added, those by modality too, anything else is the later one's."""
    total = {**before, **after}
    for name in before.keys() & after.keys():
        if name.endswith("Count"):
            counts = [count(before, name), count(after, name)]
            total[name] = _sum(*counts)
        elif isinstance(before[name], list) and isinstance(after[name], list):
            total[name] = _by_modality([*before[name], *after[name]])
    return total


def _by_modality(entries: list[Any]) -> list[JsonObject]:
    counts: dict[str, int] = {}
    for entry in (entry for entry in entries if isinstance(entry, dict)):
        modality = str(entry.get("modality"))
        counts[modality] = counts.get(modality, 0) + (count(entry, "tokenCount") or 0)
    return [{"modality": modality, "tokenCount": number} for modality, number in counts.items()]


def _sum(*counts: int | None) -> int | None:
    """The sum of what was sent; ``None`` when nothing was."""
    sent = [value for value in counts if value is not None]
    return sum(sent) if sent else None

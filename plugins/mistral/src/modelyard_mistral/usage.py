"""Token counts. The prompt includes cached tokens; audio in the prompt is counted apart from it."""

from __future__ import annotations

from modelyard.provider import JsonObject, Usage, count

__all__ = ["chat_usage"]


def chat_usage(raw: JsonObject) -> Usage:
    """The usage of an answer.

    The cached part is in ``prompt_tokens_details``; until early 2026 it stood in ``num_cached_tokens``. Of
    reasoning Mistral sends no count of its own.
    """
    cached = count(_details(raw, "prompt_tokens_details"), "cached_tokens")
    return Usage.build(
        raw=raw,
        input_tokens=count(raw, "prompt_tokens"),
        cached_input_tokens=count(raw, "num_cached_tokens") if cached is None else cached,
        output_tokens=count(raw, "completion_tokens"),
        reasoning_tokens=count(_details(raw, "completion_tokens_details"), "reasoning_tokens"),
        total_tokens=count(raw, "total_tokens"),
    )


def _details(raw: JsonObject, key: str) -> JsonObject:
    details = raw.get(key)
    return details if isinstance(details, dict) else {}

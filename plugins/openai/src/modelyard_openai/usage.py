"""Token counts of both APIs. Input includes cached tokens, output includes reasoning."""

from __future__ import annotations

from modelyard.provider import JsonObject, Usage, count

__all__ = ["chat_usage", "responses_usage"]


def responses_usage(raw: JsonObject) -> Usage:
    """The usage of a Responses answer."""
    return _usage(raw, "input_tokens", "output_tokens")


def chat_usage(raw: JsonObject) -> Usage:
    """The usage of a Chat Completions answer."""
    return _usage(raw, "prompt_tokens", "completion_tokens")


def _usage(raw: JsonObject, inputs: str, outputs: str) -> Usage:
    input_details, output_details = _details(raw, inputs), _details(raw, outputs)
    return Usage.build(
        raw=raw,
        input_tokens=count(raw, inputs),
        cached_input_tokens=count(input_details, "cached_tokens"),
        cache_write_tokens=count(input_details, "cache_write_tokens"),
        output_tokens=count(raw, outputs),
        reasoning_tokens=count(output_details, "reasoning_tokens"),
        total_tokens=count(raw, "total_tokens"),
    )


def _details(raw: JsonObject, key: str) -> JsonObject:
    details = raw.get(f"{key}_details")
    return details if isinstance(details, dict) else {}

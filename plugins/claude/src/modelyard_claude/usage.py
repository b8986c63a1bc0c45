"""Token counts. Anthropic's ``input_tokens`` leaves cached tokens out; ours has them in."""

from __future__ import annotations

from modelyard.provider import JsonObject, Usage, count

__all__ = ["claude_usage", "merge_usage"]


def merge_usage(total: JsonObject, update: JsonObject) -> None:
    """Take what a later event of a stream says.

    Figures are cumulative, so the last one sent stands, which may be smaller when the server compacted the
    conversation on the way; one left out or null changes nothing.
    """
    total.update((key, value) for key, value in update.items() if value is not None or key not in total)


def claude_usage(raw: JsonObject) -> Usage:
    """The usage a usage object says; output includes thinking."""
    fresh = count(raw, "input_tokens")
    cached, written = count(raw, "cache_read_input_tokens"), count(raw, "cache_creation_input_tokens")
    details, writes = raw.get("output_tokens_details"), raw.get("cache_creation")
    return Usage.build(
        raw=raw,
        input_tokens=None if fresh is None else fresh + (cached or 0) + (written or 0),
        cached_input_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=count(writes, "ephemeral_1h_input_tokens") if isinstance(writes, dict) else None,
        output_tokens=count(raw, "output_tokens"),
        reasoning_tokens=count(details, "thinking_tokens") if isinstance(details, dict) else None,
    )

"""Token counts: what was read, what of it was remembered, what was written."""

from __future__ import annotations

from modelyard.provider import JsonObject, Usage, count

__all__ = ["read_usage"]


def read_usage(raw: JsonObject) -> Usage:
    """The usage; a figure that was not sent stays ``None``."""
    return Usage.build(
        raw=raw,
        input_tokens=count(raw, "in"),
        cached_input_tokens=count(raw, "remembered"),
        output_tokens=count(raw, "out"),
    )

"""Finish reasons, read from Google's words (google-genai 3.4.0, ``FinishReason``)."""

from __future__ import annotations

from modelyard.provider import FinishReason

__all__ = ["gemini_finish"]

_FILTERED = (
    "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII ESCALATION MODEL_ARMOR "
    "IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION"
)
_FAILED = (
    "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE "
    "MALFORMED_RESPONSE NO_IMAGE PUP_LIMITED_DISABLED"
)
_REASONS: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    # One segment of a long output is full, and the next one may not or cannot be asked for.
    "CONTINUATION": "length",
    **dict.fromkeys(_FILTERED.split(), "content_filter"),
    **dict.fromkeys(_FAILED.split(), "error"),
}


def gemini_finish(raw: str | None, *, called: bool) -> FinishReason:
    """The finish reason for Google's; an answer that calls tools ends with ``STOP`` too."""
    if called and raw == "STOP":
        return "tool_calls"
    return _REASONS.get(raw or "", "unknown")

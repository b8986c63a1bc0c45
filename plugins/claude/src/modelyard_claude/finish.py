"""Finish reasons, read from the ``stop_reason``."""

from __future__ import annotations

from modelyard.provider import FinishReason

__all__ = ["finish_reason"]

# `pause_turn` and `compaction` hand the turn back unfinished, to be sent in again: neither an end nor a fault.
_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "pause_turn": "unknown",
    "compaction": "unknown",
}


def finish_reason(raw: str | None, *, called: bool) -> FinishReason:
    """The finish reason for a stop reason; an answer with a tool call never ends in a plain ``stop``."""
    reason = _REASONS.get(raw or "", "unknown")
    return "tool_calls" if called and reason == "stop" else reason

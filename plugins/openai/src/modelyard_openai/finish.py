"""Finish reasons, read from the words of both APIs."""

from __future__ import annotations

from modelyard.provider import FinishReason

__all__ = ["chat_finish", "responses_finish"]

_CHAT: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
}

_INCOMPLETE: dict[str, FinishReason] = {
    "max_output_tokens": "length",
    "max_messages": "length",
    "content_filter": "content_filter",
}


def chat_finish(raw: str | None, *, called: bool, refused: bool) -> FinishReason:
    """The finish reason of Chat Completions; some servers say ``stop`` after a tool call."""
    if refused and raw in (None, "stop"):
        return "content_filter"
    if called and raw == "stop":
        return "tool_calls"
    return _CHAT.get(raw or "", "unknown")


def responses_finish(status: str | None, reason: str | None, *, called: bool, refused: bool) -> FinishReason:
    """The finish reason of a Responses answer, which has none of its own.

    It follows from the status, the reason an incomplete answer gives, and what the answer holds.
    """
    if status == "incomplete":
        return _INCOMPLETE.get(reason or "", "unknown")
    if status == "cancelled":
        return "cancelled"
    if status not in ("completed", "complete"):
        return "unknown"
    if called:
        return "tool_calls"
    return "content_filter" if refused else "stop"

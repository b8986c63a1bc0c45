"""Finish reasons, read from Mistral's words."""

from __future__ import annotations

from modelyard.provider import FinishReason

__all__ = ["finish_reason"]

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


def finish_reason(raw: str | None, *, called: bool) -> FinishReason:
    """The finish reason; ``model_length`` says that the model's window is full.

    ``error`` is none of them: an answer that ends with it is raised as an error by the decoder.
    """
    if called and raw == "stop":
        return "tool_calls"
    return _REASONS.get(raw or "", "unknown")

"""Finish reasons of a poem."""

from __future__ import annotations

from modelyard.provider import FinishReason

__all__ = ["finish_reason"]

_REASONS: dict[str, FinishReason] = {"done": "stop", "page full": "length", "unfit to print": "content_filter"}


def finish_reason(raw: str | None) -> FinishReason:
    """The finish reason for the poet's word; one not known is ``unknown``, never ``stop``."""
    return _REASONS.get(raw or "", "unknown")

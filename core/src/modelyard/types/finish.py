"""Finish reasons, in words that mean the same for every provider."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["FinishReason"]

FinishReason: TypeAlias = Literal[
    "stop", "length", "tool_calls", "content_filter", "error", "cancelled", "unknown"
]
"""The provider's own word always stands beside it as ``raw_finish_reason``."""

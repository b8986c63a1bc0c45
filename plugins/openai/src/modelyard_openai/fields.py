"""Fields of a request that OpenAI has a word for."""

from __future__ import annotations

from typing import Final

__all__ = ["ABSENT", "FIELDS"]

FIELDS: Final = frozenset(
    {
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "output",
        "reasoning",
        "verbosity",
        "max_output_tokens",
        "temperature",
        "top_p",
        "stop",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "top_logprobs",
        "metadata",
        "user",
        "service_tier",
        "cache_key",
    }
)
"""The fields of a request that are written, as far as the model takes them."""

ABSENT: Final = {
    "top_k": "OpenAI's models have no top_k",
}
"""Reasons why the others are not sent, as a note gives them."""

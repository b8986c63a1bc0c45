"""Fields of a request that Mistral has a word for."""

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
        "max_output_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "top_logprobs",
        "metadata",
        "service_tier",
        "cache_key",
    }
)
"""The fields of a request that are written, as far as the model takes them."""

ABSENT: Final = {
    "user": "Mistral has no field for the end user",
    "verbosity": "Mistral has no such control",
}
"""Reasons why the others are not sent, as a note gives them."""

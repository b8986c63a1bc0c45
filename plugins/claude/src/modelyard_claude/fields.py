"""Fields of a request that the Messages API has a word for."""

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
        "metadata",
        "user",
        "service_tier",
    }
)
"""The fields of a request that are written, as far as the model takes them."""

ABSENT: Final = {
    "seed": "the Messages API has no seed",
    "frequency_penalty": "the Messages API has no penalties",
    "presence_penalty": "the Messages API has no penalties",
    "top_logprobs": "the Messages API gives no log probabilities",
    "verbosity": "the Messages API has no such control; ask for a short answer in the instructions",
    "cache_key": "the Messages API has no such key: it finds cached prefixes by itself",
}
"""Reasons why the others are not sent, as a note gives them."""

"""Fields of a request that Gemini has a word for."""

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
    }
)
"""The fields of a request that are written, as far as the model takes them."""

ABSENT: Final = {
    "verbosity": "Gemini has no such control; say it in the instructions",
    "user": "Gemini takes no id of the end user",
    "cache_key": "Gemini finds shared prefixes by itself and takes no key",
}
"""Reasons why the others are not sent, as a note gives them."""

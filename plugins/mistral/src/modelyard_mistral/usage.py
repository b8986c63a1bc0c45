"""Token counts. The prompt includes cached tokens; audio in the prompt is counted apart from it."""

from __future__ import annotations

from modelyard.provider import JsonObject, Usage, read_usage

__all__ = ["chat_usage"]


def chat_usage(raw: JsonObject) -> Usage:
    """Read the usage of an answer.

    The cached part is in ``prompt_tokens_details``; until early 2026 it stood in ``num_cached_tokens``. Of
    reasoning Mistral sends no count of its own.
    """
    return read_usage(raw, cached="num_cached_tokens")

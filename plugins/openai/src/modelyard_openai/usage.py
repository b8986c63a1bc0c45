"""Token counts of both APIs. Input includes cached tokens, output includes reasoning."""

from __future__ import annotations

from modelyard.provider import JsonObject, Usage, read_usage

__all__ = ["chat_usage", "responses_usage"]


def responses_usage(raw: JsonObject) -> Usage:
    """Read the usage of a Responses answer."""
    return read_usage(raw, inputs="input_tokens", outputs="output_tokens")


def chat_usage(raw: JsonObject) -> Usage:
    """Read the usage of a Chat Completions answer."""
    return read_usage(raw)

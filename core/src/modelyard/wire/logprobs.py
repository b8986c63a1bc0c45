"""Log probabilities in the Chat Completions format, which OpenAI, Mistral and compatible servers share."""

from __future__ import annotations

from typing import Any

from modelyard.types.logprobs import TokenLogprob

__all__ = ["token_logprobs"]


def token_logprobs(value: Any) -> tuple[TokenLogprob, ...]:
    """The tokens of a choice's ``logprobs``: those of its content, then those of its refusal.

    Entries of another shape are left out; figures such as bytes and token ids are not kept.
    """
    if not isinstance(value, dict):
        return ()
    return (*_tokens(value.get("content")), *_tokens(value.get("refusal")))


def _tokens(entries: Any) -> tuple[TokenLogprob, ...]:
    if not isinstance(entries, list):
        return ()
    return tuple(
        TokenLogprob(token=entry["token"], logprob=entry["logprob"], top=_tokens(entry.get("top_logprobs")))
        for entry in entries
        if isinstance(entry, dict) and _is_token(entry)
    )


def _is_token(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("token"), str) and type(entry.get("logprob")) in (int, float)

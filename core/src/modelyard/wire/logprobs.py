"""Log probabilities in the Chat Completions format, which OpenAI, Mistral and compatible servers share."""

from __future__ import annotations

from typing import Any

from modelyard.types.figures import finite
from modelyard.types.logprobs import TokenLogprob

__all__ = ["token_logprobs"]


def token_logprobs(value: Any) -> tuple[TokenLogprob, ...]:
    """The tokens of a choice's ``logprobs``: those of its content, then those of its refusal.

    Entries of another shape are left out; figures such as bytes and token ids are not kept.
    """
    if not isinstance(value, dict):
        return ()
    return (*_tokens(value.get("content"), tops=True), *_tokens(value.get("refusal"), tops=True))


def _tokens(entries: Any, *, tops: bool = False) -> tuple[TokenLogprob, ...]:
    if not isinstance(entries, list):
        return ()
    found = []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
            continue
        logprob = finite(entry.get("logprob"))
        if logprob is not None:
            top = _tokens(entry.get("top_logprobs")) if tops else ()
            found.append(TokenLogprob(token=entry["token"], logprob=logprob, top=top))
    return tuple(found)

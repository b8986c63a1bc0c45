"""Log probabilities of tokens."""

from __future__ import annotations

from modelyard.types.base import Frozen

__all__ = ["TokenLogprob"]


class TokenLogprob(Frozen):
    """A token of the answer with its natural log probability, and those of the likeliest alternatives."""

    token: str
    logprob: float
    top: tuple[TokenLogprob, ...] = ()

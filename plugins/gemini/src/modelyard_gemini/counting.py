"""Counting the tokens of a request before it is sent, with ``:countTokens``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.provider import InvalidResponseError, ModelCard, Request, count
from modelyard_gemini.request import build_generate_request, model_path, wire_model

if TYPE_CHECKING:
    from modelyard_gemini.session import GeminiSession

__all__ = ["count_tokens"]


async def count_tokens(session: GeminiSession, request: Request, card: ModelCard) -> int:
    """The input tokens of a request, system instruction and tools included, as Google counts them.

    ``generateContentRequest`` takes the request as it would be sent; how it is served does not count.
    Raises ``InvalidResponseError`` for an answer without a count, ``HttpFailure`` for a failed request.
    """
    body = build_generate_request(request, card, store=None).body
    for field in ("serviceTier", "labels"):
        body.pop(field, None)
    whole = {"model": f"models/{wire_model(request.model)}", **body}
    path = f"{model_path(request.model)}:countTokens"
    total = count(await session.ask("POST", path, {"generateContentRequest": whole}), "totalTokens")
    if total is None:
        raise InvalidResponseError("The answer to countTokens holds no totalTokens.")
    return total

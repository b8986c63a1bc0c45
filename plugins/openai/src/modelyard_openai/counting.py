"""Counting input tokens: ``POST /responses/input_tokens``, with the body of a Responses request."""

from __future__ import annotations

from modelyard.provider import (
    HttpFailure,
    HttpSession,
    InvalidResponseError,
    WireRequest,
    count,
    parse_json_object,
)

__all__ = ["count_input"]

_FIELDS = frozenset(
    "model input instructions tools tool_choice parallel_tool_calls reasoning text truncation "
    "previous_response_id conversation personality".split()
)
"""What the endpoint takes; the rest of a request has no part in its input."""


async def count_input(session: HttpSession, wire: WireRequest) -> int | None:
    """The input tokens of a Responses request.

    ``None`` from a server without the endpoint, as many compatible ones are. Raises ``HttpFailure``, or
    ``InvalidResponseError`` for an answer without a count.
    """
    body = {name: value for name, value in wire.body.items() if name in _FIELDS}
    try:
        answer = await session.post(WireRequest(f"{wire.path}/input_tokens", body, api=wire.api))
    except HttpFailure as failure:
        if _has_no_endpoint(failure):
            return None
        raise
    tokens = count(answer, "input_tokens")
    if tokens is None:
        raise InvalidResponseError("The answer to a token count holds no input_tokens.")
    return tokens


def _has_no_endpoint(failure: HttpFailure) -> bool:
    if failure.status not in (404, 405):
        return False
    error = (parse_json_object(failure.body) or {}).get("error")
    return not isinstance(error, dict) or error.get("code") != "model_not_found"

"""Counting the input tokens of a request: ``POST /v1/messages/count_tokens``."""

from __future__ import annotations

from modelyard.provider import InvalidResponseError, JsonObject, WireRequest, count

__all__ = ["COUNT_PATH", "counting_request", "read_count"]

COUNT_PATH = "/v1/messages/count_tokens"

_ANSWER_ONLY = frozenset(
    "max_tokens stream stop_sequences metadata service_tier temperature top_p top_k inference_geo container "
    "diagnostics".split()
)
"""What shapes an answer and adds nothing to the input: the endpoint refuses it."""


def counting_request(wire: WireRequest) -> WireRequest:
    """The question how many input tokens a request has."""
    body = {key: value for key, value in wire.body.items() if key not in _ANSWER_ONLY}
    return WireRequest(COUNT_PATH, body, wire.report, wire.headers)


def read_count(body: JsonObject) -> int:
    """The count an answer holds; raises ``InvalidResponseError`` for one that holds none."""
    tokens = count(body, "input_tokens")
    if tokens is None:
        raise InvalidResponseError("The answer holds no count of input tokens.")
    return tokens

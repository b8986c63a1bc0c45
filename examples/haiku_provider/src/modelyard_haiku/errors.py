"""Failures: ``{"what": ..., "said": ..., "again_in": <seconds>}``."""

from __future__ import annotations

from modelyard import errors
from modelyard.provider import ErrorKind, ErrorReader, JsonObject

__all__ = ["failure", "map_error"]

_CLASSES: dict[str, ErrorKind] = {
    "wrong key": (errors.AuthenticationError, 401),
    "not for you": (errors.PermissionDeniedError, 403),
    "unpaid": (errors.QuotaExceededError, 402),
    "too many": (errors.RateLimitError, 429),
    "asleep": (errors.OverloadedError, 503),
    "ink spilt": (errors.ServerError, 500),
    "misread": (errors.InvalidRequestError, 400),
    "too long": (errors.ContextWindowError, 400),
    "no such poet": (errors.ModelNotFoundError, 404),
}


class _Failures(ErrorReader):
    request_id_headers = ("x-poem-id",)
    message_field = "said"
    word_fields = ("what",)
    by_word = _CLASSES

    def details(self, body: JsonObject) -> JsonObject | None:
        return body if "what" in body else None

    def wait(self, details: JsonObject, message: str) -> float | None:
        seconds = details.get("again_in")
        return float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None


_READER = _Failures()
map_error = _READER.map_error
failure = _READER.in_answer

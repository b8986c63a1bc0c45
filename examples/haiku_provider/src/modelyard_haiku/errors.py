"""Failures: ``{"what": ..., "said": ..., "again_in": <seconds>}``."""

from __future__ import annotations

from typing import Any

from modelyard import errors
from modelyard.provider import (
    HttpFailure,
    JsonObject,
    ProviderError,
    error_for_status,
    http_error,
    map_transport_error,
    parse_json_object,
    unreadable_error,
)

__all__ = ["failure", "map_error"]

_CLASSES: dict[str, tuple[type[ProviderError], int]] = {
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


def map_error(error: BaseException) -> ProviderError:
    """The error for whatever a hook of this plugin raised."""
    if not isinstance(error, HttpFailure):
        return map_transport_error(error) or ProviderError(f"{type(error).__name__}: {error}")
    request_id = error.headers.get("x-poem-id")
    body = parse_json_object(error.body)
    if body is None or "what" not in body:
        return unreadable_error(error, request_id)
    what, said = str(body["what"]), str(body.get("said") or "")
    kind = _CLASSES[what][0] if what in _CLASSES else error_for_status(error.status)
    return http_error(error, kind, said, code=what, request_id=request_id, wait=_wait(body))


def failure(told: Any) -> ProviderError:
    """The error for a failure inside an answer, where the status says 200."""
    body: JsonObject = told if isinstance(told, dict) else {"said": told}
    what = str(body.get("what") or "")
    kind, status = _CLASSES.get(what, (errors.ServerError, 500))
    message = str(body.get("said") or "The answer reports a failure without saying which.")
    return kind(message, status=status, code=what or None, retry_after=_wait(body))


def _wait(body: JsonObject) -> float | None:
    seconds = body.get("again_in")
    return float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None

"""Errors of both APIs, and of the servers that imitate them."""

from __future__ import annotations

import re
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

__all__ = ["empty_answer", "error_in_answer", "map_error"]

_QUOTA = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "billing_hard_limit_reached",
    }
)
_BY_CODE: dict[str, tuple[type[ProviderError], int | None]] = {
    "context_length_exceeded": (errors.ContextWindowError, 400),
    "model_not_found": (errors.ModelNotFoundError, 404),
    "invalid_api_key": (errors.AuthenticationError, 401),
    "rate_limit_exceeded": (errors.RateLimitError, 429),
    "slow_down": (errors.RateLimitError, 429),
    "server_is_overloaded": (errors.OverloadedError, 503),
    "service_unavailable_error": (errors.OverloadedError, 503),
    "server_error": (errors.ServerError, 500),
    "content_filter": (errors.ContentFilterError, 400),
    "content_policy_violation": (errors.ContentFilterError, 400),
    "bio_policy": (errors.ContentFilterError, 400),
    "misalignment_policy_violation": (errors.ContentFilterError, 400),
    "image_content_policy_violation": (errors.ContentFilterError, 400),
    "invalid_prompt": (errors.ContentFilterError, 400),
    "vector_store_timeout": (errors.ServerError, 500),
    "data_residency_mismatch": (errors.PermissionDeniedError, 403),
    "unsupported_country_region_territory": (errors.PermissionDeniedError, 403),
    "insufficient_permissions": (errors.PermissionDeniedError, 403),
    "account_deactivated": (errors.AuthenticationError, 401),
    **dict.fromkeys(_QUOTA, (errors.QuotaExceededError, 429)),
}
_BY_TYPE: dict[str, tuple[type[ProviderError], int]] = {
    "invalid_request_error": (errors.InvalidRequestError, 400),
    "image_generation_user_error": (errors.InvalidRequestError, 400),
    "authentication_error": (errors.AuthenticationError, 401),
    "permission_error": (errors.PermissionDeniedError, 403),
    "not_found_error": (errors.ModelNotFoundError, 404),
    "rate_limit_error": (errors.RateLimitError, 429),
    "tokens": (errors.RateLimitError, 429),
    "requests": (errors.RateLimitError, 429),
}
"""What a type means inside an answer, where no status says more."""
_BAD_INPUT = re.compile(r"image|unsupported_(value|parameter|file)|^invalid_|^missing_|_below_|_above_")
"""Codes of the request's own faults: many name what is wrong with an image."""
_OVERFLOW = re.compile(
    r"context (length|window)|maximum context|too many tokens in the (prompt|input)", re.IGNORECASE
)
_TRY_AGAIN = re.compile(r"try again in ((?:\d+(?:\.\d+)?(?:ms|s|m|h|d)\s*)+)", re.IGNORECASE)
_TERM = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def map_error(error: BaseException) -> ProviderError:
    """The error for whatever a hook of this plugin raised."""
    if not isinstance(error, HttpFailure):
        return map_transport_error(error) or ProviderError(f"{type(error).__name__}: {error}")
    request_id = error.headers.get("x-request-id")
    body = parse_json_object(error.body)
    if body is None:
        return unreadable_error(error, request_id)
    details = _details(body)
    message, code = _text(details.get("message")), _code(details)
    kind, _ = _classify(details, message)
    mapped = http_error(
        error,
        kind or error_for_status(error.status),
        message,
        code=code,
        request_id=request_id,
        wait=_wait(message),
    )
    mapped.hint = mapped.hint or _explanation(details)
    return mapped


def error_in_answer(error: Any) -> ProviderError:
    """The error an answer reports in its body or stream, where the status says 200."""
    details = error if isinstance(error, dict) else {"message": error}
    message, code = _text(details.get("message")), _code(details)
    kind, status = _classify(details, message)
    if kind is None:
        kind, status = _of_answer(details)
    return kind(
        message or "The answer reports an error without saying which.",
        status=status,
        code=code,
        retry_after=_wait(message),
        hint=_explanation(details),
    )


def empty_answer() -> ProviderError:
    """The error for an answer that says it is complete and holds nothing at all; asking again may help."""
    return errors.InvalidResponseError("The answer is complete and empty.", code="empty_output")


def _of_answer(details: JsonObject) -> tuple[type[ProviderError], int]:
    """Class and status of an error no table names: from its type, the look of its code, or a status in it."""
    kind, code = details.get("type"), details.get("code")
    if isinstance(kind, str) and kind in _BY_TYPE:
        return _BY_TYPE[kind]
    if isinstance(code, str) and _BAD_INPUT.search(code):
        return errors.InvalidRequestError, 400
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return error_for_status(status), status


def _details(body: JsonObject) -> JsonObject:
    inner = body.get("error", body)
    if isinstance(inner, dict):
        return inner
    return {**body, "message": inner}


def _classify(details: JsonObject, message: str) -> tuple[type[ProviderError] | None, int | None]:
    for key in ("code", "type"):
        value = details.get(key)
        if isinstance(value, str) and value in _BY_CODE:
            return _BY_CODE[value]
    if _OVERFLOW.search(message[:2000]):
        return errors.ContextWindowError, 400
    return None, None


def _code(details: JsonObject) -> str | None:
    value = details.get("code") or details.get("type")
    return None if value is None else str(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _wait(message: str) -> float | None:
    """The time a message names, as in ``try again in 1m30.5s``."""
    found = _TRY_AGAIN.search(message[:2000])
    return sum(float(n) * _SECONDS[unit.lower()] for n, unit in _TERM.findall(found[1])) if found else None


def _explanation(details: JsonObject) -> str | None:
    """What a misalignment block says for the public, beside its message."""
    misalignment = details.get("misalignment")
    if not isinstance(misalignment, dict):
        return None
    told = misalignment.get("detailed_explanation")
    return told if isinstance(told, str) else None

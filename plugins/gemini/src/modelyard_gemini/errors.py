"""Errors of the Gemini API: ``{"error": {code, message, status, details}}``, alone or in a one-element array."""

from __future__ import annotations

import re
from collections.abc import Iterator
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

__all__ = ["error_in_answer", "map_error"]

_BY_STATUS: dict[str, tuple[type[ProviderError], int]] = {
    "INVALID_ARGUMENT": (errors.InvalidRequestError, 400),
    "FAILED_PRECONDITION": (errors.InvalidRequestError, 400),
    "OUT_OF_RANGE": (errors.InvalidRequestError, 400),
    "UNAUTHENTICATED": (errors.AuthenticationError, 401),
    "PERMISSION_DENIED": (errors.PermissionDeniedError, 403),
    "NOT_FOUND": (errors.ModelNotFoundError, 404),
    "ABORTED": (errors.ServerError, 409),
    "RESOURCE_EXHAUSTED": (errors.RateLimitError, 429),
    "CANCELLED": (errors.ServerError, 499),  # the caller leaving would see no answer: Google gave up
    "INTERNAL": (errors.ServerError, 500),
    "UNKNOWN": (errors.ServerError, 500),
    "UNAVAILABLE": (errors.OverloadedError, 503),
    "DEADLINE_EXCEEDED": (errors.ServerError, 504),
}
_BAD_KEY = frozenset({"API_KEY_INVALID", "CREDENTIALS_MISSING", "ACCESS_TOKEN_EXPIRED"})
_OVERFLOW = re.compile(
    r"input token count.{0,40}exceeds the maximum number of tokens|"
    r"input token count is \d+ but model only supports",
    re.IGNORECASE,
)
_BAD_KEY_TEXT = re.compile(r"API key (?:not valid|not found|expired)", re.IGNORECASE)
_SPENT = re.compile(r"spend(?:ing)? (?:cap|limit)|credits are depleted|\blimit: 0\b", re.IGNORECASE)
"""Quotas that no waiting refills: a cap on spending, credit used up, a model the free tier does not have."""
_NOT_HERE = re.compile(r"location is not supported|not available in your country|enable billing", re.IGNORECASE)
_RETRY_IN = re.compile(r"retry in (?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)(ms|s))?", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)s")


def map_error(error: BaseException) -> ProviderError:
    """The error for whatever a hook of this plugin raised. Google sends no request id."""
    if not isinstance(error, HttpFailure):
        return map_transport_error(error) or ProviderError(f"{type(error).__name__}: {error}")
    body = parse_json_object(error.body)
    if body is None:
        return unreadable_error(error)
    details = _details(body.get("error", body))
    message = _message(details)
    kind, _ = _classify(details, message, error.status)
    return http_error(
        error,
        kind or error_for_status(error.status),
        message,
        code=_code(details),
        wait=_wait(details, message),
    )


def error_in_answer(error: Any) -> ProviderError:
    """The error an answer reports in its body or stream, where the status says 200."""
    details = _details(error)
    message = _message(details)
    kind, status = _classify(details, message)
    if kind is None:
        number = details.get("code")
        status = number if isinstance(number, int) and 400 <= number < 600 else 500
        kind = error_for_status(status)
    return kind(
        message or "The answer reports an error without saying which.",
        status=status,
        code=_code(details),
        retry_after=_wait(details, message),
    )


def _details(error: Any) -> JsonObject:
    return error if isinstance(error, dict) else {"message": error}


def _classify(
    details: JsonObject, message: str, answered: int | None = None
) -> tuple[type[ProviderError] | None, int | None]:
    """The class and HTTP status of an error object; ``None`` where it does not say.

    ``answered`` is the status of the response, which alone says that a bill is open (402).
    """
    kind, status = _BY_STATUS.get(str(details.get("status")), (None, None))
    told = message[:2000]
    if not _BAD_KEY.isdisjoint(_reasons(details)) or _BAD_KEY_TEXT.search(told):
        return errors.AuthenticationError, status or 400
    if _OVERFLOW.search(told):
        return errors.ContextWindowError, status or 400
    if 402 in (answered, details.get("code")):
        return errors.QuotaExceededError, 402
    if kind is errors.RateLimitError and (_is_daily(details) or _SPENT.search(told)):
        return errors.QuotaExceededError, status
    if details.get("status") == "FAILED_PRECONDITION" and _NOT_HERE.search(told):
        return errors.PermissionDeniedError, status
    return kind, status


def _is_daily(details: JsonObject) -> bool:
    """Whether a quota that is used up comes back only the next day; per-minute ones come back by waiting."""
    for entry in _entries(details, "QuotaFailure"):
        violations = entry.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, dict) and "PerDay" in str(violation.get("quotaId")):
                return True
    return False


def _reasons(details: JsonObject) -> set[str]:
    return {str(entry["reason"]) for entry in _entries(details, "ErrorInfo") if "reason" in entry}


def _entries(details: JsonObject, kind: str) -> Iterator[JsonObject]:
    """The details of one of Google's standard kinds."""
    entries = details.get("details")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and str(entry.get("@type")).endswith(f"google.rpc.{kind}"):
            yield entry


def _code(details: JsonObject) -> str | None:
    """The most telling of Google's codes: a reason, else the status word, else the number."""
    value = min(_reasons(details), default=None) or details.get("status") or details.get("code")
    return None if value is None else str(value)


def _message(details: JsonObject) -> str:
    """The error's message, or the one for the reader where it has none."""
    message = _text(details.get("message"))
    localized = (entry.get("message") for entry in _entries(details, "LocalizedMessage"))
    return message or next((text for text in localized if isinstance(text, str)), "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _wait(details: JsonObject, message: str) -> float | None:
    """The seconds ``RetryInfo`` says, or else the message."""
    for entry in _entries(details, "RetryInfo"):
        found = _DURATION.fullmatch(str(entry.get("retryDelay")))
        if found:
            return float(found[1])
    hint = _RETRY_IN.search(message[:2000])
    if hint is None or not any(hint.groups()):
        return None
    hours, minutes, number, unit = hint.groups()
    seconds = float(number or 0) * (0.001 if unit and unit.lower() == "ms" else 1)
    return float(hours or 0) * 3600 + float(minutes or 0) * 60 + seconds

"""Errors of the Gemini API: ``{"error": {code, message, status, details}}``, alone or in a one-element array."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelyard import errors
from modelyard.provider import ErrorKind, ErrorReader, JsonObject, ProviderError

__all__ = ["error_in_answer", "map_error"]

_BY_STATUS: dict[str, ErrorKind] = {
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


class _Errors(ErrorReader):
    """Google sends no request id."""

    request_id_headers = ()
    word_fields = ("status",)
    by_word = _BY_STATUS

    def message(self, details: JsonObject) -> str:
        """The error's message, or the one for the reader where it has none."""
        localized = (entry.get("message") for entry in _entries(details, "LocalizedMessage"))
        return super().message(details) or next((text for text in localized if isinstance(text, str)), "")

    def code(self, details: JsonObject) -> str | None:
        """The most telling of Google's codes: a reason, else the status word, else the number."""
        value = min(_reasons(details), default=None) or details.get("status") or details.get("code")
        return None if value is None else str(value)

    def classify(
        self, details: JsonObject, message: str, status: int | None
    ) -> tuple[type[ProviderError] | None, int | None]:
        """By the word, unless reasons or wording say it better; the status alone says that a bill is open."""
        kind, named = super().classify(details, message, status)
        told = message[:2000]
        if not _BAD_KEY.isdisjoint(_reasons(details)) or _BAD_KEY_TEXT.search(told):
            return errors.AuthenticationError, named or 400
        if _OVERFLOW.search(told):
            return errors.ContextWindowError, named or 400
        if 402 in (status, details.get("code")):
            return errors.QuotaExceededError, 402
        if kind is errors.RateLimitError and (_is_daily(details) or _SPENT.search(told)):
            return errors.QuotaExceededError, named
        if details.get("status") == "FAILED_PRECONDITION" and _NOT_HERE.search(told):
            return errors.PermissionDeniedError, named
        return kind, named

    def wait(self, details: JsonObject, message: str) -> float | None:
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


_READER = _Errors()
map_error = _READER.map_error
error_in_answer = _READER.in_answer

"""Errors of both APIs, and of the servers that imitate them."""

from __future__ import annotations

import re

from modelyard import errors
from modelyard.provider import ErrorKind, ErrorReader, JsonObject, ProviderError

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
_BY_CODE: dict[str, ErrorKind] = {
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
_BY_TYPE: dict[str, ErrorKind] = {
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


class _Errors(ErrorReader):
    by_word = _BY_CODE
    by_wording = ((_OVERFLOW, (errors.ContextWindowError, 400)),)

    def details(self, body: JsonObject) -> JsonObject:
        inner = body.get("error", body)
        return inner if isinstance(inner, dict) else {**body, "message": inner}

    def unnamed(self, details: JsonObject) -> ErrorKind:
        """By the type, which says too little beside a status, the look of the code, or a status in it."""
        kind, code = details.get("type"), details.get("code")
        if isinstance(kind, str) and kind in _BY_TYPE:
            return _BY_TYPE[kind]
        if isinstance(code, str) and _BAD_INPUT.search(code):
            return errors.InvalidRequestError, 400
        return super().unnamed(details)

    def wait(self, details: JsonObject, message: str) -> float | None:
        """The time a message names, as in ``try again in 1m30.5s``."""
        found = _TRY_AGAIN.search(message[:2000])
        return sum(float(n) * _SECONDS[unit.lower()] for n, unit in _TERM.findall(found[1])) if found else None

    def hint(self, details: JsonObject, message: str) -> str | None:
        """What a misalignment block says for the public, beside its message."""
        misalignment = details.get("misalignment")
        told = misalignment.get("detailed_explanation") if isinstance(misalignment, dict) else None
        return told if isinstance(told, str) else None


_READER = _Errors()
map_error = _READER.map_error
error_in_answer = _READER.in_answer


def empty_answer() -> ProviderError:
    """The error for an answer that says it is complete and holds nothing at all; asking again may help."""
    return errors.InvalidResponseError("The answer is complete and empty.", code="empty_output")

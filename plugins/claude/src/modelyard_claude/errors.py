"""Errors: the API's own, the SDK's exceptions around them, and those of the clouds that serve Claude too."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from modelyard import errors
from modelyard.provider import ErrorKind, ErrorReader, HttpFailure, JsonObject, ProviderError, map_transport_error

__all__ = ["error_in_answer", "map_error"]

_BY_TYPE: dict[str, ErrorKind] = {
    "invalid_request_error": (errors.InvalidRequestError, 400),
    "authentication_error": (errors.AuthenticationError, 401),
    "billing_error": (errors.QuotaExceededError, 402),
    "permission_error": (errors.PermissionDeniedError, 403),
    "not_found_error": (errors.ModelNotFoundError, 404),
    "conflict_error": (errors.ServerError, 409),
    "request_too_large": (errors.InvalidRequestError, 413),
    "rate_limit_error": (errors.RateLimitError, 429),
    "api_error": (errors.ServerError, 500),
    "timeout_error": (errors.ServerError, 504),
    "overloaded_error": (errors.OverloadedError, 529),
    # Names Amazon Bedrock gives to errors inside its event streams.
    "validationException": (errors.InvalidRequestError, 400),
    "modelTimeoutException": (errors.ServerError, 408),
    "modelStreamErrorException": (errors.ServerError, 424),
    "throttlingException": (errors.RateLimitError, 429),
    "internalServerException": (errors.ServerError, 500),
    "serviceUnavailableException": (errors.OverloadedError, 503),
}
_QUOTA_CODES = frozenset(
    {
        "contract_spend_limit_reached",
        "enforced_spend_limit_reached",
        "linked_organization_billing_unavailable",
        "linked_organization_spend_limit_reached",
    }
)
_DENIED_CODES = frozenset({"organization_on_hold", "organization_type_not_supported", "region_not_supported"})
"""Refusals of the caller, not of the request, that come as a plain invalid_request_error."""
# These come as a plain invalid_request_error; the wording, seen in public issue threads, is all there is.
_BY_MESSAGE: tuple[tuple[re.Pattern[str], type[ProviderError]], ...] = (
    (
        re.compile(
            r"(prompt|input) is too long|exceeds? (the )?(model'?s )?context|context (window|limit)", re.IGNORECASE
        ),
        errors.ContextWindowError,
    ),
    (
        re.compile(r"credit balance is too low|specified API usage limits", re.IGNORECASE),
        errors.QuotaExceededError,
    ),
    (re.compile(r"blocked by content filtering", re.IGNORECASE), errors.ContentFilterError),
)
_BY_SDK_CLASS: tuple[tuple[str, Callable[[str], ProviderError]], ...] = (
    ("CredentialsError", errors.AuthenticationError),
    ("APITimeoutError", partial(errors.DeadlineError, phase="first_output")),
    ("APIConnectionError", errors.ConnectionFailedError),
    ("RetryableError", errors.ServerError),
    ("APIError", errors.InvalidResponseError),
)


class _Errors(ErrorReader):
    request_id_headers = ("request-id", "x-amzn-requestid")
    word_fields = ("type",)
    by_word = _BY_TYPE

    def map_error(self, error: BaseException) -> ProviderError:
        failure = _failure_of(error)
        return super().map_error(error if failure is None else failure)

    def foreign(self, error: BaseException) -> ProviderError:
        wrapped = error.__cause__ if _is_named(error, "APIConnectionError") else None
        if isinstance(wrapped, ProviderError):
            return wrapped  # raised by a client of ours, which the SDK called
        transport = map_transport_error(wrapped) if wrapped is not None else None
        return transport or _map_sdk_error(error) or super().foreign(error)

    def failed(self, failure: HttpFailure) -> ProviderError:
        """The server knows better than a status whether another try makes sense; no credit never does."""
        error = super().failed(failure)
        told = failure.headers.get("x-should-retry")
        if told in ("true", "false") and not isinstance(error, errors.QuotaExceededError):
            error.retryable = told == "true"
        return error

    def request_id_in(self, body: JsonObject) -> str | None:
        value = body.get("request_id")
        return value if isinstance(value, str) else None

    def code(self, details: JsonObject) -> str | None:
        value = _error_code(details) or details.get("type") or details.get("status")
        return None if value is None else str(value)

    def classify(
        self, details: JsonObject, message: str, status: int | None
    ) -> tuple[type[ProviderError] | None, int | None]:
        """By the type, unless the code within it or, for a plain bad request, the wording says it better."""
        kind, named = super().classify(details, message, status)
        code = _error_code(details)
        if code in _QUOTA_CODES:
            return errors.QuotaExceededError, named
        if code in _DENIED_CODES:
            return errors.PermissionDeniedError, named
        if kind is errors.ModelNotFoundError and code is not None:
            return errors.InvalidRequestError, named  # a file, thread or profile is missing, not the model
        if kind in (None, errors.InvalidRequestError):
            better = next((cls for pattern, cls in _BY_MESSAGE if pattern.search(message[:2000])), None)
            return better or kind, named
        return kind, named


_READER = _Errors()
map_error = _READER.map_error


def error_in_answer(body: JsonObject) -> ProviderError:
    """The error an answer reports in its body or stream, where the status says 200."""
    return _READER.in_answer(_READER.details(body), request_id=_READER.request_id_in(body))


def _error_code(details: JsonObject) -> str | None:
    more = details.get("details")
    code = more.get("error_code") if isinstance(more, dict) else None
    return code if isinstance(code, str) else None


def _failure_of(error: BaseException) -> HttpFailure | None:
    """The failed response an exception of the SDK is about.

    Works by shape, so that the SDK need not be imported to map an error.
    """
    response = getattr(error, "response", None) if _is_named(error, "APIStatusError") else None
    if response is None:
        return None
    try:
        body = response.content
    except Exception:  # closed before it was read: the status has to do
        body = b""
    return HttpFailure(response.status_code, dict(response.headers), body)


def _map_sdk_error(error: BaseException) -> ProviderError | None:
    """The error for an exception of the SDK that is about no response."""
    if not _is_named(error, "AnthropicError"):
        return None
    text = str(error) or type(error).__name__
    for name, kind in _BY_SDK_CLASS:
        if _is_named(error, name):
            return kind(text)
    return errors.InvalidRequestError(f"The SDK refused the request: {text}")


def _is_named(error: BaseException, name: str) -> bool:
    """Whether an exception is of a class of the SDK."""
    return any(
        base.__name__ == name and base.__module__.partition(".")[0] == "anthropic" for base in type(error).__mro__
    )

"""Errors of the API, of the gateway before it, and of the official client.

The body of an error stands at the root. Its ``message`` is text, or an object with the validator's complaints;
some answers hold only ``detail`` (text or complaints) or, from the gateway, only ``message``. Codes are strings.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Any

from modelyard import errors
from modelyard.provider import (
    ErrorKind,
    ErrorReader,
    HttpFailure,
    JsonObject,
    ProviderError,
    error_for_status,
    text_of,
)

__all__ = ["error_in_answer", "find_request_id", "map_error"]

_BY_TYPE: dict[str, ErrorKind] = {
    "authentication_error": (errors.AuthenticationError, 401),
    "invalid_function_call": (errors.InvalidRequestError, 400),
    "invalid_model": (errors.ModelNotFoundError, 400),
    "invalid_request_error": (errors.InvalidRequestError, 400),
    "invalid_request_message_order": (errors.InvalidRequestError, 400),
    "rate_limit_error": (errors.RateLimitError, 429),
    "rate_limited": (errors.RateLimitError, 429),
    "server_error": (errors.ServerError, 500),
}
"""Types seen, and the status each comes with, for errors that stand in an answer and have none."""

_DECISIVE = frozenset({"authentication_error", "invalid_model", "rate_limit_error", "rate_limited"})
"""Types that say more than the status; the others are used for several."""

_OVERFLOW = re.compile(
    r"too large for model|context (length|window)|maximum context|too many tokens", re.IGNORECASE
)
_CAPACITY = re.compile(r"capacity exceeded|overloaded", re.IGNORECASE)
_FILTERED = re.compile(r"guardrail|moderation|content.?(filter|policy)", re.IGNORECASE)
_NO_ROUTE = "no Route matched"
"""How Mistral's gateway says that a path does not exist; a model it does not know has other words."""
_SHOWN_COMPLAINTS = 5


_CLIENT_ERRORS: dict[str, tuple[type[ProviderError], str]] = {
    "NoResponseError": (errors.ConnectionFailedError, "No answer arrived: {}."),
    "ResponseValidationError": (
        errors.InvalidResponseError,
        "The answer is not of the shape the official client expects.",
    ),
    "ServiceAccountTokenError": (errors.AuthenticationError, "{}"),
    "StreamDisconnectedError": (errors.StreamInterruptedError, "{}"),
}
"""What the official client raises that carries no response to read, by name."""


class _Errors(ErrorReader):
    request_id_headers = ("mistral-correlation-id", "x-kong-request-id", "x-request-id")

    def foreign(self, error: BaseException) -> ProviderError:
        name = type(error).__name__
        if name == "SSEError":
            return errors.InvalidResponseError(f"The response is no stream of events: {error}.")
        if name == "HTTPStatusError":  # raised by an event hook of a host's own HTTP client
            return self.failed(_as_failure(getattr(error, "response", None)))
        if type(error).__module__.partition(".")[0] == "mistralai":
            return _map_client_error(error)
        return super().foreign(error)

    def details(self, body: JsonObject) -> JsonObject:
        """The body, or what a server before Mistral wrapped in ``error``."""
        inner = body.get("error")
        if isinstance(inner, dict):
            return inner
        return {"message": inner, **body} if isinstance(inner, str) else body

    def message(self, details: JsonObject) -> str:
        value = details.get("message")
        if value is None:
            value = details.get("detail")
        if isinstance(value, dict):
            value = value.get("detail", value)
        if isinstance(value, list):
            return "; ".join(_complaint(entry) for entry in value[:_SHOWN_COMPLAINTS])
        return text_of(value)

    def classify(
        self, details: JsonObject, message: str, status: int | None
    ) -> tuple[type[ProviderError], int | None]:
        number = status or _status_within(details)
        return _classify(details, message, number), number

    def hint(self, details: JsonObject, message: str) -> str | None:
        wrong_path = message.startswith(_NO_ROUTE)
        return "The server is there, the path is not. Check the base URL." if wrong_path else None


def _status_within(details: JsonObject) -> int:
    """The status of an error inside an answer: the one it holds, or the one its type comes with."""
    number = details.get("raw_status_code")
    if isinstance(number, int) and 400 <= number < 600:
        return number
    return _BY_TYPE.get(str(details.get("type")), (errors.ServerError, 500))[1]


def _classify(details: JsonObject, message: str, status: int) -> type[ProviderError]:
    shown = message[:2000]
    if status < 500 and _OVERFLOW.search(shown):
        return errors.ContextWindowError
    if message.startswith(_NO_ROUTE):
        return errors.InvalidRequestError
    if status == 403 and _FILTERED.search(f"{details.get('type')} {details.get('code')} {shown}"):
        return errors.ContentFilterError
    if status in (429, 503) and _CAPACITY.search(shown):
        return errors.OverloadedError
    kind = details.get("type")
    if isinstance(kind, str) and kind in _DECISIVE:
        return _BY_TYPE[kind][0]
    return error_for_status(status)


def _complaint(entry: Any) -> str:
    """One complaint of the validator: where, and what. What was sent there is not repeated."""
    if not isinstance(entry, dict):
        return str(entry)
    place = entry.get("loc")
    where = ".".join(str(step) for step in place) if isinstance(place, list) else ""
    what = str(entry.get("msg") or entry.get("type") or "not valid")
    return f"{where}: {what}" if where else what


def _map_client_error(error: BaseException) -> ProviderError:
    """The error for what the official client raised, known by name so that it need not be imported."""
    names = {base.__name__ for base in type(error).__mro__}
    wrapped = getattr(error, "inner", None)
    if isinstance(wrapped, BaseException) and wrapped is not error:
        return _READER.map_error(wrapped)
    for name, (kind, words) in _CLIENT_ERRORS.items():
        if name in names:
            return kind(words.format(error))
    if "MistralError" in names:
        return _READER.failed(_as_failure(error))
    if "TemporaryError" in names:
        return _READER.failed(_as_failure(getattr(error, "response", None)))
    return errors.InvalidRequestError(f"The official client refused: {type(error).__name__}: {error}")


def _as_failure(source: Any) -> HttpFailure:
    """The failed response in a client's error, or in a response; what is missing or unread counts as empty."""
    status, headers = getattr(source, "status_code", None), getattr(source, "headers", None)
    body = getattr(source, "body", None)
    if body is None:
        with contextlib.suppress(Exception):
            body = source.text
    return HttpFailure(
        status if isinstance(status, int) else 500,
        dict(headers) if isinstance(headers, Mapping) else {},
        body.encode("utf-8", "replace") if isinstance(body, str) else b"",
    )


_READER = _Errors()
map_error = _READER.map_error
find_request_id = _READER.find_request_id


def error_in_answer(error: Any) -> ProviderError:
    """The error an answer reports in its body or stream, where the status says 200."""
    return _READER.in_answer(_READER.details(error) if isinstance(error, dict) else error)

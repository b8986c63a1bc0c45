"""Every way to fail has one class, whatever the body looks like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from inspect import get_annotations
from typing import Any, get_args

import anthropic
import httpx2
import pytest
from anthropic.lib import credentials

from modelyard import (
    AuthenticationError,
    ConnectionFailedError,
    ContentFilterError,
    ContextWindowError,
    DeadlineError,
    InvalidRequestError,
    InvalidResponseError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from modelyard.http.failures import HttpFailure
from modelyard_claude.errors import error_in_answer, map_error

REQUEST = httpx2.Request("POST", "https://api.anthropic.com/v1/messages")


def failure(status: int, error: Any, headers: dict[str, str] | None = None, **more: Any) -> HttpFailure:
    body = {"type": "error", "error": error, **more}
    return HttpFailure(status, headers or {}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "kind", "expected", "retryable"),
    [
        (400, "invalid_request_error", InvalidRequestError, False),
        (401, "authentication_error", AuthenticationError, False),
        (402, "billing_error", QuotaExceededError, False),
        (403, "permission_error", PermissionDeniedError, False),
        (404, "not_found_error", ModelNotFoundError, False),
        (408, "timeout_error", ServerError, True),
        (409, "conflict_error", ServerError, True),
        (413, "request_too_large", InvalidRequestError, False),
        (422, "invalid_request_error", InvalidRequestError, False),
        (429, "rate_limit_error", RateLimitError, True),
        (500, "api_error", ServerError, True),
        (503, "something_new", OverloadedError, True),
        (504, "timeout_error", ServerError, True),
        (529, "overloaded_error", OverloadedError, True),
        (529, "something_new", OverloadedError, True),
    ],
)
def test_the_class_follows_the_type(
    status: int, kind: str, expected: type[ProviderError], retryable: bool
) -> None:
    error = map_error(failure(status, {"type": kind, "message": "Sorry."}, request_id="req_1"))
    assert type(error) is expected
    assert (error.status, error.code, error.request_id) == (status, kind, "req_1")
    assert (error.message, error.retryable) == ("Sorry.", retryable)


@pytest.mark.parametrize(
    ("status", "kind", "code", "expected"),
    [
        (429, "rate_limit_error", "enforced_spend_limit_reached", QuotaExceededError),
        (429, "rate_limit_error", "contract_spend_limit_reached", QuotaExceededError),
        (429, "rate_limit_error", "ramp_limit_exceeded", RateLimitError),
        (402, "billing_error", "linked_organization_spend_limit_reached", QuotaExceededError),
        (404, "not_found_error", "file_expired", InvalidRequestError),
        (400, "invalid_request_error", "image_dimensions_too_large", InvalidRequestError),
        (529, "overloaded_error", "compaction_unavailable", OverloadedError),
    ],
)
def test_the_code_names_the_cause(status: int, kind: str, code: str, expected: type[ProviderError]) -> None:
    details = {"type": kind, "message": "Sorry.", "details": {"error_code": code}}
    error = map_error(failure(status, details))
    assert type(error) is expected
    assert error.code == code


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("prompt is too long: 3333404 tokens > 200000 maximum", ContextWindowError),
        ("input length and `max_tokens` exceed context limit: 190000 + 64000 > 200000", ContextWindowError),
        ("Your credit balance is too low to access the Anthropic API.", QuotaExceededError),
        ("You have reached your specified API usage limits.", QuotaExceededError),
        ("Output blocked by content filtering policy", ContentFilterError),
        ("messages.0: all messages must have non-empty content", InvalidRequestError),
    ],
)
def test_a_plain_invalid_request_is_told_by_its_message(message: str, expected: type[ProviderError]) -> None:
    assert type(map_error(failure(400, {"type": "invalid_request_error", "message": message}))) is expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "1"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
    ],
)
def test_the_time_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    error = map_error(failure(429, {"type": "rate_limit_error", "message": "Slow down."}, headers))
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "kind", "flag", "retryable"),
    [
        (429, "rate_limit_error", "false", False),
        (400, "invalid_request_error", "true", True),
        (402, "billing_error", "true", False),
        (529, "overloaded_error", "maybe", True),
    ],
)
def test_the_server_says_whether_to_retry_but_no_credit_is_never_retried(
    status: int, kind: str, flag: str, retryable: bool
) -> None:
    error = map_error(failure(status, {"type": kind, "message": "x"}, {"x-should-retry": flag}))
    assert error.retryable is retryable


@pytest.mark.parametrize(
    ("headers", "more", "request_id"),
    [
        ({"request-id": "req_h"}, {}, "req_h"),
        ({"request-id": "req_h"}, {"request_id": "req_b"}, "req_b"),
        ({"request-id": "req_h"}, {"request_id": 5}, "req_h"),
        ({"x-amzn-RequestId": "aws"}, {}, "aws"),
        ({}, {}, None),
    ],
)
def test_the_request_id(headers: dict[str, str], more: Any, request_id: str | None) -> None:
    assert map_error(failure(500, {"type": "api_error"}, headers, **more)).request_id == request_id


def test_errors_of_other_clouds() -> None:
    bedrock = map_error(HttpFailure(429, {}, b'{"message": "Too many tokens, please wait."}'))
    assert (type(bedrock), bedrock.message) == (RateLimitError, "Too many tokens, please wait.")
    vertex = b'[{"error": {"code": 403, "message": "No.", "status": "PERMISSION_DENIED"}}]'
    error = map_error(HttpFailure(403, {}, vertex))
    assert (type(error), error.message, error.code) == (PermissionDeniedError, "No.", "PERMISSION_DENIED")


BODIES: list[bytes] = [
    b"",
    b"null",
    b"[]",
    b"[1, 2]",
    b'"text"',
    b"12",
    b"{}",
    b'{"error": null}',
    b'{"error": "text"}',
    b'{"error": ["a"]}',
    b'{"error": {"type": 5, "message": {"a": 1}, "details": "x"}}',
    b'{"error": {"details": {"error_code": ["a"]}}}',
    b'{"type": "error", "error": {"type": ["a"], "message": null}, "request_id": {}}',
    b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"error": {"message": "' + b"x" * 10_000_000 + b'"}}',
    b"x" * 10_000_000,
]


@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 500, 502, 529, 599])
@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:30]))
def test_the_mapper_never_raises_and_keeps_messages_short(status: int, body: bytes) -> None:
    error = map_error(HttpFailure(status, {"retry-after": "x", "x-should-retry": ""}, body))
    assert type(error) is not ProviderError
    assert error.status == status
    assert len(error.message) < 2_200
    assert "<" not in error.message


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"error": None},
        {"error": "Busy"},
        {"error": []},
        {"error": {"type": 5}},
        {"type": "error", "error": {}},
    ],
)
def test_an_error_inside_an_answer_of_any_shape_is_a_server_error(body: Any) -> None:
    error = error_in_answer(body)
    assert (type(error), error.status, error.retryable) == (ServerError, 500, True)
    assert error.message


def test_an_error_inside_a_stream_of_bedrock() -> None:
    error = error_in_answer({"type": "error", "error": {"type": "throttlingException", "message": "Slow down."}})
    assert (type(error), error.status) == (RateLimitError, 429)


# The SDK and its HTTP client


def sdk_exceptions() -> Iterator[tuple[type[BaseException], BaseException]]:
    """An instance of every exception class the SDK exports."""
    values = [value for module in (anthropic, credentials) for value in vars(module).values()]
    found = {value for value in values if isinstance(value, type) and issubclass(value, BaseException)}
    for kind in sorted(found, key=lambda kind: kind.__name__):
        if issubclass(kind, anthropic.APIStatusError):
            status = getattr(kind, "status_code", 418)
            yield kind, kind("x", response=httpx2.Response(status, request=REQUEST), body=None)
        elif issubclass(kind, anthropic.APIResponseValidationError):
            yield kind, kind(httpx2.Response(200, request=REQUEST), None)
        elif issubclass(kind, anthropic.APIConnectionError):
            yield kind, kind(request=REQUEST)
        elif issubclass(kind, anthropic.APIError):
            yield kind, kind("x", REQUEST, body=None)
        else:
            yield kind, kind("x")


@pytest.mark.parametrize(
    ("kind", "error"), list(sdk_exceptions()), ids=lambda value: getattr(value, "__name__", "")
)
def test_every_exception_of_the_sdk_has_a_class_of_its_own(
    kind: type[BaseException], error: BaseException
) -> None:
    mapped = map_error(error)
    assert type(mapped) is not ProviderError, kind
    assert mapped.message


def test_the_walk_meets_the_exceptions_there_are() -> None:
    names = {kind.__name__ for kind, _ in sdk_exceptions()}
    assert {"OverloadedError", "EnforcedSpendLimitReachedError", "IdentityTokenFileError"} <= names
    assert len(names) > 40


def http_exceptions() -> list[type[Exception]]:
    """Every exception class the HTTP client exports."""
    kinds = {value for value in vars(httpx2).values() if isinstance(value, type) and issubclass(value, Exception)}
    return sorted(kinds, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", http_exceptions())
def test_every_exception_of_the_http_client_has_a_class_of_its_own(kind: type[Exception]) -> None:
    if issubclass(kind, Warning):
        pytest.skip("a warning is no failure")
    error = kind.__new__(kind)
    Exception.__init__(error, "x")
    assert type(map_error(error)) is not ProviderError


def test_a_status_error_of_the_sdk_is_mapped_by_its_response() -> None:
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}}
    response = httpx2.Response(529, json=body, headers={"retry-after": "3", "request-id": "r"}, request=REQUEST)
    error = map_error(anthropic.APIStatusError("x", response=response, body=body))
    assert (type(error), error.message) == (OverloadedError, "Busy.")
    assert (error.status, error.retry_after, error.request_id) == (529, 3.0, "r")


@pytest.mark.parametrize(
    ("cause", "expected", "phase"),
    [
        (httpx2.ConnectTimeout("slow"), DeadlineError, "connect"),
        (httpx2.ReadTimeout("slow"), DeadlineError, "between_outputs"),
        (httpx2.ConnectError("refused"), ConnectionFailedError, None),
        (httpx2.PoolTimeout("full"), ConnectionFailedError, None),
        (httpx2.LocalProtocolError("bad header"), InvalidRequestError, None),
        (RuntimeError("?"), ConnectionFailedError, None),
    ],
)
def test_a_connection_error_of_the_sdk_is_mapped_by_its_cause(
    cause: Exception, expected: type[ProviderError], phase: str | None
) -> None:
    error = anthropic.APIConnectionError(request=REQUEST)
    error.__cause__ = cause
    mapped = map_error(error)
    assert type(mapped) is expected
    assert getattr(mapped, "phase", None) == phase


def test_an_unread_response_leaves_the_status() -> None:
    response = httpx2.Response(503, stream=httpx2.ByteStream(b"{}"), request=REQUEST)
    error = map_error(anthropic.APIStatusError("x", response=response, body=None))
    assert (type(error), error.status) == (OverloadedError, 503)


@pytest.mark.parametrize("error", [RuntimeError("?"), KeyError("content"), ValueError()])
def test_anything_else_is_at_least_named(error: Exception) -> None:
    assert type(error).__name__ in map_error(error).message


def test_a_response_that_does_not_fit_the_sdk_is_an_invalid_response() -> None:
    error = anthropic.APIResponseValidationError(httpx2.Response(200, request=REQUEST), None)
    assert type(map_error(error)) is InvalidResponseError


# Every status and code


BY_STATUS: dict[int | None, type[ProviderError]] = {
    None: ServerError,
    400: InvalidRequestError,
    401: AuthenticationError,
    402: QuotaExceededError,
    403: PermissionDeniedError,
    404: ModelNotFoundError,
    408: ServerError,
    409: ServerError,
    412: InvalidRequestError,
    413: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitError,
    431: InvalidRequestError,
    499: InvalidRequestError,
    501: ServerError,
    503: ServerError,
    504: ServerError,
    529: OverloadedError,
}
BY_CODE: dict[str, type[ProviderError]] = {
    "contract_spend_limit_reached": QuotaExceededError,
    "enforced_spend_limit_reached": QuotaExceededError,
    "linked_organization_billing_unavailable": QuotaExceededError,
    "linked_organization_spend_limit_reached": QuotaExceededError,
    "organization_on_hold": PermissionDeniedError,
    "organization_type_not_supported": PermissionDeniedError,
    "region_not_supported": PermissionDeniedError,
}
TYPES: dict[int | None, str] = {
    400: "invalid_request_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
}
TYPES |= {409: "conflict_error", 413: "request_too_large", 429: "rate_limit_error", 503: "api_error"}
TYPES |= {529: "overloaded_error"}


def status_errors(kind: type[Any]) -> Iterator[type[Any]]:
    """Every class for a status, those for one (status, error_code) among them."""
    for child in kind.__subclasses__():
        yield child
        yield from status_errors(child)


def code_of(kind: type[Any]) -> str | None:
    """The error code a class of the SDK is for."""
    for base in kind.__mro__:
        for code in get_args(get_annotations(base).get("error_code")):
            if isinstance(code, str):
                return code
    return None


STATUS_ERRORS = sorted(set(status_errors(anthropic.APIStatusError)), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", STATUS_ERRORS)
def test_every_pair_of_status_and_code_the_sdk_knows_has_the_class_that_fits(kind: type[Any]) -> None:
    status, code = getattr(kind, "status_code", None), code_of(kind)
    details = {"details": {"error_code": code}} if code else {}
    body = {"type": "error", "error": {"type": TYPES.get(status), "message": "Sorry.", **details}}
    response = httpx2.Response(status or 500, json=body, request=REQUEST)
    mapped = map_error(kind("x", response=response, body=body))
    expected = BY_CODE.get(code or "", InvalidRequestError if status == 404 and code else BY_STATUS[status])
    assert (type(mapped), mapped.status, mapped.code) == (expected, status or 500, code or TYPES.get(status))


def test_the_walk_meets_the_codes_there_are() -> None:
    codes = {code_of(kind) for kind in STATUS_ERRORS}
    assert set(BY_CODE) <= codes
    assert len(codes) > 80

"""Errors: every body Mistral and its gateway send, every exception of the clients, and bodies nobody expects."""

from __future__ import annotations

import inspect
import json
import pickle
from types import SimpleNamespace
from typing import Any

import httpx2
import mistralai.client.errors as sdk_errors
import mistralai.client.errors.mistralerror as sdk_base
import mistralai.client.utils.retries as sdk_retries
import mistralai.extra.exceptions as sdk_extras
import pytest
from mistralai.client._hooks.service_account_auth import ServiceAccountTokenError

from modelyard import Runtime, errors
from modelyard.errors import ProviderError
from modelyard.http.failures import HttpFailure
from modelyard.testing import Emulator, FailureKind, Reply, Reset, Script
from modelyard_mistral.errors import error_in_answer, map_error

REQUEST_ID = {"mistral-correlation-id": "c-1", "x-kong-request-id": "k-1"}


def failure(status: int, body: Any, **headers: str) -> HttpFailure:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpFailure(status, {**REQUEST_ID, **headers}, content)


def root(
    message: Any, kind: str = "invalid_request_error", code: str | None = None, **more: Any
) -> dict[str, Any]:
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code, **more}


COMPLAINT = {
    "type": "extra_forbidden",
    "loc": ["body", "store"],
    "msg": "Extra inputs are not permitted",
    "input": "private words",
}


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "message"),
    [
        (401, {"detail": "Invalid API Key"}, errors.AuthenticationError, None, "Invalid API Key"),
        (401, {"message": "Unauthorized"}, errors.AuthenticationError, None, "Unauthorized"),
        (402, {"message": "Pay first."}, errors.QuotaExceededError, None, "Pay first."),
        (403, {"message": "Not yours."}, errors.PermissionDeniedError, None, "Not yours."),
        (
            400,
            root("Unexpected role 'user' after role 'tool'", "invalid_request_message_order", "3230"),
            errors.InvalidRequestError,
            "3230",
            "Unexpected role 'user' after role 'tool'",
        ),
        (
            400,
            root("Tool call id was x", "invalid_function_call", "3280"),
            errors.InvalidRequestError,
            "3280",
            "Tool call id was x",
        ),
        (
            400,
            root("Invalid model: x", "invalid_model", "1500"),
            errors.ModelNotFoundError,
            "1500",
            "Invalid model: x",
        ),
        (404, root("Gone."), errors.ModelNotFoundError, "invalid_request_error", "Gone."),
        (
            404,
            {"message": "no Route matched with those values"},
            errors.InvalidRequestError,
            None,
            "no Route matched with those values",
        ),
        (
            400,
            root("Prompt contains 9 tokens, too large for model with 8 maximum context length", code="3051"),
            errors.ContextWindowError,
            "3051",
            "Prompt contains 9 tokens, too large for model with 8 maximum context length",
        ),
        (
            422,
            root({"detail": [COMPLAINT]}),
            errors.InvalidRequestError,
            "invalid_request_error",
            "body.store: Extra inputs are not permitted",
        ),
        (
            422,
            {"detail": [COMPLAINT, "more", {"type": "missing"}]},
            errors.InvalidRequestError,
            None,
            "body.store: Extra inputs are not permitted; more; missing",
        ),
        (
            429,
            root("Rate limit exceeded", "rate_limited", "1300", raw_status_code=429),
            errors.RateLimitError,
            "1300",
            "Rate limit exceeded",
        ),
        (
            429,
            {"message": "Requests rate limit exceeded"},
            errors.RateLimitError,
            None,
            "Requests rate limit exceeded",
        ),
        (
            429,
            root("Service tier capacity exceeded for this model."),
            errors.OverloadedError,
            "invalid_request_error",
            "Service tier capacity exceeded for this model.",
        ),
        (500, root("Oops", "server_error"), errors.ServerError, "server_error", "Oops"),
        (
            502,
            {"message": "An invalid response was received"},
            errors.ServerError,
            None,
            "An invalid response was received",
        ),
        (503, {"message": "Service unavailable"}, errors.OverloadedError, None, "Service unavailable"),
        (400, {"error": {"message": "Wrapped", "type": "x"}}, errors.InvalidRequestError, "x", "Wrapped"),
        (400, {"error": "Text"}, errors.InvalidRequestError, None, "Text"),
        (400, [root("In a list")], errors.InvalidRequestError, "invalid_request_error", "In a list"),
    ],
)
def test_every_shape_of_body(
    status: int, body: Any, kind: type[ProviderError], code: str | None, message: str
) -> None:
    error = map_error(failure(status, body))
    assert type(error) is kind
    assert (error.status, error.code, error.message, error.request_id) == (status, code, message, "c-1")
    assert error.retryable is kind.default_retryable


def test_what_was_sent_is_not_repeated_in_the_message() -> None:
    assert "private words" not in str(map_error(failure(422, {"detail": [COMPLAINT]})))


def test_a_wrong_path_hints_at_the_base_url() -> None:
    error = map_error(failure(404, {"message": "no Route matched with those values"}))
    assert "base URL" in (error.hint or "")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "7"}, 7.0), ({"retry-after-ms": "1500"}, 1.5), ({}, None), ({"retry-after": "soon"}, None)],
)
def test_the_wait_is_read_from_the_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert map_error(failure(429, {"message": "Slow down"}, **headers)).retry_after == seconds


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"mistral-correlation-id": "c", "x-kong-request-id": "k"}, "c"),
        ({"X-Kong-Request-Id": "k", "x-request-id": "r"}, "k"),
        ({"x-request-id": "r"}, "r"),
        ({}, None),
    ],
)
def test_the_request_id_has_several_headers(headers: dict[str, str], found: str | None) -> None:
    assert map_error(HttpFailure(500, headers, b"{}")).request_id == found


ODD = [
    b"",
    b"null",
    b"0",
    b'"text"',
    b"[]",
    b"[[]]",
    b"[null]",
    b"{}",
    b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    b"\xff\xfe\x00",
    b'{"message": null}',
    b'{"message": [[]]}',
    b'{"message": {"detail": {"a": [1]}}}',
    b'{"message": 5, "type": 5, "code": 5}',
    b'{"message": {}, "type": {}, "code": []}',
    b'{"detail": {}}',
    b'{"detail": [{"loc": "body", "msg": 5}, {"loc": [[1]], "msg": null}, null]}',
    b'{"error": []}',
    b'{"error": {"message": ["a"]}}',
    b"[" * 100_000,
    b'{"message": "' + b"x" * 10_000_000 + b'"}',
    b"<p>" * 3_000_000,
]


@pytest.mark.parametrize("status", [200, 301, 400, 401, 422, 429, 500, 503, 599])
@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_the_mapper_never_raises_and_the_class_follows_the_status(status: int, body: bytes) -> None:
    error = map_error(HttpFailure(status, {}, body))
    assert type(error) is not ProviderError
    assert error.status == status
    assert error.message
    assert len(str(error)) < 3_000
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("value", [None, "", "text", 5, [], {}, {"message": None}, {"raw_status_code": "x"}, [[]]])
def test_errors_in_answers_never_raise_in_the_mapper(value: Any) -> None:
    assert type(error_in_answer(value)) is errors.ServerError


@pytest.mark.parametrize(
    ("value", "kind", "status"),
    [
        (root("Slow", "rate_limited", "1300"), errors.RateLimitError, 429),
        (root("Slow", "x", raw_status_code=429), errors.RateLimitError, 429),
        (root("No", "authentication_error"), errors.AuthenticationError, 401),
        (root("No", "invalid_request_message_order", "3230"), errors.InvalidRequestError, 400),
        (root("No", "x", raw_status_code=503), errors.OverloadedError, 503),
    ],
)
def test_errors_in_answers_are_told_by_type_and_status(value: Any, kind: type[ProviderError], status: int) -> None:
    error = error_in_answer(value)
    assert (type(error), error.status) == (kind, status)


def exceptions_of(*modules: Any) -> list[type[BaseException]]:
    found = {
        value
        for module in modules
        for name in dir(module)
        if inspect.isclass(value := getattr(module, name)) and issubclass(value, BaseException)
    }
    return sorted(found, key=lambda cls: cls.__name__)


def make(cls: type[BaseException], status: int = 429) -> BaseException:
    """An instance with what its constructor asks for, by the names of its parameters."""
    request = httpx2.Request("POST", "https://api.mistral.ai/v1/chat/completions")
    body = json.dumps(root("Rate limit exceeded", "rate_limited", "1300"))
    response = httpx2.Response(status, headers={**REQUEST_ID, "retry-after": "3"}, text=body, request=request)
    given: dict[str, Any] = {
        "message": "it broke",
        "request": request,
        "response": response,
        "raw_response": response,
        "data": SimpleNamespace(detail=SimpleNamespace(message="it broke")),
        "payload": SimpleNamespace(error=SimpleNamespace(code=1)),
        "cause": ValueError("not valid"),
        "reason": "read_error",
        "inner": httpx2.ReadError("it broke"),
        "error": "gone",
        "conversation_id": None,
        "deferred_calls": [],
    }
    try:
        names = inspect.signature(cls).parameters
    except ValueError:  # nothing but what every exception takes
        return cls("it broke")
    return cls(**{name: given[name] for name in names if name in given})


SDK_EXCEPTIONS = exceptions_of(sdk_errors, sdk_base, sdk_retries, sdk_extras)


def test_the_walk_finds_the_exceptions_of_the_official_client() -> None:
    names = {cls.__name__ for cls in SDK_EXCEPTIONS}
    assert {"MistralError", "SDKError", "HTTPValidationError", "NoResponseError", "PermanentError"} <= names
    assert len(SDK_EXCEPTIONS) >= 20


@pytest.mark.parametrize("cls", exceptions_of(httpx2), ids=lambda cls: cls.__name__)
def test_every_exception_of_the_http_client_has_a_class(cls: type[BaseException]) -> None:
    error = map_error(make(cls))
    assert type(error) is not ProviderError
    assert error.message


@pytest.mark.parametrize("cls", SDK_EXCEPTIONS, ids=lambda cls: cls.__name__)
def test_every_exception_of_the_official_client_has_a_class(cls: type[BaseException]) -> None:
    error = map_error(make(cls))
    assert type(error) is not ProviderError
    assert error.message


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SDKError", errors.RateLimitError),
        ("HTTPValidationError", errors.RateLimitError),
        ("ObservabilityError", errors.RateLimitError),
        ("ResponseValidationError", errors.InvalidResponseError),
        ("NoResponseError", errors.ConnectionFailedError),
        ("PermanentError", errors.ConnectionFailedError),
        ("TemporaryError", errors.RateLimitError),
        ("MistralError", errors.RateLimitError),
    ],
)
def test_the_official_clients_errors_are_told_by_what_they_carry(name: str, kind: type[ProviderError]) -> None:
    error = map_error(make(next(cls for cls in SDK_EXCEPTIONS if cls.__name__ == name)))
    assert type(error) is kind
    if kind is errors.RateLimitError:
        facts = (error.status, error.code, error.request_id, error.retry_after, error.message)
        assert facts == (429, "1300", "c-1", 3.0, "Rate limit exceeded")


def test_a_service_account_token_that_cannot_be_read_is_an_authentication_error() -> None:
    assert type(map_error(ServiceAccountTokenError("no file"))) is errors.AuthenticationError


@pytest.mark.parametrize(
    ("cls", "kind"),
    [
        (httpx2.ConnectError, errors.ConnectionFailedError),
        (httpx2.ReadError, errors.ConnectionFailedError),
        (httpx2.RemoteProtocolError, errors.ConnectionFailedError),
        (httpx2.ProxyError, errors.ConnectionFailedError),
        (httpx2.PoolTimeout, errors.ConnectionFailedError),
        (httpx2.ReadTimeout, errors.DeadlineError),
        (httpx2.ConnectTimeout, errors.DeadlineError),
        (httpx2.UnsupportedProtocol, errors.InvalidRequestError),
        (httpx2.DecodingError, errors.InvalidResponseError),
        (httpx2.SSEError, errors.InvalidResponseError),
        (httpx2.HTTPStatusError, errors.RateLimitError),
    ],
)
def test_the_http_clients_exceptions_mean_what_they_say(
    cls: type[BaseException], kind: type[ProviderError]
) -> None:
    assert type(map_error(make(cls))) is kind


def test_anything_else_is_a_provider_error_that_names_it() -> None:
    assert map_error(RuntimeError("odd")).message == "RuntimeError: odd"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("authentication", errors.AuthenticationError),
        ("permission", errors.PermissionDeniedError),
        ("quota", errors.QuotaExceededError),
        ("rate_limit", errors.RateLimitError),
        ("overloaded", errors.OverloadedError),
        ("server", errors.ServerError),
        ("invalid_request", errors.InvalidRequestError),
        ("context_window", errors.ContextWindowError),
        ("model_not_found", errors.ModelNotFoundError),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_every_kind_of_failure_over_http(
    emulator: Emulator, runtime: Runtime, kind: FailureKind, expected: type[ProviderError], stream: bool
) -> None:
    emulator.add(Script().fail(kind, "Scripted.", retry_after=2))
    model = "mistral:mistral-medium-3-5"
    answer = runtime.stream(model, "Hi").collect() if stream else runtime.complete(model, "Hi")
    with pytest.raises(ProviderError, match="Scripted") as caught:
        await answer
    assert type(caught.value) is expected
    assert (caught.value.request_id, caught.value.retry_after) == ("req_emulated", 2.0)


async def test_the_validators_complaint_is_readable(emulator: Emulator, runtime: Runtime) -> None:
    with pytest.raises(errors.InvalidRequestError, match=r"body\.store: Extra inputs are not permitted") as caught:
        await runtime.complete("mistral:mistral-medium-3-5", "Hi", provider_options={"mistral": {"store": False}})
    assert caught.value.status == 422


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"content-type": "text/html"}, (b"<html>Hello</html>",)),
        Reply(200, {"content-type": "application/json"}, (b"",)),
        Reply(200, {"content-type": "application/json"}, (b"null",)),
        Reply(200, {"content-type": "application/json"}, (b"[]",)),
    ],
    ids=["html", "empty", "null", "list"],
)
async def test_a_success_that_is_no_answer_is_an_invalid_response(
    emulator: Emulator, runtime: Runtime, reply: Reply
) -> None:
    emulator.add(reply, reply)
    with pytest.raises(errors.InvalidResponseError):
        await runtime.complete("mistral:mistral-medium-3-5", "Hi")
    with pytest.raises((errors.InvalidResponseError, errors.StreamInterruptedError)):
        await runtime.stream("mistral:mistral-medium-3-5", "Hi").collect()


async def test_a_reset_before_the_answer_is_a_failed_connection(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Reply(before_head=[Reset()]))
    with pytest.raises(errors.ConnectionFailedError):
        await runtime.complete("mistral:mistral-medium-3-5", "Hi")

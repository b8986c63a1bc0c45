"""Every error shape Google is known to send, and bodies nobody should send."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

import modelyard
from modelyard import ProviderError, Runtime
from modelyard.http.failures import HttpFailure
from modelyard.testing import Emulator, LoopbackServer, Reply, Script
from modelyard.types.base import JsonObject
from modelyard_gemini.errors import error_in_answer, map_error
from modelyard_gemini.testing.dialect import DIALECT

GOOGLE = "type.googleapis.com/google.rpc."
PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
PER_MINUTE = "GenerateContentPaidTierInputTokensPerModelPerMinute"


def error(code: int, status: str, message: str = "No.", *details: JsonObject) -> JsonObject:
    body: JsonObject = {"code": code, "message": message, "status": status}
    return {"error": {**body, "details": list(details)} if details else body}


def quota(*ids: str) -> JsonObject:
    return {"@type": f"{GOOGLE}QuotaFailure", "violations": [{"quotaId": quota_id} for quota_id in ids]}


def mapped(status: int, body: object, headers: dict[str, str] | None = None) -> ProviderError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return map_error(HttpFailure(status, headers or {}, content))


REASON = {"@type": f"{GOOGLE}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
RETRY = {"@type": f"{GOOGLE}RetryInfo", "retryDelay": "34.5s"}
OVERFLOW = "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576)."
NOT_HERE = "User location is not supported for the API use."
Shape = tuple[int, JsonObject, type[ProviderError], str, float | None]


def shape(
    status: int,
    word: str,
    kind: type[ProviderError],
    *details: JsonObject,
    message: str = "No.",
    code: str | None = None,
    wait: float | None = None,
) -> Shape:
    return status, error(status, word, message, *details), kind, code or word, wait


SHAPES: list[Shape] = [
    shape(400, "INVALID_ARGUMENT", modelyard.InvalidRequestError),
    shape(400, "INVALID_ARGUMENT", modelyard.AuthenticationError, REASON, code="API_KEY_INVALID"),
    shape(400, "INVALID_ARGUMENT", modelyard.ContextWindowError, message=OVERFLOW),
    shape(400, "FAILED_PRECONDITION", modelyard.PermissionDeniedError, message=NOT_HERE),
    shape(400, "FAILED_PRECONDITION", modelyard.InvalidRequestError, message="The file is not active."),
    shape(400, "INVALID_ARGUMENT", modelyard.AuthenticationError, message="API key expired. Please renew it."),
    shape(401, "UNAUTHENTICATED", modelyard.AuthenticationError),
    shape(402, "FAILED_PRECONDITION", modelyard.QuotaExceededError, message="Billing is not active."),
    (402, {"error": {"code": 402, "message": "Pay."}}, modelyard.QuotaExceededError, "402", None),
    shape(403, "PERMISSION_DENIED", modelyard.PermissionDeniedError),
    shape(404, "NOT_FOUND", modelyard.ModelNotFoundError),
    shape(429, "RESOURCE_EXHAUSTED", modelyard.RateLimitError),
    shape(429, "RESOURCE_EXHAUSTED", modelyard.RateLimitError, quota(PER_MINUTE), RETRY, wait=34.5),
    shape(429, "RESOURCE_EXHAUSTED", modelyard.QuotaExceededError, quota(PER_MINUTE, PER_DAY), RETRY, wait=34.5),
    shape(429, "RESOURCE_EXHAUSTED", modelyard.RateLimitError, message="Please retry in 1m2.5s.", wait=62.5),
    shape(429, "RESOURCE_EXHAUSTED", modelyard.RateLimitError, message="Please retry in 500ms.", wait=0.5),
    shape(429, "RESOURCE_EXHAUSTED", modelyard.QuotaExceededError, message="It exceeds its monthly spending cap."),
    shape(429, "RESOURCE_EXHAUSTED", modelyard.QuotaExceededError, message="Quota exceeded, limit: 0, model: m"),
    shape(404, "NOT_FOUND", modelyard.ModelNotFoundError, message="This model is no longer available."),
    shape(499, "CANCELLED", modelyard.ServerError),
    shape(500, "INTERNAL", modelyard.ServerError),
    shape(503, "UNAVAILABLE", modelyard.OverloadedError),
    shape(504, "DEADLINE_EXCEEDED", modelyard.ServerError),
    shape(500, "SOMETHING_NEW", modelyard.ServerError),
]


@pytest.mark.parametrize(("status", "body", "kind", "code", "wait"), SHAPES)
@pytest.mark.parametrize("in_array", [False, True])
def test_each_error_shape_has_its_class_alone_or_in_an_array(
    status: int, body: JsonObject, kind: type[ProviderError], code: str, wait: float | None, in_array: bool
) -> None:
    found = mapped(status, [body] if in_array else body)
    assert type(found) is kind
    assert (found.status, found.code, found.retry_after) == (status, code, wait)
    assert found.retryable is kind.default_retryable
    assert found.request_id is None
    assert found.message == body["error"]["message"]


@pytest.mark.parametrize(("status", "body", "kind", "code", "wait"), SHAPES)
def test_inside_a_stream_the_body_says_class_and_status(
    status: int, body: JsonObject, kind: type[ProviderError], code: str, wait: float | None
) -> None:
    found = error_in_answer(body["error"])
    assert type(found) is kind
    assert (found.status, found.code, found.retry_after) == (status, code, wait)


def test_the_message_for_the_reader_stands_in_for_a_missing_one() -> None:
    localized = {"@type": f"{GOOGLE}LocalizedMessage", "locale": "en-US", "message": "Try later."}
    assert mapped(503, error(503, "UNAVAILABLE", "", localized)).message == "Try later."


def test_the_larger_of_header_and_body_is_the_time_to_wait() -> None:
    body = error(429, "RESOURCE_EXHAUSTED", "Slow.", RETRY)
    assert mapped(429, body, {"Retry-After": "60"}).retry_after == 60
    assert mapped(429, body, {"Retry-After": "2"}).retry_after == 34.5


ODD: list[Any] = [
    b"",
    b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    b"\xff\xfe\x00",
    b"null",
    b"[]",
    b"[1]",
    b'"text"',
    b"[" * 100_000,
    b'{"error": "' + b"x" * 10_000_000 + b'"}',
    b"x" * 10_000_000,
    {"error": None},
    {"error": "text"},
    {"error": ["a"]},
    {"error": {"code": "x", "message": {"a": 1}, "status": ["y"], "details": "z"}},
    {"error": {"status": "RESOURCE_EXHAUSTED", "details": [1, None, {"@type": f"{GOOGLE}QuotaFailure"}]}},
    {
        "error": {
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": f"{GOOGLE}QuotaFailure", "violations": [1]}],
        }
    },
    {"error": {"status": "RESOURCE_EXHAUSTED", "details": [{"@type": f"{GOOGLE}RetryInfo", "retryDelay": 7}]}},
    {"message": "gateway"},
    {"error": {"code": 400, "message": json.dumps(error(429, "RESOURCE_EXHAUSTED")), "status": None}},
]


@pytest.mark.parametrize("body", ODD)
@pytest.mark.parametrize(
    ("status", "kind"), [(400, modelyard.InvalidRequestError), (502, modelyard.ServerError), (302, ProviderError)]
)
def test_an_odd_body_leaves_the_class_to_the_status_or_the_body(
    body: Any, status: int, kind: type[ProviderError]
) -> None:
    found = mapped(status, body)
    assert isinstance(found, (kind, modelyard.RateLimitError))
    assert found.status == status
    assert found.message
    assert len(str(found)) < 3_000


@pytest.mark.parametrize("value", [None, "", "text", 7, [], {}, {"code": True}, {"code": 200}, {"message": None}])
def test_an_odd_error_in_an_answer_is_a_server_error(value: Any) -> None:
    found = error_in_answer(value)
    assert type(found) is modelyard.ServerError
    assert found.message


WORDLESS = {httpx.StreamConsumed, httpx.StreamClosed, httpx.ResponseNotRead, httpx.RequestNotRead}


def http_errors() -> list[type[Exception]]:
    found = [value for value in vars(httpx).values() if isinstance(value, type) and issubclass(value, Exception)]
    return sorted(set(found), key=str)


@pytest.mark.parametrize("kind", http_errors())
def test_every_exception_of_the_http_client_has_a_class_of_ours(kind: type[Exception]) -> None:
    request = httpx.Request("POST", "http://x")
    if issubclass(kind, httpx.HTTPStatusError):
        raised: Exception = kind("broken", request=request, response=httpx.Response(500, request=request))
    else:
        make: Any = kind
        raised = make() if kind in WORDLESS else make("broken")
    assert type(map_error(raised)) is not ProviderError


def test_anything_else_is_a_provider_error_that_names_it() -> None:
    assert "KeyError" in map_error(KeyError("x")).message


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        ("authentication", modelyard.AuthenticationError),
        ("permission", modelyard.PermissionDeniedError),
        ("quota", modelyard.QuotaExceededError),
        ("rate_limit", modelyard.RateLimitError),
        ("overloaded", modelyard.OverloadedError),
        ("server", modelyard.ServerError),
        ("invalid_request", modelyard.InvalidRequestError),
        ("context_window", modelyard.ContextWindowError),
        ("model_not_found", modelyard.ModelNotFoundError),
    ],
)
async def test_each_failure_of_the_emulator_arrives_as_its_class(failure: Any, kind: type[ProviderError]) -> None:
    with Emulator(DIALECT, default=Script().fail(failure, retry_after=7)) as emulator:
        async with Runtime({"gemini": emulator.settings()}, max_attempts=1, plugins=["gemini"]) as runtime:
            with pytest.raises(kind) as whole:
                await runtime.complete("gemini:gemini-3.8-flash", "Hi")
            with pytest.raises(kind) as streamed:
                await runtime.stream("gemini:gemini-3.8-flash", "Hi").collect()
    for caught in (whole.value, streamed.value):
        assert type(caught) is kind
        assert caught.retry_after == 7
        assert caught.provider == "gemini"


async def test_a_wrong_id_is_answered_with_near_ones() -> None:
    body = error(404, "NOT_FOUND", "models/gemini-3.8-flsh is not found for API version v1beta.")
    with LoopbackServer(lambda _: Reply.json(body, 404)) as server:
        settings = {"api_key": "k", "base_url": server.url}
        async with Runtime({"gemini": settings}, max_attempts=1, plugins=["gemini"]) as runtime:
            with pytest.raises(modelyard.ModelNotFoundError, match=r"gemini-3\.8-flash"):
                await runtime.complete("gemini:gemini-3.8-flsh", "Hi")

"""Every error shape OpenAI is known to send, in and out of streams, and bodies nobody should send."""

from __future__ import annotations

import json
import pickle
import traceback
from typing import Any

import httpx
import pytest

import modelyard
from modelyard import ProviderError, Runtime
from modelyard.http.failures import HttpFailure
from modelyard.testing import Emulator, LoopbackServer, Reply, Script, sse
from modelyard.types.base import JsonObject
from modelyard.types.events import Event
from modelyard_openai.chat.events import OpenAIChatDecoder
from modelyard_openai.errors import error_in_answer, map_error
from modelyard_openai.events import ResponsesDecoder

MODEL = "gpt-4.1"
Shape = tuple[int, str, str | None, str, type[ProviderError]]


def error(kind: str, code: str | None, message: str = "No.", **more: Any) -> JsonObject:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


def mapped(status: int, body: object, headers: dict[str, str] | None = None) -> ProviderError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return map_error(HttpFailure(status, headers or {}, content))


OVERFLOW = (
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens."
)
SHAPES: list[Shape] = [
    (400, "invalid_request_error", None, "No.", modelyard.InvalidRequestError),
    (400, "invalid_request_error", "unsupported_value", "No.", modelyard.InvalidRequestError),
    (400, "invalid_request_error", "invalid_function_parameters", "No.", modelyard.InvalidRequestError),
    (400, "invalid_request_error", "context_length_exceeded", "No.", modelyard.ContextWindowError),
    (400, "invalid_request_error", None, OVERFLOW, modelyard.ContextWindowError),
    (400, "invalid_request_error", "model_not_found", "No.", modelyard.ModelNotFoundError),
    (
        404,
        "invalid_request_error",
        "model_not_found",
        "The model `x` has been deprecated.",
        modelyard.ModelNotFoundError,
    ),
    (404, "invalid_request_error", None, "No.", modelyard.ModelNotFoundError),
    (400, "invalid_request_error", "content_filter", "No.", modelyard.ContentFilterError),
    (400, "invalid_request_error", "content_policy_violation", "No.", modelyard.ContentFilterError),
    (400, "invalid_request_error", "bio_policy", "No.", modelyard.ContentFilterError),
    (400, "invalid_request_error", "misalignment_policy_violation", "No.", modelyard.ContentFilterError),
    (400, "invalid_request_error", "invalid_prompt", "No.", modelyard.ContentFilterError),
    (401, "invalid_request_error", "invalid_api_key", "No.", modelyard.AuthenticationError),
    (401, "invalid_request_error", None, "No.", modelyard.AuthenticationError),
    (403, "invalid_request_error", "unsupported_country_region_territory", "No.", modelyard.PermissionDeniedError),
    (403, "invalid_request_error", None, "No.", modelyard.PermissionDeniedError),
    (409, "conflict_error", None, "No.", modelyard.ServerError),
    (413, "invalid_request_error", None, "No.", modelyard.InvalidRequestError),
    (422, "invalid_request_error", None, "No.", modelyard.InvalidRequestError),
    (429, "tokens", "rate_limit_exceeded", "No.", modelyard.RateLimitError),
    (429, "requests", "rate_limit_exceeded", "No.", modelyard.RateLimitError),
    (429, "requests", "slow_down", "No.", modelyard.RateLimitError),
    (429, "rate_limit_error", None, "No.", modelyard.RateLimitError),
    (429, "insufficient_quota", "insufficient_quota", "No.", modelyard.QuotaExceededError),
    (429, "insufficient_quota", "credit_balance_exhausted", "No.", modelyard.QuotaExceededError),
    (429, "insufficient_quota", "organization_spend_limit_exceeded", "No.", modelyard.QuotaExceededError),
    (429, "insufficient_quota", "project_spend_limit_exceeded", "No.", modelyard.QuotaExceededError),
    (429, "insufficient_quota", "organization_usage_limit_exceeded", "No.", modelyard.QuotaExceededError),
    (429, "insufficient_quota", "a_limit_of_next_year", "No.", modelyard.QuotaExceededError),
    (500, "server_error", None, "No.", modelyard.ServerError),
    (500, "server_error", "server_error", "No.", modelyard.ServerError),
    (503, "service_unavailable_error", "server_is_overloaded", "No.", modelyard.OverloadedError),
    (503, "service_unavailable_error", None, "No.", modelyard.OverloadedError),
    (500, "new_error", "new_code", "No.", modelyard.ServerError),
]


@pytest.mark.parametrize(("status", "kind", "code", "message", "expected"), SHAPES)
def test_each_error_shape_has_its_class(
    status: int, kind: str, code: str | None, message: str, expected: type[ProviderError]
) -> None:
    found = mapped(status, error(kind, code, message), {"X-Request-Id": "req_1"})
    assert type(found) is expected
    assert (found.status, found.code, found.message) == (status, code or kind, message)
    assert (found.request_id, found.retryable) == ("req_1", expected.default_retryable)


IN_STREAMS = [
    shape for shape in SHAPES if shape[0] not in (409, 413, 422) and (shape[2] or shape[0] in (400, 429, 500, 503))
]


@pytest.mark.parametrize(("status", "kind", "code", "message", "expected"), IN_STREAMS)
def test_inside_an_answer_the_body_says_class_and_status(
    status: int, kind: str, code: str | None, message: str, expected: type[ProviderError]
) -> None:
    found = error_in_answer(error(kind, code, message)["error"])
    assert type(found) is expected
    assert found.status == (404 if code == "model_not_found" else status)


FAILED: list[tuple[str, type[ProviderError]]] = [
    ("server_error", modelyard.ServerError),
    ("rate_limit_exceeded", modelyard.RateLimitError),
    ("invalid_prompt", modelyard.ContentFilterError),
    ("data_residency_mismatch", modelyard.PermissionDeniedError),
    ("bio_policy", modelyard.ContentFilterError),
    ("misalignment_policy_violation", modelyard.ContentFilterError),
    ("vector_store_timeout", modelyard.ServerError),
    ("invalid_image", modelyard.InvalidRequestError),
    ("invalid_image_format", modelyard.InvalidRequestError),
    ("invalid_base64_image", modelyard.InvalidRequestError),
    ("invalid_image_url", modelyard.InvalidRequestError),
    ("image_too_large", modelyard.InvalidRequestError),
    ("image_too_small", modelyard.InvalidRequestError),
    ("image_parse_error", modelyard.InvalidRequestError),
    ("image_content_policy_violation", modelyard.ContentFilterError),
    ("invalid_image_mode", modelyard.InvalidRequestError),
    ("image_file_too_large", modelyard.InvalidRequestError),
    ("unsupported_image_media_type", modelyard.InvalidRequestError),
    ("empty_image_file", modelyard.InvalidRequestError),
    ("failed_to_download_image", modelyard.InvalidRequestError),
    ("image_file_not_found", modelyard.InvalidRequestError),
]


@pytest.mark.slow
def test_every_code_the_sdk_names_is_in_this_table() -> None:
    from openai.types.responses.response_error import ResponseError

    assert {code for code, _ in FAILED} == set(ResponseError.model_fields["code"].annotation.__args__)  # type: ignore[union-attr]


@pytest.mark.parametrize(("code", "expected"), FAILED)
def test_a_failed_response_is_an_error_streamed_and_whole(code: str, expected: type[ProviderError]) -> None:
    response = {"id": "r", "status": "failed", "output": [], "error": {"code": code, "message": "No."}}
    events: list[Event] = []
    with pytest.raises(ProviderError) as streamed:
        ResponsesDecoder(MODEL).feed_value({"type": "response.failed", "response": response}, events.append)
    with pytest.raises(ProviderError) as whole:
        ResponsesDecoder(MODEL).feed_body(response, events.append)
    with pytest.raises(ProviderError) as event:
        ResponsesDecoder(MODEL).feed_value({"type": "error", "code": code, "message": "No."}, events.append)
    for caught in (streamed.value, whole.value, event.value):
        assert type(caught) is expected
        assert (caught.code, caught.message) == (code, "No.")


def test_an_error_chunk_of_chat_is_an_error_streamed_and_whole() -> None:
    body = error("insufficient_quota", "insufficient_quota")
    for feed in (OpenAIChatDecoder().feed_value, OpenAIChatDecoder().feed_body):
        with pytest.raises(modelyard.QuotaExceededError):
            feed(body, list[Event]().append)


def test_a_misalignment_block_explains_itself() -> None:
    told = {"detailed_explanation": "It would have sent data away.", "error_type": "other"}
    body = error("invalid_request_error", "misalignment_policy_violation", misalignment=told)
    for found in (mapped(400, body), error_in_answer(body["error"])):
        assert found.hint == "It would have sent data away."
    assert mapped(400, error("x", "bio_policy", misalignment="odd")).hint is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please try again in 2.5s.", 2.5),
        ("Please try again in 20ms.", 0.02),
        ("Please try again in 6m0s. Visit", 360),
        ("Please try again in 1m30.5s", 90.5),
        ("Try again in 1h2m", 3720),
        ("Please try again in a while", None),
        ("Please try again in 3 months", None),
    ],
)
def test_the_time_to_wait_is_read_from_the_message(text: str, seconds: float | None) -> None:
    assert mapped(429, error("tokens", "rate_limit_exceeded", text)).retry_after == seconds


def test_the_largest_of_headers_and_message_is_the_time_to_wait() -> None:
    body = error("tokens", "rate_limit_exceeded", "Please try again in 2.5s.")
    assert mapped(429, body, {"Retry-After": "60"}).retry_after == 60
    assert mapped(429, body, {"Retry-After": "1"}).retry_after == 2.5
    assert mapped(429, body, {"retry-after-ms": "4000"}).retry_after == 4


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
    {"error": {"code": ["x"], "message": {"a": 1}, "type": 7}},
    {"error": {"message": json.dumps(error("tokens", "rate_limit_exceeded"))}},
    {"detail": [{"loc": ["body"], "msg": "x"}]},
    {"message": "gateway"},
    {"object": "error", "message": "a vLLM server", "type": "BadRequestError", "param": None, "code": 400},
]


@pytest.mark.parametrize("body", ODD)
@pytest.mark.parametrize(
    ("status", "kind"), [(400, modelyard.InvalidRequestError), (502, modelyard.ServerError), (302, ProviderError)]
)
def test_an_odd_body_leaves_the_class_to_the_status(body: Any, status: int, kind: type[ProviderError]) -> None:
    found = mapped(status, body)
    assert isinstance(found, kind)
    assert found.status == status
    assert found.message
    assert len(str(found)) < 3_000
    assert str(pickle.loads(pickle.dumps(found))) == str(found)


@pytest.mark.parametrize("value", [None, "", "text", 7, [], {}, {"code": True}, {"code": 200}, {"message": None}])
def test_an_odd_error_in_an_answer_is_a_server_error(value: Any) -> None:
    found = error_in_answer(value)
    assert type(found) is modelyard.ServerError
    assert found.message


def http_errors() -> list[type[Exception]]:
    found = {value for value in vars(httpx).values() if isinstance(value, type) and issubclass(value, Exception)}
    return sorted(found, key=str)


def make(kind: type[Exception]) -> Exception:
    if kind is httpx.HTTPStatusError:
        request = httpx.Request("POST", "http://x.test")
        return httpx.HTTPStatusError("broken", request=request, response=httpx.Response(500))
    try:
        return kind("broken")
    except TypeError:
        return kind()


@pytest.mark.parametrize("kind", http_errors())
def test_every_exception_of_the_http_client_has_a_class_of_ours(kind: type[Exception]) -> None:
    assert type(map_error(make(kind))) is not ProviderError


def test_anything_else_is_a_provider_error_that_names_it() -> None:
    assert "KeyError" in map_error(KeyError("x")).message


FAILURES: list[tuple[str, type[ProviderError]]] = [
    ("authentication", modelyard.AuthenticationError),
    ("permission", modelyard.PermissionDeniedError),
    ("quota", modelyard.QuotaExceededError),
    ("rate_limit", modelyard.RateLimitError),
    ("overloaded", modelyard.OverloadedError),
    ("server", modelyard.ServerError),
    ("invalid_request", modelyard.InvalidRequestError),
    ("context_window", modelyard.ContextWindowError),
    ("model_not_found", modelyard.ModelNotFoundError),
]


@pytest.mark.parametrize(("failure", "kind"), FAILURES)
@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_each_failure_of_the_emulator_arrives_as_its_class_before_and_after_output(
    emulator: Emulator, api: str, failure: Any, kind: type[ProviderError]
) -> None:
    settings = {**emulator.settings(), "options": {"api": api}}
    async with Runtime({"openai": settings}, max_attempts=1, plugins=["openai"]) as runtime:
        emulator.add(Script().fail(failure, retry_after=7), Script().fail(failure, retry_after=7))
        emulator.add(Script().say("It is sunny").fail(failure))
        with pytest.raises(kind) as whole:
            await runtime.complete(f"openai:{MODEL}", "Hi")
        with pytest.raises(kind) as streamed:
            await runtime.stream(f"openai:{MODEL}", "Hi").collect()
        with pytest.raises(kind) as late:
            await runtime.stream(f"openai:{MODEL}", "Hi").collect()
    for caught in (whole.value, streamed.value):
        assert (type(caught), caught.retry_after, caught.provider) == (kind, 7, "openai")
    assert type(late.value) is kind
    assert late.value.partial is not None
    assert "It is sunny".startswith(late.value.partial.text)


SECRET = "sk-SentinelSentinelSentinel"


async def ask(runtime: Runtime, *, stream: bool) -> None:
    if stream:
        await runtime.stream(f"openai:{MODEL}", "Hi").collect()
    else:
        await runtime.complete(f"openai:{MODEL}", "Hi")


def leaks(error: BaseException) -> str:
    """Everything a careless program may write of an error: the variables of its frames, but for this test's."""
    told, link = [repr(error), str(error), repr(pickle.dumps(error))], [error]
    while link:
        one = link.pop()
        link += [other for other in (one.__cause__, one.__context__) if other is not None]
        told += [f"{one!r} {one}", *traceback.format_exception(one, chain=False)]
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if frame.f_code.co_filename != __file__:
                told += [repr(value) for value in frame.f_locals.values()]
    return "".join(told)


REPLIES: list[Reply] = [
    *(Reply.json(error("t", None, f"Bad key {SECRET}"), status) for status in (400, 401, 403, 404, 429, 500, 503)),
    Reply(502, {"content-type": "text/html"}, (f"<html>{SECRET}</html>".encode(),)),
    Reply.json({"id": "r", "status": "failed", "error": {"code": f"x{SECRET}", "message": SECRET}}),
    Reply(200, {"content-type": "application/json"}, (f"no JSON {SECRET}".encode(),)),
    Reply.sse([sse({"type": "error", "code": "server_error", "message": f"{SECRET} failed"})]),
    Reply.sse([sse(error("t", "c", SECRET))]),
    Reply.sse([f"data: not JSON {SECRET}\n\n".encode()]),
    Reply.sse([]),
    Reply(302, {"location": f"http://127.0.0.1:1/{SECRET}"}, ()),
]


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("api", ["responses", "chat"])
@pytest.mark.parametrize("stream", [True, False])
async def test_no_error_path_shows_the_key(
    reply: Reply, api: str, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with LoopbackServer(lambda _: reply) as server:
        settings = {"api_key": SECRET, "base_url": server.url, "options": {"api": api}}
        async with Runtime({"openai": settings}, max_attempts=1, plugins=["openai"]) as runtime:
            with pytest.raises(ProviderError) as caught:
                await ask(runtime, stream=stream)
            shown = leaks(caught.value) + json.dumps(caught.value.to_dict()) + caplog.text + repr(runtime)
    assert SECRET not in shown

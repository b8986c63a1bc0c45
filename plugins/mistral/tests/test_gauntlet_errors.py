"""Failures of other runtimes with errors, each by its row, against the emulator or a server on loopback."""

from __future__ import annotations

import email.utils
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard import Runtime, errors
from modelyard.errors import ProviderError
from modelyard.http.failures import HttpFailure
from modelyard.testing import Emulator, Reply, Script
from modelyard_mistral.errors import error_in_answer, map_error

MODEL = "mistral:mistral-medium-3-5"


def root(message: Any, kind: str | None = "invalid_request_error", code: str | None = None) -> dict[str, Any]:
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


async def fail(emulator: Emulator, runtime: Runtime, reply: Reply, *, stream: bool = False) -> ProviderError:
    emulator.add(reply)
    answer = runtime.stream(MODEL, "Hi").collect() if stream else runtime.complete(MODEL, "Hi")
    with pytest.raises(ProviderError) as caught:
        await answer
    return caught.value


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"retry-after": "7"}, 7, 7),
        ({"retry-after-ms": "1500"}, 1.5, 1.5),
        ({"retry-after": "2", "retry-after-ms": "2500"}, 2.5, 2.5),
        ({"retry-after": email.utils.formatdate(time.time() + 3600, usegmt=True)}, 1800, 3601),
        ({"retry-after": "90"}, 90, 90),
    ],
)
async def test_e01_e02_the_wait_is_read_in_every_form(
    emulator: Emulator, runtime: Runtime, headers: dict[str, str], least: float, most: float
) -> None:
    error = await fail(emulator, runtime, Reply.json(root("Slow down", "rate_limited", "1300"), 429, headers))
    assert isinstance(error, errors.RateLimitError)
    assert least <= (error.retry_after or 0) <= most
    assert error.retryable


async def test_e03_only_the_core_retries(emulator: Emulator) -> None:
    emulator.default = Script().fail("server")
    async with Runtime({"mistral": emulator.settings()}, plugins=["mistral"], max_attempts=2) as runtime:
        with pytest.raises(errors.ServerError):
            await runtime.complete(MODEL, "Hi")
        assert len(emulator.requests) == 2
        session: Any = await runtime.session("mistral")
        client = await session.client()
        with pytest.raises(Exception, match="scripted"):
            await client.chat.complete_async(model="m", messages=[{"role": "user", "content": "Hi"}])
    assert len(emulator.requests) == 3


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_e04_used_up_credit_is_not_retried(emulator: Emulator, stream: bool) -> None:
    emulator.default = Script().fail("quota", "Payment required.")
    async with Runtime({"mistral": emulator.settings()}, plugins=["mistral"], max_attempts=3) as runtime:
        with pytest.raises(errors.QuotaExceededError) as caught:
            await (runtime.stream(MODEL, "Hi").collect() if stream else runtime.complete(MODEL, "Hi"))
    assert not caught.value.retryable
    assert len(emulator.requests) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, {"message": "Service unavailable"}),
        (529, {"message": "Overloaded"}),
        (429, root("Service tier capacity exceeded for this model.")),
    ],
)
async def test_e05_overload_is_a_class_of_its_own(
    emulator: Emulator, runtime: Runtime, status: int, body: Any
) -> None:
    error = await fail(emulator, runtime, Reply.json(body, status))
    assert type(error) is errors.OverloadedError
    assert error.retryable


@pytest.mark.parametrize(
    "message",
    [
        "Prompt contains 300000 tokens and 0 draft tokens, too large for model with 262144 maximum context length",
        "The number of tokens in the prompt exceeds the model's maximum context length of 32768.",
        "Too many tokens overall: 300000 > 262144.",
        "This model's context window is 131072 tokens.",
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_e06_an_overflow_of_the_window_is_known_by_its_words(
    emulator: Emulator, runtime: Runtime, message: str, stream: bool
) -> None:
    error = await fail(emulator, runtime, Reply.json(root(message, code="3051"), 400), stream=stream)
    assert type(error) is errors.ContextWindowError
    assert not error.retryable


@pytest.mark.parametrize(
    "body", [{"detail": "Invalid API Key"}, {"message": "Unauthorized"}, root("No", "authentication_error")]
)
async def test_e07_a_refused_key_is_an_authentication_error(
    emulator: Emulator, runtime: Runtime, body: Any
) -> None:
    assert type(await fail(emulator, runtime, Reply.json(body, 401))) is errors.AuthenticationError


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (502, errors.ServerError),
        (503, errors.OverloadedError),
        (504, errors.ServerError),
        (403, errors.PermissionDeniedError),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_e08_the_page_of_a_gateway_is_told_by_its_status(
    emulator: Emulator, runtime: Runtime, status: int, kind: type[ProviderError], stream: bool
) -> None:
    page = b"<html><head><title>Gateway</title></head><body>" + b"<p>Sorry.</p>" * 10_000 + b"</body></html>"
    error = await fail(emulator, runtime, Reply(status, {"content-type": "text/html"}, (page,)), stream=stream)
    assert type(error) is kind
    assert len(str(error)) < 600
    assert "<p>" not in str(error)


@pytest.mark.parametrize("body", [b"<html>Hello</html>", b"", b"null", b"[]", b"{}", b'"text"', b'{"choices": 5}'])
async def test_e09_a_success_that_is_no_answer_is_an_invalid_response(
    emulator: Emulator, runtime: Runtime, body: bytes
) -> None:
    error = await fail(emulator, runtime, Reply(200, {"content-type": "application/json"}, (body,)))
    assert type(error) is errors.InvalidResponseError
    assert error.retryable


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20)),
    lambda children: st.one_of(
        st.lists(children, max_size=3),
        st.dictionaries(
            st.sampled_from(["error", "message", "detail", "type", "code", "loc", "msg", "raw_status_code", "x"]),
            children,
            max_size=5,
        ),
    ),
    max_leaves=12,
)


@given(value=json_values, status=st.sampled_from([200, 307, 400, 401, 402, 403, 404, 422, 429, 500, 503]))
def test_e10_the_mapper_reads_any_body(value: Any, status: int) -> None:
    error = map_error(HttpFailure(status, {}, json.dumps(value).encode()))
    assert isinstance(error, ProviderError)
    assert type(error) is not ProviderError
    assert (error.status, bool(error.message)) == (status, True)
    assert isinstance(error_in_answer(value), ProviderError)


@given(body=st.binary(max_size=200))
def test_e10_the_mapper_reads_any_bytes(body: bytes) -> None:
    assert map_error(HttpFailure(500, {}, body)).message


COMPLAINT = {"type": "missing", "loc": ["body", "messages"], "msg": "Field required", "input": "private"}


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (
            400,
            root("Unexpected role", "invalid_request_message_order", "3230"),
            errors.InvalidRequestError,
            "3230",
        ),
        (400, root("Tool call id was x", "invalid_function_call", "3280"), errors.InvalidRequestError, "3280"),
        (400, root("response_format and tools", code="3051"), errors.InvalidRequestError, "3051"),
        (400, root("Invalid model: x", "invalid_model", "1500"), errors.ModelNotFoundError, "1500"),
        (402, {"message": "Pay first."}, errors.QuotaExceededError, None),
        (403, root("Blocked by guardrail.", "guardrail_error", "1930"), errors.ContentFilterError, "1930"),
        (403, {"message": "Content moderation refused the request."}, errors.ContentFilterError, None),
        (403, {"message": "Not yours."}, errors.PermissionDeniedError, None),
        (404, root("Model retired"), errors.ModelNotFoundError, "invalid_request_error"),
        (422, {"detail": [COMPLAINT]}, errors.InvalidRequestError, None),
        (422, {"detail": "Not valid."}, errors.InvalidRequestError, None),
        (422, root({"detail": [COMPLAINT]}), errors.InvalidRequestError, "invalid_request_error"),
        (429, {"message": "Requests rate limit exceeded"}, errors.RateLimitError, None),
        (429, root("Rate limit exceeded", "rate_limited", "1300"), errors.RateLimitError, "1300"),
        (500, root("Oops", "server_error", "1000"), errors.ServerError, "1000"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_every_documented_body_has_its_class(
    emulator: Emulator,
    runtime: Runtime,
    status: int,
    body: Any,
    kind: type[ProviderError],
    code: str | None,
    stream: bool,
) -> None:
    error = await fail(
        emulator, runtime, Reply.json(body, status, {"mistral-correlation-id": "c-1"}), stream=stream
    )
    assert type(error) is kind
    assert (error.status, error.code, error.request_id) == (status, code, "c-1")
    assert "private" not in str(error)


async def test_a_stream_of_the_official_client_survives_the_deprecation_header(
    emulator: Emulator, runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "modelyard.mistral")
    ending = {"x-model-deprecation-timestamp": "2026-12-31"}
    chunk = {
        "id": "r",
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": "Hi."}, "finish_reason": "stop"}],
    }
    events = [f"data: {json.dumps(chunk)}\n\n".encode(), b"data: [DONE]\n\n"]
    emulator.add(Reply.sse(events, ending), Reply.sse(events, ending))
    session: Any = await runtime.session("mistral")
    client = await session.client()
    for _ in range(2):
        stream = await client.chat.stream_async(model="m-1", messages=[{"role": "user", "content": "Hi"}])
        async with stream:
            assert [event.data.choices[0].delta.content async for event in stream] == ["Hi."]
    assert [record.getMessage() for record in caplog.records] == [
        "Mistral will retire the model m-1 on 2026-12-31."
    ]


async def test_rate_limits_are_named_as_everywhere(emulator: Emulator, runtime: Runtime) -> None:
    reply = emulator.dialect.reply(Script().say("Hi."), _asked())
    headers = {
        "x-ratelimit-limit-req-minute": "100",
        "x-ratelimit-remaining-req-minute": "94",
        "x-ratelimit-limit-tokens-minute": "100000",
        "x-ratelimit-remaining-tokens-minute": "97933",
        "x-ratelimit-tokens-query-cost": "266",
    }
    emulator.add(Reply(200, {**reply.headers, **headers}, reply.steps))
    limits = (await runtime.complete(MODEL, "Hi")).rate_limits
    assert {name: (limit.limit, limit.remaining) for name, limit in limits.items()} == {
        "requests": (100, 94),
        "tokens": (100_000, 97_933),
    }


def _asked() -> Any:
    from modelyard.testing import Received

    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}).encode()
    return Received("POST", "/v1/chat/completions", "", {}, body)

"""Errors other runtimes get wrong, by their row in the gauntlet; and figures of usage and cost."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from modelyard import (
    AuthenticationError,
    ConnectionFailedError,
    ContentFilterError,
    ContextWindowError,
    InvalidRequestError,
    InvalidResponseError,
    ModelNotFoundError,
    ModelyardError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    Runtime,
    ServerError,
)
from modelyard.testing import (
    Emulator,
    LoopbackServer,
    Reply,
    Script,
    crash_after,
    hang_before_head,
    html_page,
    reset_after,
    reset_before_head,
)
from modelyard.types.base import JsonObject

MODEL = "claude:claude-sonnet-5-5"
KEY = "sk-ant-sentinel-0123456789"


def failing(status: int, kind: str, message: str = "Sorry.", code: str | None = None, **headers: str) -> Reply:
    error: JsonObject = {"type": kind, "message": message}
    if code is not None:
        error["details"] = {"error_code": code}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply.json({"type": "error", "error": error, "request_id": "req_1"}, status, named)


async def caught(runtime: Runtime, *, stream: bool = False, **options: Any) -> ProviderError:
    """The error of a call that must fail."""
    with pytest.raises(ProviderError) as raised:
        await (
            runtime.stream(MODEL, "Hi", **options).collect()
            if stream
            else runtime.complete(MODEL, "Hi", **options)
        )
    return raised.value


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("reply", "expected", "retryable"),
    [
        (failing(400, "invalid_request_error"), InvalidRequestError, False),
        (failing(401, "authentication_error"), AuthenticationError, False),
        (failing(402, "billing_error"), QuotaExceededError, False),
        (failing(403, "permission_error"), PermissionDeniedError, False),
        (failing(404, "not_found_error", "model: claude-gone"), ModelNotFoundError, False),
        (failing(408, "timeout_error"), ServerError, True),
        (failing(409, "conflict_error"), ServerError, True),
        (failing(412, "invalid_request_error"), InvalidRequestError, False),
        (failing(413, "request_too_large"), InvalidRequestError, False),
        (failing(422, "invalid_request_error"), InvalidRequestError, False),
        (failing(429, "rate_limit_error"), RateLimitError, True),
        (failing(431, "invalid_request_error"), InvalidRequestError, False),
        (failing(499, "invalid_request_error"), InvalidRequestError, False),
        (failing(500, "api_error"), ServerError, True),
        (failing(501, "api_error"), ServerError, True),
        (failing(503, "api_error"), ServerError, True),
        (failing(504, "timeout_error"), ServerError, True),
        (failing(529, "overloaded_error"), OverloadedError, True),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else "",
)
async def test_every_status_of_the_api_has_its_class(
    runtime: Runtime,
    emulator: Emulator,
    reply: Reply,
    expected: type[ProviderError],
    retryable: bool,
    stream: bool,
) -> None:
    emulator.add(reply)
    error = await caught(runtime, stream=stream)
    assert type(error) is expected
    assert (error.status, error.request_id, error.retryable) == (reply.status, "req_1", retryable)


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"retry_after": "3"}, 3, 3),
        ({"retry_after": "0.5"}, 0.5, 0.5),
        ({"retry_after_ms": "1500"}, 1.5, 1.5),
        ({"retry_after_ms": "1500", "retry_after": "4"}, 4, 4),
    ],
)
async def test_e01_the_delay_is_read_from_every_header(
    runtime: Runtime, emulator: Emulator, headers: dict[str, str], least: float, most: float
) -> None:
    emulator.add(failing(429, "rate_limit_error", **headers))
    error = await caught(runtime)
    assert error.retry_after is not None
    assert least <= error.retry_after <= most


async def test_e01_the_delay_may_be_a_date(runtime: Runtime, emulator: Emulator) -> None:
    moment = datetime.now(UTC) + timedelta(hours=2)
    emulator.add(failing(429, "rate_limit_error", retry_after=format_datetime(moment, usegmt=True)))
    error = await caught(runtime)
    assert error.retry_after is not None
    assert 3600 < error.retry_after <= 7200


async def test_e02_a_long_delay_is_on_the_error_and_is_not_waited_for(emulator: Emulator) -> None:
    emulator.default = Script().fail("rate_limit", retry_after=90)
    async with Runtime({"claude": emulator.settings()}, plugins=["claude"], max_attempts=3) as runtime:
        error = await caught(runtime, deadlines={"total": 5})
    assert (error.retry_after, len(emulator.requests)) == (90, 1)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("attempts", [1, 2, 3])
async def test_e03_one_layer_retries(emulator: Emulator, stream: bool, attempts: int) -> None:
    emulator.default = Script().fail("server", retry_after=0.001)
    async with Runtime({"claude": emulator.settings()}, plugins=["claude"], max_attempts=attempts) as runtime:
        error = await caught(runtime, stream=stream)
    assert len(emulator.requests) == attempts == len(error.attempts)


@pytest.mark.parametrize(
    "reply",
    [
        failing(429, "rate_limit_error", code="enforced_spend_limit_reached"),
        failing(429, "rate_limit_error", code="contract_spend_limit_reached"),
        failing(402, "billing_error"),
        failing(400, "invalid_request_error", "You have reached your specified API usage limits."),
        failing(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    ],
    ids=["enforced", "contract", "billing", "own limit", "no credit"],
)
async def test_e04_a_spend_limit_is_no_rate_limit_and_is_not_retried(emulator: Emulator, reply: Reply) -> None:
    emulator.add(reply, reply)
    async with Runtime({"claude": emulator.settings()}, plugins=["claude"], max_attempts=3) as runtime:
        error = await caught(runtime)
    assert (type(error), error.retryable, len(emulator.requests)) == (QuotaExceededError, False, 1)


@pytest.mark.parametrize("stream", [False, True])
async def test_e05_529_is_overloaded_and_worth_another_try(
    runtime: Runtime, emulator: Emulator, stream: bool
) -> None:
    emulator.add(Script().fail("overloaded"))
    error = await caught(runtime, stream=stream)
    assert (type(error), error.status, error.retryable) == (OverloadedError, 529, True)


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 250000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 64000 > 200000",
        "Input is too long for requested model.",
    ],
)
async def test_e06_an_overflow_of_the_window_has_a_class_of_its_own(
    runtime: Runtime, emulator: Emulator, message: str
) -> None:
    emulator.add(failing(400, "invalid_request_error", message))
    assert type(await caught(runtime)) is ContextWindowError


async def test_e07_a_refused_key_is_an_authentication_error_that_does_not_show_it(emulator: Emulator) -> None:
    async with Runtime({"claude": emulator.settings("invalid-key-0123456789")}, plugins=["claude"]) as runtime:
        error = await caught(runtime)
    assert type(error) is AuthenticationError
    assert "invalid-key" not in str(error)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(502, ServerError), (503, OverloadedError), (403, PermissionDeniedError), (429, RateLimitError)],
)
async def test_e08_an_html_page_is_told_by_its_status(
    runtime: Runtime, emulator: Emulator, status: int, expected: type[ProviderError]
) -> None:
    page = b"<html><head><style>x{}</style></head><body><h1>Bad Gateway</h1>" + b"<p>a</p>" * 5000
    emulator.add(Reply(status, {"content-type": "text/html"}, (page,)))
    error = await caught(runtime)
    assert (type(error), error.status) == (expected, status)
    assert "Bad Gateway" in error.message
    assert "<" not in error.message
    assert len(error.message) < 600


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"", b"null", b"[]", b'"ok"', b"{}", b'{"content": 5}'])
@pytest.mark.parametrize("media_type", ["application/json", "text/html"])
async def test_e09_a_success_that_is_no_answer_is_an_invalid_response(
    runtime: Runtime, emulator: Emulator, body: bytes, media_type: str, stream: bool
) -> None:
    emulator.add(Reply(200, {"content-type": media_type}, (body,)))
    error = await caught(runtime, stream=stream)
    assert (type(error), error.retryable) == (InvalidResponseError, True)


BODIES: list[Any] = [
    "busy",
    '{"error": {"message": "nested"}}',
    [{"error": {"message": "listed"}}],
    {"error": "text"},
    {"error": [1, 2]},
    {"detail": [{"loc": ["body"], "msg": "bad"}]},
    {"error": {"type": ["a"], "message": {"b": 1}, "details": [None]}, "request_id": 5},
    None,
    12,
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("body", BODIES, ids=repr)
@pytest.mark.parametrize("status", [400, 429, 500])
async def test_e10_an_error_of_any_shape_is_a_typed_error(
    runtime: Runtime, emulator: Emulator, body: Any, status: int, stream: bool
) -> None:
    emulator.add(Reply.json(body, status))
    error = await caught(runtime, stream=stream)
    assert type(error) is not ProviderError
    assert error.status == status
    assert pickle.loads(pickle.dumps(error)).message == error.message


async def test_a_filtered_prompt_has_a_class_of_its_own(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(failing(400, "invalid_request_error", "Output blocked by content filtering policy"))
    assert type(await caught(runtime)) is ContentFilterError


# Usage and cost


USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 90,
    "cache_creation_input_tokens": 300,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
    "output_tokens": 50,
    "output_tokens_details": {"thinking_tokens": 20},
    "service_tier": "standard",
}


def answered(usage: Any, model: str = "claude-sonnet-5-5") -> Reply:
    body = {"id": "m", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn"}
    return Reply.json({**body, "content": [{"type": "text", "text": "Hi"}], "usage": usage})


async def test_f01_input_is_the_whole_prompt_and_the_cached_figures_are_parts_of_it(
    runtime: Runtime, emulator: Emulator
) -> None:
    emulator.add(answered(USAGE))
    usage = (await runtime.complete(MODEL, "Hi")).usage
    assert (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens) == (400, 90, 300)
    assert (usage.output_tokens, usage.reasoning_tokens, usage.total_tokens) == (50, 20, 450)


async def test_f02_writes_for_five_minutes_and_for_an_hour_are_told_apart(
    runtime: Runtime, emulator: Emulator
) -> None:
    emulator.add(answered(USAGE))
    done = await runtime.complete(MODEL, "Hi")
    assert done.usage.raw["cache_creation"] == USAGE["cache_creation"]
    assert done.service_tier == "standard"


@pytest.mark.parametrize(("prompt", "price"), [(100_000, 0.10), (100_001, 0.50)])
async def test_f03_the_price_step_follows_the_whole_prompt(
    runtime: Runtime, emulator: Emulator, prompt: int, price: float
) -> None:
    emulator.add(answered({"input_tokens": prompt - 1000, "cache_read_input_tokens": 1000, "output_tokens": 0}))
    cost = (await runtime.complete("claude:claude-haiku-5-5", "Hi")).cost
    assert cost is not None
    assert float(cost.total) == pytest.approx(((prompt - 1000) * price + 1000 * price / 10) / 1e6)


async def test_f04_an_unknown_price_is_none_with_a_reason(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(answered(USAGE))
    done = await runtime.complete("claude:claude-next", "Hi")
    assert done.cost is None
    assert done.cost_unknown_because


# The credential


Prepare = Callable[[Emulator], None]


def scripted(kind: Any) -> Prepare:
    return lambda emulator: setattr(emulator, "default", Script().fail(kind, f"Bad key {KEY} for you."))


def broken_by(fault: Any) -> Prepare:
    return lambda emulator: setattr(emulator, "fault", fault)


def replying(reply: Reply) -> Prepare:
    return lambda emulator: emulator.add(reply)


PATHS: dict[str, Prepare] = {
    **{
        kind: scripted(kind)
        for kind in (
            "authentication permission quota rate_limit overloaded server invalid_request context_window "
            "model_not_found"
        ).split()
    },
    "in stream": lambda emulator: setattr(emulator, "default", Script().say("a", "b").fail("server", KEY)),
    "html": broken_by(html_page()),
    "reset": broken_by(reset_before_head()),
    "reset later": broken_by(reset_after(3)),
    "crash": broken_by(crash_after(3)),
    "hang": broken_by(hang_before_head()),
    "echo": replying(Reply(400, {"content-type": "text/plain"}, (f"Authorization: {KEY}".encode(),))),
    "no json": replying(Reply(200, {"content-type": "application/json"}, (f"<{KEY}>".encode(),))),
    "redirect": replying(Reply(307, {"location": "http://127.0.0.1:9/v1/messages"})),
}


def sinks(error: BaseException) -> list[str]:
    """Every form in which an error may be shown or kept, the locals of its frames included."""
    shown = [str(error), repr(error), repr(error.__cause__), repr(pickle.dumps(error))]
    if isinstance(error, ModelyardError):
        shown.append(json.dumps(error.to_dict()))
    for frames in (error, error.__cause__, error.__context__):
        if frames is not None:
            shown += traceback.TracebackException.from_exception(frames, capture_locals=True).format()
    return shown


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", PATHS)
async def test_g02_the_key_is_in_no_sink_on_any_way_to_fail(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, path: str, stream: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    PATHS[path](emulator)
    settings = {"api_key": KEY, "base_url": emulator.url, "headers": {"x-gateway": f"gate {KEY}"}}
    async with Runtime({"claude": settings}, plugins=["claude"], max_attempts=1) as runtime:
        options: Any = {"deadlines": {"first_output": 0.3, "between_outputs": 0.3}}
        failure: BaseException | None = None
        try:
            call = (
                runtime.stream(MODEL, "Hi", **options).collect()
                if stream
                else runtime.complete(MODEL, "Hi", **options)
            )
            await call
        except ProviderError as error:
            failure = error
        shown = [repr(runtime), caplog.text]
    if failure is None:  # a fault in the middle of a stream does not touch a whole answer
        assert not stream
        return
    # The frame of this test holds the settings it was given; those of the runtime are what is looked at.
    failure.__traceback__ = failure.__traceback__.tb_next if failure.__traceback__ else None
    assert not [text for text in (*shown, *sinks(failure)) if KEY in text]
    assert emulator.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_g02_the_key_is_in_no_sink_when_counting_or_listing_fails(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    emulator.default = Script().fail("authentication", f"Bad key {KEY}.")
    async with Runtime({"claude": {"api_key": KEY, "base_url": emulator.url}}, plugins=["claude"]) as runtime:
        for ask in (lambda: runtime.count_tokens(MODEL, "Hi"), lambda: runtime.list_models("claude")):
            with pytest.raises(AuthenticationError) as raised:
                await ask()
            error = raised.value
            error.__traceback__ = None
            assert not [text for text in (*sinks(error), caplog.text) if KEY in text]


async def test_g03_the_key_follows_no_redirect(emulator: Emulator) -> None:
    target = f"{emulator.url}/v1/messages"
    with LoopbackServer(lambda _: Reply(307, {"location": target})) as server:
        async with Runtime({"claude": {"api_key": KEY, "base_url": server.url}}, plugins=["claude"]) as runtime:
            await caught(runtime, max_attempts=1)
            with pytest.raises(ProviderError):
                await runtime.list_models("claude")
    assert not emulator.requests


async def test_e13_a_host_that_cannot_be_reached_is_a_failed_connection() -> None:
    async with Runtime(
        {"claude": {"api_key": KEY, "base_url": "http://127.0.0.1:9"}}, plugins=["claude"]
    ) as runtime:
        error = await caught(runtime, max_attempts=1)
        assert type(error) is ConnectionFailedError
        with pytest.raises(ConnectionFailedError):
            await runtime.count_tokens(MODEL, "Hi")
        with pytest.raises(ConnectionFailedError):
            await runtime.list_models("claude")

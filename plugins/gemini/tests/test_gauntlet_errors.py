"""Failures of error handling that really happened elsewhere, each as a rule for this plugin: gauntlet E."""

from __future__ import annotations

import json
import pickle
from email.utils import formatdate
from time import time
from typing import Any

import pytest

import modelyard
from modelyard import ProviderError, Runtime
from modelyard.testing import Emulator, Reply, Script
from modelyard.types.base import JsonObject

from .wire import ask

FLASH = "gemini:gemini-3.8-flash"
GOOGLE = "type.googleapis.com/google.rpc."


def failure(code: int, status: str, message: str = "No.", *details: JsonObject) -> JsonObject:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


async def fails(reply: Reply, kind: type[ProviderError], *, stream: bool = False) -> ProviderError:
    with pytest.raises(kind) as caught:
        await ask(reply, stream=stream)
    assert type(caught.value) is kind
    return caught.value


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("headers", "details", "wait"),
    [
        ({"retry-after": "7"}, [], 7.0),
        ({"retry-after-ms": "1500"}, [], 1.5),
        ({}, [{"@type": f"{GOOGLE}RetryInfo", "retryDelay": "34s"}], 34.0),
        ({"retry-after": "7"}, [{"@type": f"{GOOGLE}RetryInfo", "retryDelay": "34.074824224s"}], 34.074824224),
        ({"retry-after": "40"}, [{"@type": f"{GOOGLE}RetryInfo", "retryDelay": "34s"}], 40.0),
    ],
)
async def test_e01_the_largest_delay_named_counts(
    headers: dict[str, str], details: list[JsonObject], wait: float, stream: bool
) -> None:
    reply = Reply.json(failure(429, "RESOURCE_EXHAUSTED", "Slow.", *details), 429, headers)
    assert (await fails(reply, modelyard.RateLimitError, stream=stream)).retry_after == wait


async def test_e01_a_delay_may_be_a_date_or_stand_in_the_message() -> None:
    date = {"retry-after": formatdate(time() + 60, usegmt=True)}
    found = (
        await fails(Reply.json(failure(429, "RESOURCE_EXHAUSTED"), 429, date), modelyard.RateLimitError)
    ).retry_after
    assert found is not None
    assert 50 < found <= 60
    told = Reply.json(failure(429, "RESOURCE_EXHAUSTED", "Please retry in 2.5s."), 429)
    assert (await fails(told, modelyard.RateLimitError)).retry_after == 2.5


async def test_e03_the_number_of_requests_is_the_number_of_attempts(emulator: Emulator) -> None:
    emulator.default = Script().fail("server")
    async with Runtime({"gemini": emulator.settings()}, max_attempts=2, plugins=["gemini"]) as runtime:
        with pytest.raises(modelyard.ServerError) as caught:
            await runtime.complete(FLASH, "Hi")
    assert len(emulator.requests) == len(caught.value.attempts) == 2


@pytest.mark.parametrize("stream", [True, False])
async def test_e04_a_daily_quota_is_no_rate_limit_and_is_not_tried_again(emulator: Emulator, stream: bool) -> None:
    emulator.default = Script().fail("quota", retry_after=1)
    async with Runtime({"gemini": emulator.settings()}, max_attempts=3, plugins=["gemini"]) as runtime:
        with pytest.raises(modelyard.QuotaExceededError):
            await (runtime.stream(FLASH, "Hi").collect() if stream else runtime.complete(FLASH, "Hi"))
    assert len(emulator.requests) == 1


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "message",
    [
        "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).",
        "The input token count exceeds the maximum number of tokens allowed 1048576.",
        "Unable to submit request because the input token count is 1250074 but model only supports up to 1048576.",
    ],
)
async def test_e06_each_wording_of_a_full_window_is_known(message: str, stream: bool) -> None:
    await fails(
        Reply.json(failure(400, "INVALID_ARGUMENT", message), 400), modelyard.ContextWindowError, stream=stream
    )


@pytest.mark.parametrize(
    "details", [[{"@type": f"{GOOGLE}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}], []]
)
async def test_e07_a_wrong_key_is_an_authentication_error_though_the_status_is_400(
    details: list[JsonObject],
) -> None:
    body = failure(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", *details)
    assert (await fails(Reply.json(body, 400), modelyard.AuthenticationError)).status == 400


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, modelyard.PermissionDeniedError),
        (500, modelyard.ServerError),
        (502, modelyard.ServerError),
        (503, modelyard.OverloadedError),
    ],
)
async def test_e08_a_page_of_html_has_the_class_of_its_status_and_is_kept_short(
    status: int, kind: type[ProviderError], stream: bool
) -> None:
    page = (
        b"<html><head><style>x{}</style></head><body><h1>Bad Gateway</h1>"
        + b"<p>x</p>" * 100_000
        + b"</body></html>"
    )
    error = await fails(Reply(status, {"content-type": "text/html"}, (page,)), kind, stream=stream)
    assert "Bad Gateway" in error.message
    assert len(error.message) < 500


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"<html>Hello</html>", b'"text"', b"7", b'{"candidates": 1}']
)
async def test_e09_a_200_of_another_shape_is_an_invalid_response_worth_one_more_try(
    body: bytes, stream: bool
) -> None:
    media_type = "text/html" if body.startswith(b"<") else "application/json"
    error = await fails(
        Reply(200, {"content-type": media_type}, (body,)), modelyard.InvalidResponseError, stream=stream
    )
    assert error.retryable


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "body",
    [
        "Overloaded",
        {"error": "Overloaded"},
        {"error": json.dumps(failure(503, "UNAVAILABLE"))},
        [failure(503, "UNAVAILABLE")],
        [failure(503, "UNAVAILABLE"), {"more": 1}],
        {"error": {"details": [{"detail": "Overloaded"}]}},
        {"error": {"code": "503", "message": ["a"], "status": {"b": 1}, "details": {"c": 2}}},
    ],
)
async def test_e10_any_body_gives_the_class_its_status_says(body: Any, stream: bool) -> None:
    await fails(Reply.json(body, 503), modelyard.OverloadedError, stream=stream)


async def test_e23_errors_survive_pickling(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().say("One two three").fail("overloaded", retry_after=3))
    with pytest.raises(modelyard.OverloadedError) as caught:
        await runtime.stream(FLASH, "Hi").collect()
    copy = pickle.loads(pickle.dumps(caught.value))
    assert copy.to_dict() == caught.value.to_dict()
    assert copy.partial == caught.value.partial

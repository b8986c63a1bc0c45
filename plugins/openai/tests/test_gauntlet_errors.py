"""Failures of other runtimes with errors, each against the emulator; where waiting is meant, none is done."""

from __future__ import annotations

import email.utils
import json
import pickle
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import modelyard
from modelyard import InvalidResponseError, ProviderError, Runtime
from modelyard.http.failures import HttpFailure
from modelyard.testing import Emulator, Reply, Script
from modelyard_openai.errors import error_in_answer, map_error

PLAIN = "openai:gpt-4.1"


@pytest.fixture(params=["responses", "chat"])
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def either(api: str, emulator: Emulator) -> AsyncIterator[Runtime]:
    """A runtime for each of the two APIs."""
    options = {**emulator.settings(), "options": {"api": api}}
    async with Runtime({"openai": options}, max_attempts=1, plugins=["openai"]) as running:
        yield running


def limited(message: str = "Slow.", **headers: str) -> Reply:
    error = {"message": message, "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    return Reply.json({"error": error}, 429, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (limited(retry_after="3"), 3),
        (limited(retry_after_ms="1500"), 1.5),
        (limited("Please try again in 2.5s."), 2.5),
        (limited("Please try again in 1m0.5s.", retry_after="7"), 60.5),
        (limited("Please try again in 20ms.", retry_after="7", retry_after_ms="8000"), 8),
        (limited(), None),
        (limited(retry_after="soon"), None),
    ],
)
async def test_e01_the_time_to_wait_is_read_wherever_it_is_said_and_the_largest_counts(
    either: Runtime, emulator: Emulator, reply: Reply, seconds: float | None
) -> None:
    emulator.add(reply)
    with pytest.raises(modelyard.RateLimitError) as caught:
        await either.complete(PLAIN, "Hi")
    assert caught.value.retry_after == seconds


async def test_e01_the_time_to_wait_may_be_a_date(either: Runtime, emulator: Emulator) -> None:
    emulator.add(limited(retry_after=email.utils.formatdate(time.time() + 1000, usegmt=True)))
    with pytest.raises(modelyard.RateLimitError) as caught:
        await either.complete(PLAIN, "Hi")
    assert caught.value.retry_after is not None
    assert 900 < caught.value.retry_after <= 1000


async def test_e02_a_wait_of_90_seconds_is_raised_with_the_error_and_not_slept(emulator: Emulator) -> None:
    emulator.default = Script().fail("rate_limit", retry_after=90)
    async with Runtime(
        {"openai": emulator.settings()}, max_attempts=3, plugins=["openai"], deadlines=5
    ) as runtime:
        with pytest.raises(modelyard.RateLimitError) as caught:
            await runtime.complete(PLAIN, "Hi")
    assert (caught.value.retry_after, len(emulator.requests)) == (90, 1)


@pytest.mark.parametrize("attempts", [1, 2])
async def test_e03_as_many_requests_as_attempts_and_no_more(emulator: Emulator, attempts: int) -> None:
    emulator.default = Script().fail("server", retry_after=0)
    async with Runtime({"openai": emulator.settings()}, max_attempts=attempts, plugins=["openai"]) as runtime:
        with pytest.raises(modelyard.ServerError) as caught:
            await runtime.complete(PLAIN, "Hi")
    assert len(emulator.requests) == len(caught.value.attempts) == attempts


async def test_e04_an_exhausted_quota_is_not_tried_again(emulator: Emulator, api: str) -> None:
    emulator.default = Script().fail("quota", retry_after=0)
    options = {**emulator.settings(), "options": {"api": api}}
    async with Runtime({"openai": options}, max_attempts=3, plugins=["openai"]) as runtime:
        with pytest.raises(modelyard.QuotaExceededError) as caught:
            await runtime.complete(PLAIN, "Hi")
    assert (caught.value.retryable, len(emulator.requests)) == (False, 1)


@pytest.mark.parametrize(
    "error",
    [
        {"code": "context_length_exceeded", "message": "Your input exceeds the context window of this model."},
        {"code": None, "message": "This model's maximum context length is 8192 tokens."},
        {"code": 400, "message": "This model's maximum context length is 8192 tokens.", "object": "error"},
        {"code": "string_above_max_length", "message": "Too many tokens in the prompt."},
    ],
)
async def test_e06_every_wording_of_an_overflow_is_one_class(
    either: Runtime, emulator: Emulator, error: Any
) -> None:
    emulator.add(Reply.json({"error": error}, 400))
    with pytest.raises(modelyard.ContextWindowError) as caught:
        await either.complete(PLAIN, "Hi")
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("status", "kind"),
    [(502, modelyard.ServerError), (503, modelyard.OverloadedError), (403, modelyard.PermissionDeniedError)],
)
async def test_e08_a_page_of_html_has_the_class_of_its_status_and_is_kept_short(
    either: Runtime, emulator: Emulator, status: int, kind: type[ProviderError]
) -> None:
    page = f"<html><head><style>a{{}}</style></head><body><h1>Sorry</h1>{'x' * 100_000}</body></html>"
    emulator.add(Reply(status, {"content-type": "text/html"}, (page.encode(),)))
    with pytest.raises(kind, match="Sorry") as caught:
        await either.complete(PLAIN, "Hi")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "body", [b"<html>Hello</html>", b"", b"null", b"[1]", b'"text"', b"{}", b'{"object": "list"}']
)
@pytest.mark.parametrize("stream", [True, False])
async def test_e09_an_answer_that_is_none_is_invalid_and_worth_a_retry(
    either: Runtime, emulator: Emulator, body: bytes, stream: bool
) -> None:
    emulator.add(Reply(200, {"content-type": "application/json"}, (body,)))
    with pytest.raises(InvalidResponseError) as caught:
        await (either.stream(PLAIN, "Hi").collect() if stream else either.complete(PLAIN, "Hi"))
    assert caught.value.retryable


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "code", "type", "detail", "param", "misalignment"]), inner
        )
    ),
    max_leaves=12,
)


@given(
    body=JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200), status=st.integers(300, 599)
)
@settings(max_examples=200, deadline=None)
def test_e10_the_mapper_never_raises_whatever_the_body(body: bytes, status: int) -> None:
    found = map_error(HttpFailure(status, {}, body))
    assert isinstance(found, ProviderError)
    assert found.message
    assert str(pickle.loads(pickle.dumps(found))) == str(found)


@given(value=JSON)
@settings(max_examples=200, deadline=None)
def test_e10_nor_whatever_error_an_answer_holds(value: Any) -> None:
    assert isinstance(error_in_answer(value), ProviderError)

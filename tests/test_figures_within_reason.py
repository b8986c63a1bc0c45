"""A number, date or header that cannot be meant counts as absent, and nothing is away for longer than a day."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable

import pytest

from modelyard import AuthenticationError, LocalState, ProviderError, RateLimit, RateLimitError, Runtime
from modelyard.http.failures import find_retry_after
from modelyard.http.limits import rate_limits
from modelyard.testing import LoopbackServer, Reply

from .hostile import WIRES, answer_of, calling
from .test_no_answer_poisons import assert_sound, in_turn
from .wires import Said, reply, whole

DAY = 86_400
WIRE = pytest.mark.parametrize("wire", WIRES)
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
ODD = [
    "1" + "0" * 400,
    "1" + "0" * 5000,
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "-5",
    '"x"',
    '"7"',
    "true",
    "1.5",
    "9007199254740993",
    "null",
    "[]",
    "{}",
]


@STREAM
@WIRE
@pytest.mark.parametrize("figure", ODD, ids=lambda figure: figure[:12])
async def test_a_count_that_cannot_be_meant_is_absent(wire: str, figure: str, *, stream: bool) -> None:
    """A22: and the answer stays, fit to be written and read back."""
    said = Said(texts=["ok"], inputs=figure)
    async with calling(wire, in_turn(wire, said)) as (runtime, model, _):
        completion = await answer_of(runtime, model, stream=stream)
    assert completion.text == "ok"
    assert completion.usage.input_tokens is None
    assert completion.usage.output_tokens == 1
    assert_sound(completion)


@pytest.mark.parametrize("value", ["1e999", "-1e999", "NaN", "true", '"x"', "1" + "0" * 400, "null"])
async def test_a_likelihood_that_is_no_number_is_left_out(value: str) -> None:
    good = {"token": "a", "logprob": -0.5, "top_logprobs": []}
    bad = {"token": "b", "logprob": 12345, "top_logprobs": []}
    body = json.loads(whole("openai-chat", Said(texts=["ok"])))
    body["choices"][0]["logprobs"] = {"content": [good, bad, {**good, "top_logprobs": [bad, good]}]}
    text = json.dumps(body).replace("12345", value).encode()
    async with calling(
        "openai-chat", lambda _: Reply(200, {"content-type": "application/json"}, (text,))
    ) as given:
        runtime, model, _ = given
        completion = await runtime.complete(model, "Hi")
    assert [token.token for token in completion.logprobs] == ["a", "a"]
    assert [token.token for token in completion.logprobs[1].top] == ["a"]
    assert_sound(completion)


@pytest.mark.parametrize("count", ["9" * 5000, "9" * 400, "9" * 16, "-1", "1e999", "NaN", "", "1.5", "٣"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_count_in_a_header_that_cannot_be_meant_is_absent(count: str, *, stream: bool) -> None:
    """A21: the paid answer is kept."""
    name = "x-ratelimit-remaining-requests"
    headers = {name: count.encode().decode("latin-1"), "x-ratelimit-limit-tokens": "5"}
    said = Said(texts=["ok"])
    async with calling(
        "openai-chat", lambda _: reply("openai-chat", said, stream=stream, headers=headers)
    ) as given:
        runtime, model, _ = given
        completion = await answer_of(runtime, model, stream=stream)
    assert completion.text == "ok"
    assert completion.rate_limits == {"tokens": RateLimit(limit=5)}


NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("6m0s", 360),
        ("0", 0),
        ("60", 60),
        ("1500ms", 1.5),
        (f"{NOW + 5:.0f}", 5),
        (f"{(NOW + 5) * 1000:.0f}", 5),
        (f"{NOW - 5:.0f}", 0),
        ("2026-09-21T14:13:25Z", 5),
        ("172800", DAY),
        ("40d", DAY),
        ("9" * 400, None),
        ("9" * 5000, None),
        ("9999-12-31T00:00:00Z", None),
        ("0001-01-01T00:00:00+23:59", 0),
        ("99999999999", None),
        ("1e999", None),
        ("nan", None),
        ("-5", None),
        ("soon", None),
    ],
    ids=lambda value: str(value)[:16],
)
def test_a_reset_is_a_day_away_at_most(value: str, seconds: float | None) -> None:
    """A20: durations, dates, and plain epoch seconds or milliseconds."""
    pairs = [(b"x-ratelimit-remaining-requests", b"0"), (b"x-ratelimit-reset-requests", value.encode())]
    assert rate_limits(pairs, NOW)["requests"].reset == pytest.approx(seconds)
    assert rate_limits(pairs, NOW)["requests"].remaining == 0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3), ("172800", DAY), ("9" * 400, None), ("1e999", None), ("nan", None), ("-1", None), ("1e300", None)],
)
def test_a_retry_hint_is_a_day_at_most(value: str, seconds: float | None) -> None:
    assert find_retry_after({"retry-after": value}) == seconds


def test_a_retry_hint_may_be_a_moment() -> None:
    assert find_retry_after({"retry-after": f"{time.time() + 30:.0f}"}) == pytest.approx(30, abs=2)
    assert find_retry_after({"retry-after": f"{(time.time() + 30) * 1000:.0f}"}) == pytest.approx(30, abs=2)
    assert find_retry_after({"retry-after": "Fri, 31 Dec 9999 00:00:00 GMT"}) is None


@WIRE
@pytest.mark.parametrize("hint", ["9" * 400, "9" * 2000 + "h", "1e999"])
async def test_a_mapper_never_fails_on_a_hint(wire: str, hint: str) -> None:
    """A20, neighbours: waits that stand in the message or the details of an error."""
    message = f"Rate limit reached. Please try again in {hint}s. Please retry in {hint}h1s."
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{hint}s"}]
    error = {"message": message, "type": "rate_limit_error", "code": 429, "details": details, "status": "X"}
    answer = Reply.json({"error": error, "message": message, "type": "rate_limited"}, 429, {"retry-after": hint})
    async with calling(wire, lambda _: answer) as (runtime, model, _):
        with pytest.raises(RateLimitError) as caught:
            await runtime.complete(model, "Hi")
    assert caught.value.retry_after is None


@pytest.mark.parametrize("wait", [math.nan, math.inf, -1.0, 1e300, 1e17])
def test_no_error_hands_on_a_wait_that_cannot_be_meant(wait: float) -> None:
    assert ProviderError("x", retry_after=wait).retry_after is None
    assert RateLimit(remaining=0, reset=wait).reset is None


RESETS: dict[str, Callable[[], str]] = {
    "epoch seconds": lambda: f"{time.time() + 1:.0f}",
    "epoch milliseconds": lambda: f"{(time.time() + 1) * 1000:.0f}",
    "400 digits": lambda: "9" * 400,
    "the year 9999": lambda: "9999-12-31T00:00:00Z",
}


@pytest.mark.parametrize("form", RESETS)
async def test_a_deployment_comes_back_after_an_odd_reset(form: str) -> None:
    """A20: two seconds later the first one is called again."""

    def headers() -> dict[str, str]:
        return {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": RESETS[form]()}

    said = Said(texts=["ok"])
    with (
        LoopbackServer(lambda _: reply("openai-chat", said, stream=False, headers=headers())) as first,
        LoopbackServer(lambda _: reply("openai-chat", said, stream=False)) as second,
    ):
        options = {"api": "chat"}
        configs = [
            {"base_url": server.url, "api_key": f"key-of-the-test-{number}", "options": options}
            for number, server in enumerate((first, second))
        ]
        async with Runtime({"openai": configs}, plugins=["openai"], fallback="before_output") as runtime:
            for _ in range(3):
                await runtime.complete("openai:m", "Hi")
            await asyncio.sleep(1.6)
            called = len(first.requests)
            await runtime.complete("openai:m", "Hi")
        assert len(first.requests) == called + 1


async def test_a_later_good_answer_heals() -> None:
    """A20: an answer that was given proves that there is something left."""
    state = LocalState()
    spent, well = {"requests": RateLimit(remaining=0, reset=600)}, {"requests": RateLimit(remaining=7, reset=600)}
    for later in (well, {}):
        await state.admit("a")
        await state.report("a", "ok", rate_limits=spent)
        assert state.available_in("a") > 500
        await state.admit("a")
        await state.report("a", "ok", rate_limits=later)
        assert state.available_in("a") == 0


@WIRE
async def test_an_error_whose_json_is_hostile_keeps_its_class(wire: str) -> None:
    """Error pages nested without end, or with numbers of thousands of digits."""
    for body in ("[" * 60_000, '{"error": ' * 6_000, '{"error": {"code": ' + "9" * 5000 + "}}"):
        answer = Reply(401, {"content-type": "application/json"}, (body.encode(),))
        async with calling(wire, lambda _, answer=answer: answer) as (runtime, model, _):  # type: ignore[misc]
            with pytest.raises(AuthenticationError):
                await runtime.complete(model, "Hi")

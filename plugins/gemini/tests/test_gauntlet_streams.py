"""Failures of streams that really happened elsewhere, each as a rule for this plugin: gauntlet section B."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from modelyard import (
    ContentFilterError,
    DeadlineError,
    OverloadedError,
    RateLimitError,
    Runtime,
    ServerError,
    StreamInterruptedError,
)
from modelyard.testing import (
    Emulator,
    Hang,
    LoopbackServer,
    Pause,
    Received,
    Reply,
    Script,
    crash_after,
    cut_after,
    reset_after,
    split,
)
from modelyard.types.base import JsonObject
from modelyard_gemini.usage import gemini_usage

from .wire import answer, ask, completed, decode, stream_of, streamed, whole

FLASH = "gemini:gemini-3.8-flash"
QUOTA = {"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}}
CHUNK = stream_of(answer({"text": "Hel"}, finish=None))


@pytest.mark.parametrize("fault", [cut_after, crash_after, reset_after])
async def test_b01_b02_a_stream_without_finish_reason_is_interrupted(
    runtime: Runtime, emulator: Emulator, fault: Any
) -> None:
    emulator.add(Script().say("Hello there."))
    emulator.fault = fault(1)
    with pytest.raises(StreamInterruptedError) as caught:
        await runtime.stream(FLASH, "Hi").collect()
    assert caught.value.retryable
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hello"
    assert caught.value.partial.usage.output_tokens is None


async def test_b05_an_error_object_as_the_last_event_is_typed(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().say("One two three").fail("overloaded", "No capacity."))
    with pytest.raises(OverloadedError, match="No capacity") as caught:
        await runtime.stream(FLASH, "Hi").collect()
    assert caught.value.status == 503
    assert caught.value.partial is not None


async def test_b06_an_error_before_any_output_may_be_tried_again(emulator: Emulator) -> None:
    empty = answer({"text": ""}, finish=None)
    emulator.add(
        Reply.sse([stream_of(empty, {"error": {"code": 503, "status": "UNAVAILABLE"}})]), Script().say("Hi.")
    )
    async with Runtime({"gemini": emulator.settings()}, max_attempts=2, plugins=["gemini"]) as runtime:
        completion = await runtime.stream(FLASH, "Hi").collect()
    assert completion.text == "Hi."
    assert len(emulator.requests) == 2


async def test_b07_b08_a_failure_after_text_is_raised_and_nothing_is_said_twice(emulator: Emulator) -> None:
    emulator.add(Reply.sse([CHUNK, stream_of(QUOTA)]), Script().say("Hello"))
    async with Runtime({"gemini": emulator.settings()}, max_attempts=3, plugins=["gemini"]) as runtime:
        with pytest.raises(RateLimitError) as caught:
            await runtime.stream(FLASH, "Hi").collect()
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hel"
    assert len(emulator.requests) == 1


async def test_b09_a_429_in_the_middle_is_one_typed_error(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Reply.sse([CHUNK, stream_of(QUOTA)]))
    with pytest.raises(RateLimitError) as caught:
        async with asyncio.timeout(5):
            await runtime.stream(FLASH, "Hi").collect()
    assert (caught.value.status, caught.value.code) == (429, "RESOURCE_EXHAUSTED")


async def test_b10_characters_cut_in_two_by_the_network_are_whole(runtime: Runtime, emulator: Emulator) -> None:
    emulator.fault = split(1)
    emulator.add(Script().say("naïve 😀 日本"))
    assert (await runtime.stream(FLASH, "Hi").collect()).text == "naïve 😀 日本"


def test_b11_separators_that_are_no_line_ends_in_sse_are_text() -> None:
    text = "a\u2028b\u2029c\u0085d\fe"
    assert streamed(answer({"text": text})).text == text


@pytest.mark.parametrize(
    "form",
    [
        b": comment\n\ndata: %b\n\n",
        b"data:%b\r\n\r\n",
        b"\xef\xbb\xbfdata: %b\n\n",
        b"event: x\nid: 1\nretry: 5\ndata: %b\n\n",
        b"data: %b\nevent: x\n\n",
        b"data: %b\r\r",
    ],
)
def test_b12_every_form_of_an_event_is_read(form: bytes) -> None:
    data = json.dumps(answer({"text": "Hello"})).encode()
    assert completed(decode([form % data])).text == "Hello"


def test_b12_an_event_on_two_lines_is_one() -> None:
    head, tail = json.dumps(answer({"text": "Hello"})).encode().split(b", ", 1)
    assert completed(decode([b"data: %b,\ndata: %b\n\n" % (head, tail)])).text == "Hello"


async def test_b13_an_event_of_a_megabyte_passes(runtime: Runtime, emulator: Emulator) -> None:
    text = "x" * 1_100_000
    emulator.add(Reply.sse([stream_of(answer({"text": text}))]))
    assert (await runtime.stream(FLASH, "Hi").collect()).text == text


def test_b17_f05_the_last_usage_counts_and_thoughts_are_output() -> None:
    chunks = [
        answer({"text": "a"}, finish=None, usageMetadata={"promptTokenCount": 10, "thoughtsTokenCount": 4}),
        answer({"text": "b"}, finish=None, usageMetadata={"promptTokenCount": 10, "candidatesTokenCount": 1}),
        answer(
            {"text": "c"},
            usageMetadata={"promptTokenCount": 10, "candidatesTokenCount": 3, "thoughtsTokenCount": 4},
        ),
    ]
    usage = streamed(*chunks).usage
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.total_tokens) == (10, 7, 4, 17)


@pytest.mark.parametrize("content", [{}, {"content": {"role": "model"}}, {"content": {"parts": []}}])
def test_b18_a_limit_spent_on_thoughts_is_length_with_their_count(content: JsonObject) -> None:
    usage = {"promptTokenCount": 5, "thoughtsTokenCount": 100, "totalTokenCount": 105}
    body = {"candidates": [{**content, "finishReason": "MAX_TOKENS", "index": 0}], "usageMetadata": usage}
    for completion in (whole(body), streamed(body)):
        assert (completion.finish_reason, completion.text) == ("length", "")
        assert completion.usage.reasoning_tokens == 100


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "JAILBREAK"]
)
async def test_b19_a_blocked_prompt_is_a_content_filter_error_with_its_reason(reason: str, stream: bool) -> None:
    rating = {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}
    body = {
        "promptFeedback": {"blockReason": reason, "safetyRatings": [rating]},
        "usageMetadata": {"promptTokenCount": 9},
    }
    reply = Reply.sse([stream_of(body)]) if stream else Reply.json(body)
    with pytest.raises(ContentFilterError, match="DANGEROUS_CONTENT") as caught:
        await ask(reply, stream=stream)
    assert caught.value.code == reason
    assert caught.value.partial is not None
    assert caught.value.partial.usage.input_tokens == 9


FINISHES = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(
        "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT "
        "IMAGE_RECITATION MODEL_ARMOR ESCALATION".split(),
        "content_filter",
    ),
    **dict.fromkeys(
        "MALFORMED_FUNCTION_CALL NO_IMAGE UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE "
        "MALFORMED_RESPONSE PUP_LIMITED_DISABLED".split(),
        "error",
    ),
    **dict.fromkeys("LANGUAGE OTHER IMAGE_OTHER FINISH_REASON_UNSPECIFIED SOMETHING_NEW".split(), "unknown"),
}


@pytest.mark.parametrize(("raw", "meaning"), FINISHES.items())
def test_b20_b21_each_finish_reason_keeps_its_word_and_none_becomes_stop(raw: str, meaning: str) -> None:
    for completion in (whole(answer({"text": "a"}, finish=raw)), streamed(answer({"text": "a"}, finish=raw))):
        assert (completion.finish_reason, completion.raw_finish_reason) == (meaning, raw)


def test_b20_every_finish_reason_of_the_sdk_is_known() -> None:
    from google.genai import types

    assert {reason.value for reason in types.FinishReason} <= FINISHES.keys()


def test_b20_the_words_beside_a_finish_reason_are_kept() -> None:
    body = answer(finish="MALFORMED_FUNCTION_CALL")
    body["candidates"][0]["finishMessage"] = "Malformed function call: print(f())"
    assert "finishMessage" in whole(body).message.model_dump_json()


async def test_b22_leaving_the_loop_closes_the_connection() -> None:
    with LoopbackServer(lambda _: Reply.sse([CHUNK, Hang()])) as server:
        settings = {"api_key": "test-key", "base_url": server.url}
        async with Runtime({"gemini": settings}, plugins=["gemini"]) as runtime:
            async with runtime.stream(FLASH, "Hi") as stream:
                async for event in stream:
                    if event.type == "content_delta":
                        break
            await asyncio.to_thread(server.wait_for_disconnect, 5)


async def test_b23_b24_a_cancelled_call_closes_the_connection_and_is_recorded_as_cancelled() -> None:
    asked = threading.Event()

    def handle(received: Received) -> Reply:
        asked.set()
        return Reply.sse([Hang()])

    with LoopbackServer(handle) as server:
        settings = {"api_key": "test-key", "base_url": server.url}
        async with Runtime({"gemini": settings}, plugins=["gemini"]) as runtime:
            task = asyncio.ensure_future(runtime.complete(FLASH, "Hi"))
            assert await asyncio.to_thread(asked.wait, 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(server.wait_for_disconnect, 5)


@pytest.mark.parametrize(
    ("steps", "deadlines", "phase"),
    [
        ([Hang()], {"first_output": 0.1}, "first_output"),
        ([CHUNK, *[b": ping\r\n\r\n", Pause(0.05)] * 40, Hang()], {"between_outputs": 0.2}, "between_outputs"),
        ([CHUNK, Pause(0.05)] * 40, {"total": 0.3}, "total"),
    ],
    ids=["b25", "b26", "b27"],
)
async def test_b25_b26_b27_each_clock_ends_a_stream_that_stalls(
    steps: list[Any], deadlines: dict[str, float], phase: str
) -> None:
    with pytest.raises(DeadlineError) as caught:
        await ask(Reply.sse(steps), deadlines=deadlines)
    assert caught.value.phase == phase


def test_b29_thoughts_are_never_text_and_tags_in_a_text_stay_text() -> None:
    completion = streamed(
        answer({"text": "Hm", "thought": True}, finish=None),
        answer({"text": ".", "thought": True}, finish=None),
        answer({"text": "I write <thi"}, finish=None),
        answer({"text": "nk> tags."}),
    )
    assert completion.reasoning == "Hm."
    assert completion.text == "I write <think> tags."


def test_b30_there_is_exactly_one_end() -> None:
    for chunks in ([answer({"text": "a"}), answer({"text": "b"})], [answer({"text": "a"}), {"usageMetadata": {}}]):
        events = decode([stream_of(*chunks)])
        assert [event.type for event in events].count("done") == 1
        assert events[-1].type == "done"


@pytest.mark.parametrize("stream", [True, False])
async def test_b32_an_answer_without_anything_is_no_error_and_says_so(stream: bool) -> None:
    reply = Reply.sse([stream_of(answer())]) if stream else Reply.json(answer())
    completion = await ask(reply, stream=stream)
    assert (completion.text, completion.finish_reason, completion.message.content) == ("", "stop", ())


async def test_e20_e25_a_stream_is_tried_again_as_a_call_is(emulator: Emulator) -> None:
    async with Runtime({"gemini": emulator.settings()}, max_attempts=2, plugins=["gemini"]) as runtime:
        emulator.add(Script().fail("server"), Script().say("One."), Script().fail("server"), Script().say("Two."))
        assert (await runtime.stream(FLASH, "Hi").collect()).text == "One."
        assert (await runtime.complete(FLASH, "Hi")).text == "Two."
    assert len(emulator.requests) == 4


def test_f01_cached_tokens_are_part_of_the_input() -> None:
    usage = gemini_usage({"promptTokenCount": 100, "cachedContentTokenCount": 90, "candidatesTokenCount": 5})
    assert (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens) == (100, 90, 5)


async def test_an_error_before_the_stream_may_be_an_object_or_an_array() -> None:
    failure: JsonObject = {"error": {"code": 500, "message": "Oops.", "status": "INTERNAL"}}
    for body in (failure, [failure]):
        with pytest.raises(ServerError, match="Oops"):
            await ask(Reply.json(body, 500))


async def test_every_request_of_a_stream_asks_for_sse(runtime: Runtime, emulator: Emulator) -> None:
    await runtime.stream(FLASH, "Hi").collect()
    received: Received = emulator.requests[-1]
    assert (received.query, received.headers["accept"]) == ("alt=sse", "text/event-stream")

"""Long answers that come in segments are one answer, whole or streamed."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from modelyard import ConfigurationError, OverloadedError, Runtime, StreamInterruptedError
from modelyard.testing import Emulator, Reply
from modelyard.types.base import JsonObject
from modelyard_gemini.options import GeminiOptions

from .conftest import sent
from .wire import answer, stream_of

ARGON = "gemini:gemini-4-argon"
TOKENS = [base64.b64encode(f"segment {number}".encode()).decode() for number in range(4)]


def segment(text: str, token: str | None, *, output: int = 100, thoughts: int = 0, **more: Any) -> JsonObject:
    """A segment that is cut off, with the token for the next; the last one without."""
    usage = {"promptTokenCount": 10, "candidatesTokenCount": output, "totalTokenCount": 10 + output + thoughts}
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
    modalities = [{"modality": "TEXT", "tokenCount": 10}]
    finish = "STOP" if token is None else "CONTINUATION"
    body = answer(
        {"text": text}, finish=finish, usageMetadata={**usage, "promptTokensDetails": modalities}, **more
    )
    if token is not None:
        body["candidates"][0]["continuationToken"] = token
    return body


def reply(body: JsonObject, *, stream: bool) -> Reply:
    return Reply.sse([stream_of(body)]) if stream else Reply.json(body)


@pytest.fixture(params=[True, False], ids=["stream", "whole"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def ask(runtime: Runtime, stream: bool, **options: Any) -> Any:
    if stream:
        return await runtime.stream(ARGON, "Write.", **options).collect()
    return await runtime.complete(ARGON, "Write.", **options)


async def test_the_segments_of_an_answer_are_asked_for_until_it_is_whole(
    runtime: Runtime, emulator: Emulator, stream: bool
) -> None:
    emulator.add(
        reply(segment("One, ", TOKENS[0], thoughts=7), stream=stream),
        reply(segment("two, ", TOKENS[1], responseId="resp_2"), stream=stream),
        reply(segment("three.", None, output=5), stream=stream),
    )
    completion = await ask(runtime, stream, temperature=0.5)
    assert completion.text == "One, two, three."
    assert len(completion.message.content) == 1
    assert completion.finish_reason == "stop"
    assert completion.response_id == "resp_1"
    sent(emulator)
    first, second, third = (received.json for received in emulator.requests)
    assert second == {**first, "continuationToken": TOKENS[0]}
    assert third == {**first, "continuationToken": TOKENS[1]}


async def test_the_usage_of_all_segments_is_added_up(runtime: Runtime, emulator: Emulator, stream: bool) -> None:
    emulator.add(
        reply(segment("One, ", TOKENS[0], thoughts=7), stream=stream),
        reply(segment("two.", None, output=5), stream=stream),
    )
    usage = (await ask(runtime, stream)).usage
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.total_tokens) == (
        20,
        112,
        7,
        132,
    )
    assert usage.raw["promptTokensDetails"] == [{"modality": "TEXT", "tokenCount": 20}]


async def test_only_the_last_usage_of_each_segment_counts(runtime: Runtime, emulator: Emulator) -> None:
    early = answer(
        {"text": "One, "}, finish=None, usageMetadata={"promptTokenCount": 10, "candidatesTokenCount": 1}
    )
    emulator.add(
        Reply.sse([stream_of(early), stream_of(segment("two, ", TOKENS[0]))]),
        Reply.sse([stream_of(early), stream_of(segment("three.", None, output=5))]),
    )
    completion = await ask(runtime, True)
    assert completion.text == "One, two, One, three."
    assert completion.usage.output_tokens == 105


async def test_the_continuation_can_be_switched_off(emulator: Emulator, stream: bool) -> None:
    emulator.add(reply(segment("One, ", TOKENS[0]), stream=stream))
    settings = {**emulator.settings(), "options": {"max_continuations": 0}}
    async with Runtime({"gemini": settings}, plugins=["gemini"]) as runtime:
        completion = await ask(runtime, stream)
    assert (completion.text, completion.finish_reason) == ("One, ", "length")
    assert completion.raw_finish_reason == "CONTINUATION"
    assert len(emulator.requests) == 1


async def test_an_answer_without_end_is_cut_off_at_the_limit(emulator: Emulator, stream: bool) -> None:
    emulator.add(*(reply(segment("x", token), stream=stream) for token in TOKENS))
    settings = {**emulator.settings(), "options": {"max_continuations": 2}}
    async with Runtime({"gemini": settings}, plugins=["gemini"]) as runtime:
        completion = await ask(runtime, stream)
    assert (completion.text, completion.finish_reason) == ("xxx", "length")
    assert len(emulator.requests) == 3


async def test_no_more_is_asked_for_than_the_caller_wants(
    runtime: Runtime, emulator: Emulator, stream: bool
) -> None:
    emulator.add(*(reply(segment("x", token), stream=stream) for token in TOKENS))
    completion = await ask(runtime, stream, max_output_tokens=200)
    assert (completion.text, completion.finish_reason) == ("xx", "length")


async def test_a_segment_without_a_token_is_the_last(runtime: Runtime, emulator: Emulator, stream: bool) -> None:
    body = segment("One", TOKENS[0])
    del body["candidates"][0]["continuationToken"]
    emulator.add(reply(body, stream=stream))
    completion = await ask(runtime, stream)
    assert (completion.finish_reason, completion.raw_finish_reason) == ("length", "CONTINUATION")


async def test_a_segment_that_fails_leaves_what_came_before_on_the_error(
    runtime: Runtime, emulator: Emulator, stream: bool
) -> None:
    failure = {"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}}
    emulator.add(reply(segment("One, ", TOKENS[0]), stream=stream), Reply.json(failure, 503))
    with pytest.raises(OverloadedError) as caught:
        await ask(runtime, stream)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "One, "
    assert caught.value.partial.finish_reason == "error"


async def test_a_segment_that_breaks_off_is_an_interrupted_stream(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(
        Reply.sse([stream_of(segment("One, ", TOKENS[0]))]),
        Reply.sse([stream_of(answer({"text": "tw"}, finish=None))]),
    )
    with pytest.raises(StreamInterruptedError) as caught:
        await ask(runtime, True)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "One, tw"


@pytest.mark.parametrize("value", [-1, True, "many", None])
def test_the_limit_is_a_whole_number(value: object) -> None:
    with pytest.raises(ConfigurationError, match="max_continuations"):
        GeminiOptions.make({"max_continuations": value})

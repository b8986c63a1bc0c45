"""Decoding answers, whole and streamed."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard import (
    ContentFilterError,
    InvalidResponseError,
    OverloadedError,
    RateLimitError,
    Runtime,
    StreamInterruptedError,
)
from modelyard.testing import Emulator, Reply, Script, cut_after, reset_after, split
from modelyard.types.base import JsonObject
from modelyard.types.content import OpaquePart, ReasoningPart, TextPart, ToolCall
from modelyard_gemini.finish import gemini_finish
from modelyard_gemini.testing.dialect import DIALECT
from modelyard_gemini.usage import gemini_usage

from .wire import answer, ask, completed, decode, stream_of, streamed, whole

FLASH = "gemini:gemini-3.8-flash"
TALK = (
    Script()
    .think("**Plan**\n\nAsk the weather.")
    .say("Voilà: ", "naïve 😀 a\u2028b\u0085c", "\r\n\r\ndata: {}")
    .call("get_weather", city="Zürich", days=2)
    .call("now")
    .using(input=20, output=9, cached=4, reasoning=3)
)


async def test_a_stream_collected_equals_the_whole_answer(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(TALK, TALK)
    complete = await runtime.complete(FLASH, "Hi")
    collected = await runtime.stream(FLASH, "Hi").collect()
    assert collected.model_dump(exclude={"record"}) == complete.model_dump(exclude={"record"})
    assert complete.text == "Voilà: naïve 😀 a\u2028b\u0085c\r\n\r\ndata: {}"
    assert complete.reasoning == "**Plan**\n\nAsk the weather."
    assert [made.arguments for made in complete.tool_calls] == [{"city": "Zürich", "days": 2}, {}]
    assert complete.finish_reason == "tool_calls"
    assert complete.raw_finish_reason == "STOP"
    assert complete.usage.input_tokens == 20
    assert complete.usage.output_tokens == 9
    assert complete.usage.total_tokens == 29
    assert complete.request_id is None


def test_a_stream_cut_in_two_at_any_byte_decodes_the_same() -> None:
    body = stream_of(
        answer({"text": "Plan", "thought": True}, finish=None),
        answer({"text": "naïve 😀"}, finish=None),
        answer({"functionCall": {"name": "f", "args": {"ü": 1}}, "thoughtSignature": "s"}),
    )
    expected = completed(decode([body]))
    for at in range(len(body) + 1):
        assert completed(decode([body[:at], body[at:]])) == expected


async def test_a_stream_that_arrives_byte_by_byte_decodes_the_same() -> None:
    with Emulator(DIALECT, [TALK, TALK]) as emulator:
        async with Runtime({"gemini": emulator.settings()}, plugins=["gemini"]) as runtime:
            expected = await runtime.stream(FLASH, "Hi").collect()
            emulator.fault = split(1)
            found = await runtime.stream(FLASH, "Hi").collect()
    assert found.model_dump(exclude={"record"}) == expected.model_dump(exclude={"record"})


@pytest.mark.parametrize("fault", [cut_after, reset_after])
async def test_a_stream_cut_after_any_event_but_the_last_is_interrupted(fault: Any) -> None:
    script = Script().think("Hm so").say("One two three").call("f", a=1)
    with Emulator(DIALECT, default=script) as emulator:
        async with Runtime({"gemini": emulator.settings()}, max_attempts=1, plugins=["gemini"]) as runtime:
            texts = []
            for events in range(1, 7):
                emulator.fault = fault(events)
                with pytest.raises(StreamInterruptedError) as caught:
                    await runtime.stream(FLASH, "Hi").collect()
                assert caught.value.partial is not None
                assert caught.value.partial.finish_reason == "error"
                texts.append(caught.value.partial.text)
            emulator.fault = fault(7)
            assert (await runtime.stream(FLASH, "Hi").collect()).finish_reason == "tool_calls"
    assert texts == ["", "", "One", "One two", "One two three", "One two three"]


async def test_an_error_in_a_stream_has_its_own_class_and_the_partial_text() -> None:
    with Emulator(DIALECT, [Script().say("One two three four").fail("overloaded")]) as emulator:
        async with Runtime({"gemini": emulator.settings()}, max_attempts=1, plugins=["gemini"]) as runtime:
            with pytest.raises(OverloadedError) as caught:
                await runtime.stream(FLASH, "Hi").collect()
    assert caught.value.status == 503
    assert caught.value.code == "UNAVAILABLE"
    assert caught.value.partial is not None
    assert caught.value.partial.text.startswith("One")


def test_text_of_several_chunks_is_one_part() -> None:
    found = streamed(answer({"text": "a"}, finish=None), answer({"text": "b"}, {"text": "c"}))
    assert found.message.content == (TextPart(text="abc"),)


def test_a_signed_part_is_joined_with_no_other() -> None:
    parts = whole(
        answer(
            {"text": "a"},
            {"text": "b", "thoughtSignature": "s1"},
            {"text": "c", "thoughtSignature": "s2"},
            {"text": "d"},
        )
    ).message.content
    assert [part.text for part in parts if isinstance(part, TextPart)] == ["a", "b", "c", "d"]
    assert [part.opaque and part.opaque.data for part in parts if isinstance(part, TextPart)] == [
        None,
        {"thoughtSignature": "s1"},
        {"thoughtSignature": "s2"},
        None,
    ]


def test_a_signature_on_an_empty_text_is_kept_as_a_part_of_its_own() -> None:
    found = streamed(answer({"text": "Hi"}, finish=None), answer({"text": "", "thoughtSignature": "s"}))
    text, signature = found.message.content
    assert text == TextPart(text="Hi")
    assert isinstance(signature, OpaquePart)
    assert signature.opaque.data == {"text": "", "thoughtSignature": "s"}
    assert signature.opaque.model == "m"


def test_thoughts_are_summaries_and_never_content() -> None:
    found = streamed(
        answer({"text": "One. ", "thought": True}, finish=None),
        answer({"text": "Two.", "thought": True}, {"text": "Answer", "thought": False}),
    )
    assert found.message.content == (ReasoningPart(text="One. Two.", kind="summary"), TextPart(text="Answer"))


def test_a_signed_thought_keeps_its_signature() -> None:
    (part,) = whole(answer({"thought": True, "thoughtSignature": "s"})).message.content
    assert isinstance(part, ReasoningPart)
    assert (part.text, part.kind) == ("", "hidden")
    assert part.opaque is not None
    assert part.opaque.data == {"thought": True, "thoughtSignature": "s"}


def test_calls_keep_the_id_and_signature_google_sent() -> None:
    first, second = whole(
        answer(
            {"functionCall": {"name": "f", "args": {"a": 1}, "id": "g1"}, "thoughtSignature": "s"},
            {"functionCall": {"name": "f", "args": {"a": 2}}},
        )
    ).tool_calls
    assert first.id == "g1"
    assert first.opaque is not None
    assert first.opaque.data == {"id": "g1", "thoughtSignature": "s"}
    assert second.opaque is None
    assert second.id.startswith("call_")


def test_made_up_ids_differ_between_calls_and_between_answers_but_not_between_decodings() -> None:
    def ids(response_id: str) -> list[str]:
        body = answer({"functionCall": {"name": "f"}}, {"functionCall": {"name": "f"}}, responseId=response_id)
        return [made.id for made in whole(body).tool_calls]

    assert ids("resp_1") == ids("resp_1")
    assert len({*ids("resp_1"), *ids("resp_2")}) == 4


def test_an_id_sent_twice_is_told_apart() -> None:
    call = {"functionCall": {"name": "f", "id": "g1"}}
    first, second = whole(answer(call, call)).tool_calls
    assert first.id == "g1"
    assert second.id != "g1"


@pytest.mark.parametrize(
    "part",
    [
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}, "thoughtSignature": "s"},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"toolCall": {"toolType": "GOOGLE_SEARCH"}, "thoughtSignature": "s"},
        {"somethingNew": {"a": [1]}},
    ],
)
def test_parts_we_do_not_read_are_kept_in_their_place(part: JsonObject) -> None:
    found = streamed(answer({"text": "a"}, finish=None), answer(part, finish=None), answer({"text": "b"}))
    before, kept, after = found.message.content
    assert (before, after) == (TextPart(text="a"), TextPart(text="b"))
    assert isinstance(kept, OpaquePart)
    assert kept.opaque.data == part


def test_unknown_fields_and_events_are_ignored() -> None:
    found = streamed(
        {"somethingNew": {"a": 1}},
        answer({"text": "a"}, {}, finish=None, groundingMetadata={}),
        {"usageMetadata": {"promptTokenCount": 1}},
        answer({"text": "b"}),
        {"candidates": [], "usageMetadata": {"promptTokenCount": 2}},
    )
    assert found.text == "ab"
    assert found.usage.input_tokens == 2


def test_only_the_first_candidate_is_read() -> None:
    body = answer({"text": "first"})
    body["candidates"].append({"content": {"parts": [{"text": "second"}]}, "finishReason": "SAFETY", "index": 1})
    assert whole(body).text == "first"
    assert whole(body).finish_reason == "stop"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("UNEXPECTED_TOOL_CALL", "error"),
        ("TOO_MANY_TOOL_CALLS", "error"),
        ("MISSING_THOUGHT_SIGNATURE", "error"),
        ("MALFORMED_RESPONSE", "error"),
        ("NO_IMAGE", "error"),
        ("OTHER", "unknown"),
        ("LANGUAGE", "unknown"),
        ("SOMETHING_NEW", "unknown"),
    ],
)
def test_each_finish_reason_has_its_meaning_and_stays_beside_it(raw: str, expected: str) -> None:
    found = whole(answer({"text": "a"}, finish=raw))
    assert (found.finish_reason, found.raw_finish_reason) == (expected, raw)


def test_only_stop_turns_into_tool_calls() -> None:
    assert gemini_finish("STOP", called=True) == "tool_calls"
    assert gemini_finish("MAX_TOKENS", called=True) == "length"
    assert gemini_finish("UNEXPECTED_TOOL_CALL", called=True) == "error"
    assert gemini_finish(None, called=True) == "unknown"


@pytest.mark.parametrize("content", [None, {"role": "model"}, {"role": "model", "parts": []}])
def test_an_answer_that_spent_its_limit_on_thoughts_is_empty_and_no_error(content: JsonObject | None) -> None:
    candidate = {"finishReason": "MAX_TOKENS", **({"content": content} if content is not None else {})}
    found = whole({"candidates": [candidate], "usageMetadata": {"thoughtsTokenCount": 7}})
    assert found.message.content == ()
    assert found.finish_reason == "length"
    assert found.usage.reasoning_tokens == 7
    assert found.usage.output_tokens == 7


async def test_a_refused_prompt_is_a_content_filter_error_with_its_reason_and_usage() -> None:
    body = {
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 8, "totalTokenCount": 8},
        "responseId": "resp_1",
    }
    with pytest.raises(ContentFilterError) as caught:
        await ask(Reply.json(body), stream=False)
    assert caught.value.code == "PROHIBITED_CONTENT"
    assert not caught.value.retryable
    assert caught.value.partial is not None
    assert caught.value.partial.usage.input_tokens == 8
    with pytest.raises(ContentFilterError):
        await ask(Reply.sse([stream_of(body)]))


def test_the_last_usage_counts_and_is_not_added_up() -> None:
    counts = [
        {"promptTokenCount": 5, "candidatesTokenCount": 1, "totalTokenCount": 6},
        {"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "totalTokenCount": 10},
    ]
    found = streamed(
        answer({"text": "a"}, finish=None, usageMetadata=counts[0]), answer({"text": "b"}, usageMetadata=counts[1])
    )
    assert found.usage.model_dump(exclude={"raw"}, exclude_none=True) == {
        "input_tokens": 5,
        "output_tokens": 5,
        "reasoning_tokens": 3,
        "total_tokens": 10,
    }
    assert found.usage.raw == counts[1]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, (None, None, None, None, None)),
        ({"promptTokenCount": 5}, (5, None, None, None, None)),
        ({"promptTokenCount": 5, "cachedContentTokenCount": 0}, (5, 0, None, None, None)),
        ({"promptTokenCount": 5, "thoughtsTokenCount": 2}, (5, None, 2, 2, 7)),
        ({"promptTokenCount": "5", "candidatesTokenCount": True, "totalTokenCount": -1}, (None,) * 5),
        (
            {
                "promptTokenCount": 32,
                "toolUsePromptTokenCount": 619,
                "candidatesTokenCount": 575,
                "thoughtsTokenCount": 199,
                "totalTokenCount": 1425,
            },
            (32, None, 774, 199, 1425),
        ),
    ],
)
def test_usage_figures_google_did_not_send_are_none(raw: JsonObject, expected: tuple[int | None, ...]) -> None:
    usage = gemini_usage(raw)
    assert (
        usage.input_tokens,
        usage.cached_input_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        usage.total_tokens,
    ) == expected


async def test_a_stream_may_come_as_a_json_array_or_as_one_object() -> None:
    chunks = [answer({"text": "a"}, finish=None), answer({"text": "b"})]
    assert (await ask(Reply.json(chunks))).text == "ab"
    assert (await ask(Reply.json(chunks[1]))).text == "b"


async def test_a_json_array_without_its_end_is_an_interrupted_stream() -> None:
    with pytest.raises(StreamInterruptedError) as caught:
        await ask(Reply.json([answer({"text": "a"}, finish=None)]))
    assert caught.value.partial is not None
    assert caught.value.partial.text == "a"


async def test_an_error_in_a_json_array_is_typed() -> None:
    with pytest.raises(RateLimitError):
        await ask(Reply.json([{"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}]))


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'"text"', b"{", b'{"a": 1}', b'{"candidates": 7}', b'{"candidates": [[]]}'],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_of_another_shape_is_an_error_worth_one_more_try(body: bytes, stream: bool) -> None:
    reply = Reply(200, {"content-type": "application/json"}, (body,))
    with pytest.raises((InvalidResponseError, StreamInterruptedError)) as caught:
        await ask(reply, stream=stream)
    assert caught.value.retryable


@pytest.mark.parametrize(
    "part",
    [
        {"functionCall": []},
        {"functionCall": {"name": "f", "willContinue": True, "partialArgs": [{"jsonPath": "a"}]}},
        7,
    ],
)
def test_a_part_of_an_impossible_shape_is_an_invalid_response(part: Any) -> None:
    with pytest.raises(InvalidResponseError):
        whole(answer(part))


def piece(path: str, **value: Any) -> JsonObject:
    return {"functionCall": {"partialArgs": [{"jsonPath": path, **value}], "willContinue": True}}


def test_arguments_in_pieces_are_put_together() -> None:
    found = streamed(
        answer({"functionCall": {"name": "f", "willContinue": True}, "thoughtSignature": "s"}, finish=None),
        answer(piece("$.items[0].name", stringValue="ap", willContinue=True), finish=None),
        answer(piece("$.items[0].name", stringValue="ple", willContinue=True), finish=None),
        answer(piece("$.items[0].name", stringValue=""), finish=None),
        answer(piece("$.items[0].price", numberValue=0.5), finish=None),
        answer(piece("$.items[1]['a \\'b']", boolValue=False), finish=None),
        answer(piece("$.none", nullValue="NULL_VALUE"), finish=None),
        answer({"functionCall": {}}, finish=None),
        answer({"functionCall": {"name": "g", "willContinue": True}}, finish=None),
        answer({"functionCall": {"name": "h"}}),
    )
    assert [(made.name, made.arguments) for made in found.tool_calls] == [
        ("f", {"items": [{"name": "apple", "price": 0.5}, {"a 'b": False}], "none": None}),
        ("g", {}),
        ("h", {}),
    ]
    assert found.tool_calls[0].opaque is not None
    assert found.tool_calls[0].opaque.data == {"thoughtSignature": "s"}
    assert found.finish_reason == "tool_calls"


def test_a_call_cut_off_in_its_pieces_has_no_arguments_even_after_storage() -> None:
    found = streamed(
        answer({"functionCall": {"name": "f", "willContinue": True}}, finish=None),
        answer(piece("$.path", stringValue="/tmp", willContinue=True), finish="MAX_TOKENS"),
    )
    (made,) = found.tool_calls
    assert made.arguments is None
    assert made.arguments_text == '{"path":"/tmp"'
    assert ToolCall.model_validate_json(made.model_dump_json()).arguments is None
    assert found.finish_reason == "length"

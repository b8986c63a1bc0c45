"""Decoding: streams and whole answers say the same, whatever the pieces they come in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from modelyard import (
    Completion,
    InvalidResponseError,
    Message,
    Runtime,
    ServerError,
    StreamInterruptedError,
    Tool,
    ToolResult,
)
from modelyard.errors import ProviderError, RateLimitError
from modelyard.streaming.collect import collect
from modelyard.streaming.grammar import check_stream
from modelyard.streaming.sse import SseParser
from modelyard.testing import Emulator, Received, Reply, Script, crash_after, cut_after, split
from modelyard.types.content import OpaquePart, ReasoningPart, TextPart
from modelyard.types.events import Event, ReasoningDelta
from modelyard_mistral.events import MistralDecoder
from modelyard_mistral.testing.dialect import DIALECT
from modelyard_mistral.usage import chat_usage

MODEL = "mistral-medium-3-5"
WEATHER = Tool(name="get_weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
RICH = (
    Script()
    .think("Let me ", "Let me think ", "about ünïcode 🌦.")
    .say("It is ", "sunny.")
    .call("get_weather", city="Zürich 🌦")
    .call("get_weather", city="Rome")
    .using(input=30, output=20, cached=10)
)
SCRIPTS = {
    "text": Script().say("Hello there."),
    "thinking": Script().think("Hm, let me see.").say("Yes."),
    "only thinking": Script().think("Hm, let me see."),
    "thinking twice": Script().think("Hm.").say("Yes.").think("Or not?").say("No."),
    "call": Script().call("get_weather", city="Paris"),
    "rich": RICH,
    "cut call": Script().say("Well.").finish("length"),
}


def request_for(stream: bool) -> Received:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    headers = {"authorization": "Bearer k", "content-type": "application/json"}
    return Received("POST", "/v1/chat/completions", "", headers, json.dumps(body).encode())


def decode(*chunks: bytes) -> Completion:
    parser, decoder = SseParser(), MistralDecoder(MODEL)
    events: list[Event] = []
    for chunk in chunks:
        for data, _ in parser.feed(chunk):
            decoder.feed(data, events.append)
    check_stream(events)
    return collect(events, provider="mistral", model=MODEL)


def decode_body(body: dict[str, Any]) -> Completion:
    events: list[Event] = []
    MistralDecoder(MODEL).feed_body(body, events.append)
    return collect(events, provider="mistral", model=MODEL)


def chunk(delta: dict[str, Any], **choice: Any) -> bytes:
    event = {"id": "r-1", "model": MODEL, "choices": [{"index": 0, "delta": delta, **choice}]}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def answer(**message: Any) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}
    return {"id": "r-1", "model": MODEL, "choices": [choice]}


STOP = chunk({"content": ""}, finish_reason="stop")
DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_stream_collects_to_the_whole_answer_opaque_data_included(script: Script) -> None:
    streamed = decode(*DIALECT.events(script, request_for(True)))
    assert streamed == decode_body(DIALECT.body(script, request_for(False)))


def test_a_stream_split_at_any_byte_decodes_the_same() -> None:
    data = b"".join(DIALECT.events(RICH, request_for(True)))
    whole = decode(data)
    for at in range(1, len(data)):
        assert decode(data[:at], data[at:]) == whole


async def test_every_byte_in_a_piece_of_its_own_decodes_the_same(emulator: Emulator, runtime: Runtime) -> None:
    emulator.default = RICH
    whole = await runtime.stream(f"mistral:{MODEL}", "Hi", tools=[WEATHER]).collect()
    emulator.fault = split(1)
    pieces = await runtime.stream(f"mistral:{MODEL}", "Hi", tools=[WEATHER]).collect()
    assert pieces.message == whole.message
    assert (pieces.finish_reason, pieces.usage) == (whole.finish_reason, whole.usage)


async def test_complete_and_stream_agree_over_http(emulator: Emulator, runtime: Runtime) -> None:
    emulator.default = RICH
    whole = await runtime.complete(f"mistral:{MODEL}", "Hi", tools=[WEATHER])
    streamed = await runtime.stream(f"mistral:{MODEL}", "Hi", tools=[WEATHER]).collect()
    assert streamed.model_copy(update={"record": whole.record}) == whole
    assert whole.reasoning == "Let me Let me think about ünïcode 🌦."
    assert whole.text == "It is sunny."
    assert [call.arguments for call in whole.tool_calls] == [{"city": "Zürich 🌦"}, {"city": "Rome"}]
    assert (whole.finish_reason, whole.request_id) == ("tool_calls", "req_emulated")


@pytest.mark.parametrize("fault", [cut_after, crash_after])
async def test_a_stream_cut_after_any_event_is_interrupted(
    emulator: Emulator, runtime: Runtime, fault: Callable[[int], Any]
) -> None:
    script = Script().say("One ", "two ", "three.")
    total = len(DIALECT.events(script, request_for(True)))
    emulator.default = script
    for kept in range(total):
        emulator.fault = fault(kept)
        with pytest.raises(StreamInterruptedError) as caught:
            await runtime.stream(f"mistral:{MODEL}", "Hi").collect()
        text = caught.value.partial.text if caught.value.partial else ""
        assert text == "".join(["One ", "two ", "three."][: max(kept - 1, 0)])


@pytest.mark.parametrize(
    ("kind", "expected"), [("server", ServerError), ("rate_limit", RateLimitError)], ids=["server", "rate limit"]
)
async def test_an_error_in_the_middle_of_a_stream_is_told_by_its_body(
    emulator: Emulator, runtime: Runtime, kind: Any, expected: type[ProviderError]
) -> None:
    emulator.add(Script().say("One ", "two ", "three ", "four.").fail(kind, "It broke."))
    with pytest.raises(expected, match="It broke") as caught:
        await runtime.stream(f"mistral:{MODEL}", "Hi").collect()
    assert caught.value.status == {"server": 500, "rate_limit": 429}[kind]
    assert caught.value.partial is not None
    assert caught.value.partial.text.startswith("One ")
    assert caught.value.request_id == "req_emulated"


@pytest.mark.parametrize(
    "body",
    [
        {"object": "error", "message": "It broke.", "type": "server_error", "code": "1000"},
        {"message": "It broke."},
        {"detail": "It broke."},
        {"error": {"message": "It broke.", "type": "server_error"}},
        {"error": "It broke."},
    ],
)
def test_every_shape_of_an_error_in_an_answer_is_an_error(body: dict[str, Any]) -> None:
    with pytest.raises(ServerError, match="It broke"):
        decode(chunk({"content": "One"}), b"data: " + json.dumps(body).encode() + b"\n\n")
    with pytest.raises(ServerError, match="It broke"):
        decode_body(body)


def test_finish_reason_error_is_an_error_at_once_and_in_a_whole_answer() -> None:
    with pytest.raises(ServerError, match="broke off"):
        decode(chunk({"content": "One"}), chunk({"content": ""}, finish_reason="error"))
    failed = answer(content="One")
    failed["choices"][0]["finish_reason"] = "error"
    with pytest.raises(ServerError, match="broke off") as caught:
        decode_body(failed)
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("tool_calls", "tool_calls"),
        ("brand_new", "unknown"),
        (None, "unknown"),
    ],
)
def test_finish_reasons(raw: str | None, reason: str) -> None:
    completion = decode(chunk({"content": "A"}), chunk({"content": ""}, finish_reason=raw), DONE)
    assert (completion.finish_reason, completion.raw_finish_reason) == (reason, raw)


def test_stop_after_a_tool_call_is_tool_calls() -> None:
    called = {"tool_calls": [{"id": "D681PevKs", "function": {"name": "f", "arguments": "{}"}}]}
    assert decode(chunk(called), STOP, DONE).finish_reason == "tool_calls"


def test_content_may_change_between_text_and_chunks() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}
    closing = {"type": "thinking", "thinking": [{"type": "text", "text": "."}], "closed": True}
    completion = decode(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": [thinking]}),
        chunk({"content": [closing, {"type": "text", "text": "Y"}]}),
        chunk({"content": "es"}),
        chunk({"content": [{"type": "text", "text": "!"}]}),
        STOP,
        DONE,
    )
    first, second = completion.message.content
    assert isinstance(first, ReasoningPart)
    assert first.opaque is not None
    assert first.opaque.data == {
        "type": "thinking",
        "thinking": [{"type": "text", "text": "Hm."}],
        "closed": True,
    }
    assert second == TextPart(text="Yes!")


def test_a_whole_thinking_chunk_is_kept_as_it_came() -> None:
    sources = [
        {"type": "text", "text": "One"},
        {"type": "reference", "reference_ids": [1, "a"]},
        {"type": "tool_reference", "tool": "web_search", "title": "T", "url": None},
        {"type": "text", "text": "Two"},
        {"type": "text", "text": "Three"},
    ]
    thinking = {"signature": "sig", "thinking": sources, "type": "thinking", "closed": False, "new": {"a": 1}}
    completion = decode_body(answer(content=[thinking, thinking, {"type": "text", "text": "Yes."}]))
    parts = completion.message.content[:2]
    assert [json.dumps(part.opaque.data) for part in parts if isinstance(part, ReasoningPart) and part.opaque] == [
        json.dumps(thinking)
    ] * 2
    assert completion.reasoning == "OneTwoThree" * 2


def test_thinking_without_text_keeps_its_place() -> None:
    thinking = {"type": "thinking", "thinking": [], "signature": "sig"}
    completion = decode_body(answer(content=[thinking, {"type": "text", "text": "Yes."}]))
    assert [part.type for part in completion.message.content] == ["reasoning", "text"]


def test_opaque_data_comes_once_and_costs_nothing_while_streaming() -> None:
    events: list[Event] = []
    decoder = MistralDecoder(MODEL)
    for piece in DIALECT.events(Script().think("a ", "b ", "c ").say("d"), request_for(True)):
        decoder.feed(piece.removeprefix(b"data: ").strip(), events.append)
    carriers = [event for event in events if isinstance(event, ReasoningDelta) and event.opaque is not None]
    assert len(carriers) == 1


def test_references_are_citations_of_the_text_before_them() -> None:
    reference = {"type": "reference", "reference_ids": [3, "doc-a"]}
    content = [{"type": "text", "text": "A"}, reference, reference, {"type": "text", "text": "B"}]
    completion = decode_body(answer(content=content))
    assert [part.type for part in completion.message.content] == ["text", *["citation"] * 4, "text"]
    assert [part.source for part in completion.citations] == ["3", "doc-a"] * 2
    assert completion.citations[0].raw == reference
    assert completion.text == "AB"
    streamed = decode(*(chunk({"content": [entry]}) for entry in content), STOP, DONE)
    assert streamed.message == completion.message


def test_a_reference_before_any_text_and_one_of_no_shape_are_kept() -> None:
    odd = {"type": "reference", "reference_ids": None}
    completion = decode_body(answer(content=[{"type": "reference", "reference_ids": [1]}, odd]))
    assert [part.type for part in completion.message.content] == ["citation", "opaque"]


def test_unknown_chunks_are_kept_in_place() -> None:
    novelty = {"type": "hologram", "data": "x"}
    content = [{"type": "text", "text": "A"}, novelty, {"type": "text", "text": "B"}]
    completion = decode_body(answer(content=content))
    assert [part.type for part in completion.message.content] == ["text", "opaque", "text"]
    kept = [part.opaque.data for part in completion.message.content if isinstance(part, OpaquePart)]
    assert kept == [novelty]
    streamed = decode(*(chunk({"content": [entry]}) for entry in content), STOP, DONE)
    assert streamed.message == completion.message


LOGPROBS = [
    {
        "token": "A",
        "logprob": -0.5,
        "bytes": [65],
        "token_id": 7,
        "top_logprobs": [{"token": "B", "logprob": -1, "bytes": [66], "token_id": 8}],
    },
    {"token": "</s>", "logprob": -0.1, "bytes": [], "token_id": 2},
]


def test_log_probabilities_come_with_the_text_of_their_tokens() -> None:
    whole = answer(content="A")
    whole["choices"][0]["logprobs"] = {"content": LOGPROBS}
    completion = decode_body(whole)
    assert [(entry.token, entry.logprob) for entry in completion.logprobs] == [("A", -0.5), ("</s>", -0.1)]
    assert [entry.token for entry in completion.logprobs[0].top] == ["B"]
    streamed = decode(
        chunk({"content": "A"}, logprobs={"content": LOGPROBS[:1]}),
        chunk({"content": ""}, finish_reason="stop", logprobs={"content": LOGPROBS[1:]}),
        DONE,
    )
    assert (streamed.logprobs, streamed.message) == (completion.logprobs, completion.message)


@pytest.mark.parametrize(
    "value", [None, [], {}, {"content": None}, {"content": [None, {"token": 5}, {"logprob": 1}]}]
)
def test_log_probabilities_of_no_shape_are_left_out(value: Any) -> None:
    completion = decode(chunk({"content": "A"}, logprobs=value), STOP, DONE)
    assert (completion.text, completion.logprobs) == ("A", ())


def test_the_service_tier_is_the_usages() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "service_tier": "priority"}
    assert decode_body({**answer(content="A"), "usage": usage}).service_tier == "priority"
    assert decode_body(answer(content="A")).service_tier is None


def test_b29_tagged_reasoning_is_reasoning_wherever_it_is_cut_and_goes_back_as_it_was() -> None:
    whole = "<think>Hm.</think>Yes."
    for at in range(len(whole)):
        events: list[Event] = []
        decoder = MistralDecoder(MODEL, think_tags=True)
        for data in (chunk({"content": whole[:at]}), chunk({"content": whole[at:]}), STOP, DONE):
            decoder.feed(data.removeprefix(b"data: ").strip(), events.append)
        check_stream(events)
        completion = collect(events, provider="mistral", model=MODEL)
        assert (completion.reasoning, completion.text) == ("Hm.", "Yes.")
        part = completion.message.content[0]
        assert isinstance(part, ReasoningPart)
        assert part.opaque is not None
        assert part.opaque.data == {"type": "text", "text": "<think>Hm.</think>"}


def test_b29_tags_are_text_where_the_card_does_not_speak_of_them() -> None:
    assert decode(chunk({"content": "<think>Hm.</think>Yes."}), STOP, DONE).text == "<think>Hm.</think>Yes."


def test_arguments_may_be_text_or_an_object() -> None:
    calls = [
        {"id": "aaaaaaaaa", "index": 0, "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "bbbbbbbbb", "index": 1, "function": {"name": "f", "arguments": {"a": 1}}},
        {"id": "ccccccccc", "index": 2, "function": {"name": "f", "arguments": ""}},
    ]
    completion = decode_body(answer(content="", tool_calls=calls))
    assert [call.arguments for call in completion.tool_calls] == [{"a": 1}, {"a": 1}, {}]
    assert [call.id for call in completion.tool_calls] == ["aaaaaaaaa", "bbbbbbbbb", "ccccccccc"]


@pytest.mark.parametrize("wire_id", [None, "", "null"])
def test_calls_without_an_id_get_distinct_ones(wire_id: str | None) -> None:
    function = {"name": "f", "arguments": "{}"}
    calls = [{"id": wire_id, "index": 0, "function": function}, {"id": wire_id, "index": 1, "function": function}]
    first = decode_body(answer(tool_calls=calls))
    second = decode_body({**answer(tool_calls=calls), "id": "r-2"})
    ids = [call.id for call in (*first.tool_calls, *second.tool_calls)]
    assert len(set(ids)) == 4
    assert "null" not in ids


def test_a_foreign_id_of_a_hosted_model_is_given_as_it_is() -> None:
    calls = [{"id": "chatcmpl-tool-9f149c74", "function": {"name": "f", "arguments": "{}"}}]
    assert decode_body(answer(tool_calls=calls)).tool_calls[0].id == "chatcmpl-tool-9f149c74"


def test_calls_in_fragments_are_put_together() -> None:
    completion = decode(
        chunk({"tool_calls": [{"id": "D681PevKs", "index": 0, "function": {"name": "f", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"name": "", "arguments": '{"a":'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": " 1}"}}]}, finish_reason="tool_calls"),
        DONE,
    )
    assert completion.tool_calls[0].arguments == {"a": 1}


def test_a_call_cut_by_the_limit_has_no_arguments() -> None:
    calls = [{"id": "D681PevKs", "function": {"name": "f", "arguments": '{"a": '}}]
    completion = decode(chunk({"tool_calls": calls}, finish_reason="length"), DONE)
    assert (completion.finish_reason, completion.tool_calls[0].arguments) == ("length", None)


def test_unknown_events_and_fields_are_ignored() -> None:
    completion = decode(
        b": a comment\n\n",
        b'data: {"object": "brand.new", "choices": []}\n\n',
        b'data: {"p": "abcdef"}\n\n',
        b"data: null\n\n",
        chunk({"content": "A", "mood": "good"}, weather="sunny"),
        chunk({"content": None, "tool_calls": None}),
        STOP,
        DONE,
    )
    assert completion.text == "A"


@pytest.mark.parametrize(
    "data", [b"data: {broken\n\n", b"data: [1]\n\n", chunk({"content": 5}), chunk({"content": {"a": 1}})]
)
def test_events_of_no_shape_are_invalid_responses(data: bytes) -> None:
    with pytest.raises(InvalidResponseError):
        decode(data)


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": None}, {"choices": "x"}])
def test_answers_without_a_choice_are_invalid_responses(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError):
        decode_body(body)


@pytest.mark.parametrize(
    ("raw", "cached"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}, None),
        ({"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 0}}, 0),
        ({"prompt_tokens": 9, "completion_tokens": 4, "num_cached_tokens": 8}, 8),
        ({"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": None}, None),
    ],
)
def test_usage_figures_are_what_was_sent(raw: dict[str, Any], cached: int | None) -> None:
    usage = chat_usage(raw)
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (9, 4, 13)
    assert (usage.cached_input_tokens, usage.cache_write_tokens, usage.reasoning_tokens) == (cached, None, None)
    assert usage.raw == raw


def test_missing_usage_is_none() -> None:
    assert decode(chunk({"content": "A"}), STOP, DONE).usage.input_tokens is None
    assert chat_usage({"prompt_tokens": "9", "completion_tokens": -1}).output_tokens is None


async def test_a_whole_answer_to_a_stream_is_taken(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Reply.json(DIALECT.body(RICH, request_for(False))))
    assert (await runtime.stream(f"mistral:{MODEL}", "Hi").collect()).text == "It is sunny."


@pytest.mark.parametrize("stream", [False, True], ids=["complete", "stream"])
async def test_thinking_and_tools_survive_two_turns_with_the_strict_emulator(
    emulator: Emulator, runtime: Runtime, stream: bool
) -> None:
    emulator.add(RICH, Script().say("It is sunny in both."), Script().say("You are welcome."))
    history = [Message.user("Weather in Zürich and Rome?")]

    async def ask() -> Completion:
        if stream:
            return await runtime.stream(f"mistral:{MODEL}", history, tools=[WEATHER]).collect()
        return await runtime.complete(f"mistral:{MODEL}", history, tools=[WEATHER])

    first = await ask()
    results = [ToolResult(tool_call_id=call.id, content="sunny") for call in first.tool_calls]
    history += [first.message, Message.tool(results)]
    second = await ask()
    history += [second.message, Message.user("Thanks.")]
    third = await ask()
    assert third.text == "You are welcome."
    assert emulator.rejected == []
    sent = emulator.requests[-1].json["messages"]
    issued = DIALECT.body(RICH, request_for(False))["choices"][0]["message"]
    assert sent[1]["content"] == issued["content"]
    assert [call["id"] for call in sent[1]["tool_calls"]] == [call["id"] for call in issued["tool_calls"]]

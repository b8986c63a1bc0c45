"""What comes back from either API, streamed or whole, becomes the same events and the same completion."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from modelyard import (
    CitationPart,
    Completion,
    InvalidResponseError,
    OpaquePart,
    ReasoningPart,
    Runtime,
    StreamInterruptedError,
    TokenLogprob,
)
from modelyard.streaming.collect import collect
from modelyard.streaming.grammar import check_stream
from modelyard.streaming.sse import SseParser
from modelyard.testing import Call, Emulator, Received, Script, crash_after, cut_after, split
from modelyard.types.base import JsonObject
from modelyard.types.events import ContentDelta, Event
from modelyard_openai.chat.events import OpenAIChatDecoder
from modelyard_openai.events import ResponsesDecoder
from modelyard_openai.testing.dialect import DIALECT

MODEL = "gpt-6-sol"
TOOLS = [{"name": "get_weather"}, {"name": "now"}]
EVERYTHING = (
    Script()
    .think("Hm.", " Let", " me see.")
    .say("It is ", "süß 🙂\u2028 here.")
    .call("get_weather", city="Łódź")
    .call("now")
    .using(input=100, output=20, cached=40, reasoning=7)
)
SCRIPTS = [
    Script().say("Hello."),
    EVERYTHING,
    Script().call("now"),
    Script().say("One.").call("now"),
    Script().say("Hel").finish("length"),
    Script().say("Hel").finish("content_filter"),
]


def received(api: str, **fields: Any) -> Received:
    path = "/v1/responses" if api == "responses" else "/v1/chat/completions"
    body = {"model": MODEL, "input": [], "messages": [], "stream_options": {"include_usage": True}, **fields}
    return Received("POST", path, "", {}, json.dumps(body).encode())


def new(api: str) -> ResponsesDecoder | OpenAIChatDecoder:
    return ResponsesDecoder(MODEL) if api == "responses" else OpenAIChatDecoder()


def decode(api: str, stream: bytes | Iterable[JsonObject]) -> list[Event]:
    """The events of a stream given as bytes or as wire events."""
    if not isinstance(stream, bytes):
        stream = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in stream)
    decoder, events = new(api), list[Event]()
    for data, _ in SseParser().feed(stream):
        decoder.feed(data, events.append)
    return events


def whole(api: str, body: JsonObject) -> list[Event]:
    events: list[Event] = []
    new(api).feed_body(body, events.append)
    check_stream(events)
    return events


def completion(events: Iterable[Event]) -> Completion:
    return collect(events, provider="openai", model=MODEL)


def response(*items: JsonObject, status: str = "completed", **fields: Any) -> JsonObject:
    body = {"id": "resp_1", "object": "response", "model": MODEL, "status": status, "output": list(items)}
    return {**body, "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}, **fields}


def streamed(body: JsonObject, *middle: JsonObject) -> list[JsonObject]:
    """A stream around some events, ending with the whole response as the API does."""
    start = {"type": "response.created", "response": {**body, "status": "in_progress", "output": []}}
    return [start, *middle, {"type": f"response.{body['status']}", "response": body}]


def message(*content: JsonObject, **fields: Any) -> JsonObject:
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": list(content),
        **fields,
    }


def text(value: str, **more: Any) -> JsonObject:
    return {"type": "output_text", "text": value, "annotations": [], **more}


def chat(message: JsonObject, finish: str = "stop", **fields: Any) -> JsonObject:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": MODEL, "choices": [choice], **fields}


def chunks(*deltas: JsonObject, finish: str = "stop") -> bytes:
    made: list[JsonObject] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    made.append({"index": 0, "delta": {}, "finish_reason": finish})
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": MODEL}
    events = [b"data: %b\n\n" % json.dumps({**head, "choices": [choice]}).encode() for choice in made]
    return b"".join([*events, b"data: [DONE]\n\n"])


# One answer, two ways


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("api", ["responses", "chat"])
def test_a_whole_answer_equals_its_stream(api: str, script: Script) -> None:
    events = decode(api, b"".join(DIALECT.events(script, received(api))))
    check_stream(events)
    ours = completion(whole(api, DIALECT.body(script, received(api))))
    assert completion(events).model_dump() == ours.model_dump()


@pytest.mark.parametrize("api", ["responses", "chat"])
def test_everything_in_an_answer_is_kept(api: str) -> None:
    answer = completion(whole(api, DIALECT.body(EVERYTHING, received(api))))
    assert answer.text == "It is süß 🙂\u2028 here."
    assert answer.reasoning == ("Hm. Let me see." if api == "responses" else "")
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [
        ("get_weather", {"city": "Łódź"}),
        ("now", {}),
    ]
    assert answer.finish_reason == "tool_calls"
    assert answer.raw_finish_reason == ("completed" if api == "responses" else "tool_calls")
    assert (answer.response_model, answer.service_tier) == (MODEL, "default")
    usage = answer.usage
    assert (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens) == (100, 40, None)
    assert (usage.output_tokens, usage.reasoning_tokens, usage.total_tokens) == (20, 7, 120)


@pytest.mark.parametrize("api", ["responses", "chat"])
def test_a_stream_split_at_every_byte_decodes_the_same(api: str) -> None:
    stream = b"".join(DIALECT.events(EVERYTHING, received(api)))
    expected = completion(decode(api, stream)).model_dump()
    for at in range(1, len(stream), 3):
        parser, decoder, events = SseParser(), new(api), list[Event]()
        for chunk in (stream[:at], stream[at:]):
            for data, _ in parser.feed(chunk):
                decoder.feed(data, events.append)
        assert completion(events).model_dump() == expected, at


@pytest.mark.parametrize("fault", [cut_after, crash_after])
@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_a_stream_cut_before_its_terminator_is_interrupted(emulator: Emulator, api: str, fault: Any) -> None:
    emulator.default = Script().say("It is sunny in the city.").call("now")
    settings = {**emulator.settings(), "options": {"api": api}}
    length = len(DIALECT.events(emulator.default, received(api)))
    async with Runtime({"openai": settings}, plugins=["openai"], max_attempts=1) as runtime:
        for count in range(length - (api == "chat")):
            emulator.fault = fault(count)
            with pytest.raises(StreamInterruptedError) as caught:
                await runtime.stream("openai:gpt-4.1", "Hi", tools=TOOLS).collect()
            assert caught.value.retryable


@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_a_stream_one_byte_at_a_time_decodes_the_same(emulator: Emulator, api: str) -> None:
    emulator.default, emulator.fault = Script().say("süß 🙂").call("now"), split(1)
    settings = {**emulator.settings(), "options": {"api": api}}
    async with Runtime({"openai": settings}, plugins=["openai"]) as runtime:
        answer = await runtime.stream("openai:gpt-4.1", "Hi", tools=TOOLS).collect()
    assert (answer.text, [call.name for call in answer.tool_calls]) == ("süß 🙂", ["now"])


# Citations


ANNOTATIONS: list[tuple[JsonObject, CitationPart]] = [
    (
        {"type": "url_citation", "url": "https://x.test", "title": "X", "start_index": 1, "end_index": 3},
        CitationPart(url="https://x.test", title="X", start=1, end=3),
    ),
    (
        {"type": "file_citation", "file_id": "file-1", "filename": "a.pdf", "index": 4},
        CitationPart(source="file-1", title="a.pdf", start=4),
    ),
    (
        {
            "type": "container_file_citation",
            "container_id": "c",
            "file_id": "file-1",
            "filename": "a.csv",
            "start_index": 0,
            "end_index": 2,
        },
        CitationPart(source="file-1", title="a.csv", start=0, end=2),
    ),
    ({"type": "file_path", "file_id": "file-1", "index": 0}, CitationPart(source="file-1")),
    ({"type": "a_kind_of_next_year", "start_index": "odd"}, CitationPart()),
]


@pytest.mark.parametrize(("annotation", "expected"), ANNOTATIONS)
def test_annotations_are_citations_streamed_and_whole(annotation: JsonObject, expected: CitationPart) -> None:
    body = response(message(text("Yes.", annotations=[annotation])))
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    stream = streamed(
        body,
        {"type": "response.output_text.delta", **place, "delta": "Yes."},
        {
            "type": "response.output_text.annotation.added",
            **place,
            "annotation_index": 0,
            "annotation": annotation,
        },
        {"type": "response.output_item.done", "output_index": 0, "item": body["output"][0]},
    )
    ours = completion(whole("responses", body))
    assert ours.citations == (expected.model_copy(update={"raw": annotation}),)
    assert completion(decode("responses", stream)).model_dump() == ours.model_dump()


def test_annotations_of_chat_are_citations_streamed_and_whole() -> None:
    cited = {"url": "https://x.test", "title": "X", "start_index": 0, "end_index": 4}
    annotations = [{"type": "url_citation", "url_citation": cited}, {"type": "other"}]
    ours = completion(whole("chat", chat({"content": "Yes.", "annotations": annotations})))
    assert ours.citations == (CitationPart(url="https://x.test", title="X", start=0, end=4, raw=annotations[0]),)
    stream = chunks({"role": "assistant", "content": ""}, {"content": "Yes."}, {"annotations": annotations})
    assert completion(decode("chat", stream)).message == ours.message


# Log probabilities


TOKENS = [
    {
        "token": "Ye",
        "bytes": [89, 101],
        "logprob": -0.5,
        "top_logprobs": [{"token": "No", "bytes": [], "logprob": -1}],
    },
    {"token": "s.", "bytes": [], "logprob": -0.25, "top_logprobs": []},
]
WEIGHED = (
    TokenLogprob(token="Ye", logprob=-0.5, top=(TokenLogprob(token="No", logprob=-1),)),
    TokenLogprob(token="s.", logprob=-0.25),
)


def test_log_probabilities_of_responses_streamed_and_whole() -> None:
    body = response(message(text("Yes.", logprobs=TOKENS)))
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "type": "response.output_text.delta"}
    stream = streamed(
        body,
        {**place, "delta": "Ye", "logprobs": TOKENS[:1]},
        {**place, "delta": "s.", "logprobs": TOKENS[1:]},
        {"type": "response.output_item.done", "output_index": 0, "item": body["output"][0]},
    )
    events = decode("responses", stream)
    assert [event.logprobs for event in events if isinstance(event, ContentDelta)] == [
        WEIGHED[:1],
        WEIGHED[1:],
        (),
    ]
    assert completion(events).logprobs == completion(whole("responses", body)).logprobs == WEIGHED


def test_log_probabilities_of_chat_streamed_and_whole() -> None:
    body = chat({"content": "Yes."})
    body["choices"][0]["logprobs"] = {"content": TOKENS, "refusal": None}
    assert completion(whole("chat", body)).logprobs == WEIGHED


# Reasoning, refusals, other items


def test_reasoning_text_summaries_and_encrypted_content_are_kept_apart() -> None:
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Short."}],
        "content": [{"type": "reasoning_text", "text": "Long."}],
        "encrypted_content": "enc",
    }
    body = response(item, message(text("Yes.")))
    place = {"item_id": "rs_1", "output_index": 0}
    stream = streamed(
        body,
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "encrypted_content": "part"}},
        {"type": "response.reasoning_summary_text.delta", **place, "summary_index": 0, "delta": "Short."},
        {"type": "response.reasoning_text.delta", **place, "content_index": 0, "delta": "Long."},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
    )
    answer = completion(whole("responses", body))
    first, second = (part for part in answer.message.content if isinstance(part, ReasoningPart))
    assert [(part.kind, part.text) for part in (first, second)] == [("summary", "Short."), ("text", "Long.")]
    assert first.opaque is None
    assert second.opaque is not None
    assert second.opaque.data == item
    assert completion(decode("responses", stream)).message == answer.message


def test_hidden_reasoning_keeps_its_place() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "enc"}
    part = completion(whole("responses", response(item, message(text("Yes."))))).message.content[0]
    assert isinstance(part, ReasoningPart)
    assert (part.kind, part.text) == ("hidden", "")


@pytest.mark.parametrize("api", ["responses", "chat"])
def test_a_refusal_is_no_text_and_ends_as_a_content_filter(api: str) -> None:
    if api == "responses":
        body = response(message({"type": "refusal", "refusal": "I cannot."}))
        place = {"output_index": 0, "content_index": 0}
        stream: Any = streamed(body, {"type": "response.refusal.delta", **place, "delta": "I "})
    else:
        body = chat({"content": None, "refusal": "I cannot."})
        stream = chunks({"refusal": "I "}, {"refusal": "cannot."})
    for answer in (completion(whole(api, body)), completion(decode(api, stream))):
        assert (answer.text, answer.refusal, answer.finish_reason) == ("", "I cannot.", "content_filter")


@pytest.mark.parametrize(
    "item",
    [
        {
            "type": "web_search_call",
            "id": "ws_1",
            "status": "completed",
            "action": {"type": "search", "query": "x"},
        },
        {"type": "code_interpreter_call", "id": "ci_1", "code": "1", "container_id": "c", "outputs": []},
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "enc"},
        {"type": "a_tool_of_next_year", "id": "x_1"},
    ],
)
def test_items_of_built_in_tools_are_kept_as_they_came(item: JsonObject) -> None:
    body = response(item, message(text("Yes."), phase="final_answer"))
    answer = completion(whole("responses", body))
    kept, said = answer.message.content
    assert isinstance(kept, OpaquePart)
    assert kept.opaque.data == item
    assert said.opaque is not None  # type: ignore[union-attr]
    assert said.opaque.data == {"id": "msg_1", "phase": "final_answer", "status": "completed"}  # type: ignore[union-attr]
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    assert completion(decode("responses", streamed(body, done))).message == answer.message


def test_unknown_events_are_ignored() -> None:
    body = response(message(text("Yes.")))
    odd: list[JsonObject] = [
        {"type": "response.of.next_year", "delta": 1},
        {"type": "response.web_search_call.searching"},
        {},
    ]
    assert completion(decode("responses", streamed(body, *odd))).text == "Yes."


# How answers end


@pytest.mark.parametrize(
    ("status", "reason", "finish"),
    [
        ("completed", None, "stop"),
        ("incomplete", "max_output_tokens", "length"),
        ("incomplete", "max_messages", "length"),
        ("incomplete", "content_filter", "content_filter"),
        ("incomplete", "steered", "unknown"),
        ("cancelled", None, "cancelled"),
        ("queued", None, "unknown"),
    ],
)
def test_finish_reasons_of_responses(status: str, reason: str | None, finish: str) -> None:
    details = {"reason": reason} if reason else None
    answer = completion(
        whole("responses", response(message(text("Hm")), status=status, incomplete_details=details))
    )
    assert (answer.finish_reason, answer.raw_finish_reason) == (finish, reason or status)


@pytest.mark.parametrize(
    ("raw", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("a_new_one", "unknown"),
    ],
)
def test_finish_reasons_of_chat(raw: str, finish: str) -> None:
    answer = completion(whole("chat", chat({"content": "Hm"}, finish=raw)))
    assert (answer.finish_reason, answer.raw_finish_reason) == (finish, raw)


@pytest.mark.parametrize("cut_at", [0, 1, 8])
@pytest.mark.parametrize("api", ["responses", "chat"])
def test_a_call_cut_off_by_the_limit_has_no_arguments(api: str, cut_at: int) -> None:
    cut = Script((Call("get_weather", {"city": "Paris"}, "call_1", cut_at),)).finish("length")
    body = DIALECT.body(cut, received(api))
    if api == "responses":
        body["output"][0]["status"] = "incomplete"
    (call,) = completion(whole(api, body)).tool_calls
    assert (call.arguments, call.arguments_text) == (None, '{"city":"Paris"}'[:cut_at])


@pytest.mark.parametrize("body", [{}, {"output": "x"}, {"object": "list"}, {"status": 7, "output": 7}])
def test_a_body_that_is_no_response_is_invalid_or_empty_but_never_a_crash(body: JsonObject) -> None:
    try:
        whole("responses", body)
    except InvalidResponseError:
        return
    assert "output" in body


@pytest.mark.parametrize(
    "body", [{}, {"choices": []}, {"choices": [7]}, {"choices": [{"message": {"content": 7}}]}]
)
def test_a_body_that_is_no_chat_completion_is_invalid(body: JsonObject) -> None:
    try:
        assert completion(whole("chat", body)).finish_reason == "unknown"
    except InvalidResponseError:
        return

"""What comes back, streamed or whole, becomes the same events and the same completion."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from modelyard import (
    Completion,
    InvalidResponseError,
    OpaquePart,
    OverloadedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ReasoningPart,
    Runtime,
    ServerError,
    StreamInterruptedError,
)
from modelyard.credentials.secret import Secret
from modelyard.history.opaque import bind_account
from modelyard.streaming.collect import collect
from modelyard.streaming.grammar import check_stream
from modelyard.streaming.sse import SseParser
from modelyard.testing import (
    Call,
    Emulator,
    FailureKind,
    Fault,
    LoopbackServer,
    Received,
    Reply,
    Script,
    crash_after,
    cut_after,
    split,
)
from modelyard.types.base import JsonObject, Opaque
from modelyard.types.events import Event, ToolCallEnd
from modelyard_claude.events import ClaudeDecoder
from modelyard_claude.testing.dialect import DIALECT

MODEL = "claude-sonnet-5-5"
TOOLS = [{"name": "get_weather"}, {"name": "now"}]
EVERYTHING = (
    Script()
    .think("Hm.", " Let", " me see.")
    .say("It is ", "süß 🙂\u2028 here.")
    .call("get_weather", city="Łódź")
    .call("now")
    .using(input=100, output=20, cached=40, reasoning=7)
)


def received(**fields: Any) -> Received:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return Received("POST", "/v1/messages", "", {}, json.dumps(body).encode())


def decode(stream: bytes | Iterable[JsonObject]) -> list[Event]:
    """The events of a stream given as bytes or as wire events."""
    if not isinstance(stream, bytes):
        stream = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in stream)
    decoder, events = ClaudeDecoder(MODEL), list[Event]()
    for data, _ in SseParser().feed(stream):
        decoder.feed(data, events.append)
    return events


def whole(body: JsonObject) -> list[Event]:
    events: list[Event] = []
    ClaudeDecoder(MODEL).feed_body(body, events.append)
    check_stream(events)
    return events


def completion(events: Iterable[Event]) -> Completion:
    return collect(events, provider="claude", model=MODEL)


def message(*blocks: JsonObject, **fields: Any) -> JsonObject:
    body = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": list(blocks)}
    return {**body, "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}, **fields}


def streamed(*middle: JsonObject, stop_reason: str | None = "end_turn", **delta: Any) -> list[JsonObject]:
    """A stream around some block events."""
    start = {"type": "message_start", "message": message(stop_reason=None)}
    end = {"type": "message_delta", "delta": {"stop_reason": stop_reason, **delta}, "usage": {"output_tokens": 9}}
    return [start, *middle, end, {"type": "message_stop"}]


def block(raw: JsonObject, *deltas: JsonObject, index: int = 0) -> list[JsonObject]:
    """The events of one block."""
    return [
        {"type": "content_block_start", "index": index, "content_block": raw},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


# One answer, two ways


@pytest.mark.parametrize(
    "script",
    [
        Script().say("Hello."),
        EVERYTHING,
        Script().call("now"),
        Script().think("").say("Hello."),
        Script().say("One.").call("now").say("Two."),
        Script().say("Hel").finish("length"),
        Script().finish("content_filter"),
        Script(),
    ],
)
def test_a_whole_answer_equals_its_stream(script: Script) -> None:
    events = decode(b"".join(DIALECT.events(script, received())))
    check_stream(events)
    ours = completion(whole(DIALECT.body(script, received())))
    assert completion(events).model_dump() == ours.model_dump()


def test_everything_in_an_answer_is_kept() -> None:
    answer = completion(whole(DIALECT.body(EVERYTHING, received())))
    assert (answer.reasoning, answer.text) == ("Hm. Let me see.", "It is süß 🙂\u2028 here.")
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [
        ("get_weather", {"city": "Łódź"}),
        ("now", {}),
    ]
    assert (answer.finish_reason, answer.raw_finish_reason) == ("tool_calls", "tool_use")
    assert (answer.response_id, answer.response_model) == ("msg_emulated_1", MODEL)
    usage = answer.usage
    assert (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens) == (100, 40, 0)
    assert (usage.output_tokens, usage.reasoning_tokens, usage.total_tokens) == (20, 7, 120)


def test_a_stream_split_at_every_byte_decodes_the_same() -> None:
    stream = b"".join(DIALECT.events(EVERYTHING, received()))
    expected = completion(decode(stream)).model_dump()
    for at in range(1, len(stream)):
        parser, decoder, events = SseParser(), ClaudeDecoder(MODEL), list[Event]()
        for chunk in (stream[:at], stream[at:]):
            for data, _ in parser.feed(chunk):
                decoder.feed(data, events.append)
        assert completion(events).model_dump() == expected, at


async def test_a_stream_one_byte_at_a_time_decodes_the_same(emulator: Emulator) -> None:
    emulator.default, emulator.fault = EVERYTHING, split(1)
    async with Runtime({"claude": emulator.settings()}, plugins=["claude"]) as runtime:
        answer = await runtime.stream(f"claude:{MODEL}", "Hi", tools=TOOLS).collect()
    message = completion(whole(DIALECT.body(EVERYTHING, received()))).message
    assert answer.message == bind_account(message, Secret("test-key").digest)


@pytest.mark.parametrize("fault", [cut_after, crash_after])
async def test_a_stream_cut_after_any_event_is_interrupted_and_keeps_what_came(
    emulator: Emulator, fault: Callable[[int], Fault]
) -> None:
    emulator.default = EVERYTHING
    events = DIALECT.events(EVERYTHING, received())
    async with Runtime({"claude": emulator.settings()}, plugins=["claude"], max_attempts=1) as runtime:
        for count in range(len(events)):
            emulator.fault = fault(count)
            with pytest.raises(StreamInterruptedError) as caught:
                await runtime.stream(f"claude:{MODEL}", "Hi", tools=TOOLS).collect()
            so_far = completion_so_far(events[:count])
            partial = caught.value.partial
            assert (partial.text if partial else "", partial.reasoning if partial else "") == so_far, count
            assert caught.value.retryable


def completion_so_far(stream: list[bytes]) -> tuple[str, str]:
    events = decode(b"".join(stream))
    text = "".join(event.text for event in events if event.type == "content_delta")
    return text, "".join(event.text for event in events if event.type == "reasoning_delta")


@pytest.mark.parametrize(
    ("kind", "error", "status", "code"),
    [
        ("overloaded", OverloadedError, 529, "overloaded_error"),
        ("rate_limit", RateLimitError, 429, "rate_limit_error"),
        ("server", ServerError, 500, "api_error"),
        ("quota", QuotaExceededError, 429, "enforced_spend_limit_reached"),
    ],
)
async def test_an_error_inside_a_stream_is_told_by_its_body(
    emulator: Emulator, kind: FailureKind, error: type[ProviderError], status: int, code: str
) -> None:
    emulator.add(Script().say("Hello there, friend.").fail(kind, "Sorry."))
    async with Runtime({"claude": emulator.settings()}, plugins=["claude"], max_attempts=1) as runtime:
        with pytest.raises(error, match="Sorry") as caught:
            await runtime.stream(f"claude:{MODEL}", "Hi").collect()
    assert (caught.value.status, caught.value.code) == (status, code)
    assert caught.value.request_id == "req_emulated"
    assert caught.value.partial is not None
    assert caught.value.partial.text.startswith("Hello")


# Blocks


def test_thinking_keeps_its_signature_and_whatever_else_it_came_with() -> None:
    raw = {"type": "thinking", "thinking": "", "signature": "", "future": 1}
    deltas = [{"type": "thinking_delta", "thinking": piece} for piece in ("Hm", "", ".")]
    signed = {"type": "signature_delta", "signature": "sig"}
    answer = completion(decode(streamed(*block(raw, *deltas, signed))))
    data = {"type": "thinking", "thinking": "Hm.", "signature": "sig", "future": 1}
    (part,) = answer.message.content
    assert isinstance(part, ReasoningPart)
    assert (part.text, part.kind) == ("Hm.", "text")
    assert part.opaque == Opaque(provider="claude", model=MODEL, kind="thinking", data=data)
    assert list(data) == list(part.opaque.data)
    assert completion(whole(message(data))).message == answer.message


def test_thinking_that_is_not_shown_is_hidden_and_still_signed() -> None:
    raw = {"type": "thinking", "thinking": "", "signature": "sig"}
    (part,) = completion(whole(message(raw))).message.content
    assert isinstance(part, ReasoningPart)
    assert (part.kind, part.text) == ("hidden", "")
    assert part.opaque is not None
    assert part.opaque.data == raw


def test_thinking_cut_off_before_its_signature_cannot_go_back() -> None:
    raw = {"type": "thinking", "thinking": "", "signature": ""}
    stream = streamed(*block(raw, {"type": "thinking_delta", "thinking": "Hm"}), stop_reason="max_tokens")
    (part,) = completion(decode(stream)).message.content
    assert isinstance(part, ReasoningPart)
    assert (part.text, part.opaque) == ("Hm", None)


def test_redacted_thinking_is_kept_byte_for_byte() -> None:
    raw = {"type": "redacted_thinking", "data": "EmwKAhgB=="}
    (part,) = completion(decode(streamed(*block(raw)))).message.content
    assert part == ReasoningPart(
        kind="hidden", opaque=Opaque(provider="claude", model=MODEL, kind="redacted_thinking", data=raw)
    )
    assert completion(whole(message(raw))).message.content == (part,)


def place(kind: str, **more: Any) -> JsonObject:
    return {
        "type": kind,
        "cited_text": "a b",
        "document_index": 0,
        "document_title": "Sea",
        "file_id": None,
        **more,
    }


def test_citations_are_parts_of_the_answer_and_stay_with_their_text() -> None:
    cited = [
        place("char_location", start_char_index=0, end_char_index=3),
        place("page_location", start_page_number=1, end_page_number=2, file_id="file_1"),
    ]
    deltas = [{"type": "citations_delta", "citation": citation} for citation in cited]
    raw = {"type": "text", "text": "", "citations": []}
    answer = completion(decode(streamed(*block(raw, {"type": "text_delta", "text": "So."}, *deltas))))
    assert answer.message == completion(whole(message({**raw, "text": "So.", "citations": cited}))).message
    assert answer.text == "So."
    part, *citations = answer.message.content
    assert tuple(citations) == answer.citations
    assert [citation.raw for citation in answer.citations] == cited
    # The name of the file is the answer's own: the API refuses it in a request.
    sent = [{key: value for key, value in citation.items() if key != "file_id"} for citation in cited]
    assert part.opaque == Opaque(provider="claude", kind="text", data={"citations": sent})  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("raw", "url", "title", "source"),
    [
        (place("char_location"), None, "Sea", "0"),
        (place("page_location", file_id="file_1"), None, "Sea", "file_1"),
        (place("content_block_location", document_title=None), None, None, "0"),
        ({"type": "web_search_result_location", "url": "https://e.org", "title": "E"}, "https://e.org", "E", None),
        ({"type": "search_result_location", "source": "kb/7", "title": "S"}, None, "S", "kb/7"),
        ({"type": "search_result_location", "source": "https://e.org"}, "https://e.org", None, "https://e.org"),
        ({"type": "a_kind_of_tomorrow"}, None, None, None),
    ],
)
def test_every_kind_of_citation(raw: JsonObject, url: str | None, title: str | None, source: str | None) -> None:
    (citation,) = completion(whole(message({"type": "text", "text": "So.", "citations": [raw]}))).citations
    assert (citation.url, citation.title, citation.source) == (url, title, source)
    assert citation.quote == raw.get("cited_text")


def test_blocks_of_server_tools_and_unknown_ones_are_kept_in_their_place() -> None:
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"title": "t"}]}
    future = {"type": "hologram", "data": ""}
    stream = streamed(
        *block(search, *({"type": "input_json_delta", "partial_json": piece} for piece in ("", '{"q":', " 1}"))),
        *block(found, index=1),
        *block({"type": "text", "text": ""}, {"type": "text_delta", "text": "So."}, index=2),
        *block(future, {"type": "hologram_delta", "data": "a"}, {"type": "hologram_delta", "data": "b"}, index=3),
    )
    parts = completion(decode(stream)).message.content
    assert [part.type for part in parts] == ["opaque", "opaque", "text", "opaque"]
    blocks = [part.opaque.data for part in parts if isinstance(part, OpaquePart)]
    assert blocks == [{**search, "input": {"q": 1}}, found, {**future, "data": "ab"}]
    assert (
        completion(whole(message(*blocks[:2], {"type": "text", "text": "So."}, blocks[2]))).message.content
        == parts
    )


def test_a_compaction_fills_the_empty_field_it_began_with() -> None:
    raw = {"type": "compaction", "content": None}
    stream = streamed(*block(raw, {"type": "compaction_delta", "content": "Summary"}), stop_reason="compaction")
    answer = completion(decode(stream))
    (part,) = answer.message.content
    assert isinstance(part, OpaquePart)
    assert part.opaque.data == {**raw, "content": "Summary"}
    assert (answer.finish_reason, answer.raw_finish_reason) == ("unknown", "compaction")


# Tool calls


def test_a_call_keeps_what_the_api_says_of_its_caller() -> None:
    raw = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}, "caller": {"type": "direct"}}
    for events in (decode(streamed(*block(raw), stop_reason="tool_use")), whole(message(raw))):
        (call,) = completion(events).tool_calls
        assert (call.id, call.name, call.arguments) == ("toolu_1", "now", {})
        assert call.opaque == Opaque(provider="claude", kind="tool_use", data={"caller": {"type": "direct"}})


@pytest.mark.parametrize("cut_at", [0, 1, 8])
def test_a_call_cut_off_by_the_limit_has_no_arguments(cut_at: int) -> None:
    cut = Script((Call("get_weather", {"city": "Paris"}, "toolu_1", cut_at),)).finish("length")
    events = decode(b"".join(DIALECT.events(cut, received())))
    for answer in (completion(events), completion(whole(DIALECT.body(cut, received())))):
        assert answer.finish_reason == "length"
        assert answer.tool_calls[0].arguments is None
    assert completion(events).tool_calls[0].arguments_text == '{"city":"Paris"}'[:cut_at]


def test_a_call_without_arguments_followed_by_more_is_whole_even_at_the_limit() -> None:
    script = Script().call("now").say("And the").finish("length")
    for events in (decode(b"".join(DIALECT.events(script, received()))), whole(DIALECT.body(script, received()))):
        assert completion(events).tool_calls[0].arguments == {}


def test_a_call_ends_with_its_block_and_not_because_its_text_is_json_already() -> None:
    raw = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("{}", " ")]
    events = decode(streamed(*block(raw, *deltas), stop_reason="tool_use"))
    ends = [event for event in events if isinstance(event, ToolCallEnd)]
    assert [(end.arguments, end.arguments_text) for end in ends] == [({}, "{} ")]


def test_input_that_comes_with_the_start_is_taken() -> None:
    raw = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {"a": 1}}
    (call,) = completion(decode(streamed(*block(raw), stop_reason="tool_use"))).tool_calls
    assert (call.arguments, call.arguments_text) == ({"a": 1}, '{"a":1}')


# Endings


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", "unknown"),
        ("compaction", "unknown"),
        ("something_new", "unknown"),
        (None, "unknown"),
    ],
)
def test_every_stop_reason(raw: str | None, reason: str) -> None:
    for events in (whole(message(stop_reason=raw)), decode(streamed(stop_reason=raw))):
        answer = completion(events)
        assert (answer.finish_reason, answer.raw_finish_reason) == (reason, raw)


def test_an_answer_with_a_call_never_ends_in_a_plain_stop() -> None:
    raw = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}
    assert completion(whole(message(raw, stop_reason="end_turn"))).finish_reason == "tool_calls"


def test_the_explanation_of_a_refusal_is_the_refusal() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "Not this."}
    body = message({"type": "text", "text": "Well"}, stop_reason="refusal", stop_details=details)
    text = block({"type": "text", "text": ""}, {"type": "text_delta", "text": "Well"})
    for events in (whole(body), decode(streamed(*text, stop_reason="refusal", stop_details=details))):
        answer = completion(events)
        assert (answer.finish_reason, answer.text, answer.refusal) == ("content_filter", "Well", "Not this.")


# Usage


def test_usage_is_cumulative_and_what_a_later_event_leaves_out_stands() -> None:
    first = {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 90}
    later = {"output_tokens": 7, "cache_read_input_tokens": None, "cache_creation_input_tokens": 5}
    stream = streamed()
    stream[0]["message"]["usage"], stream[1]["usage"] = first, later
    usage = completion(decode(stream)).usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (105, 7, 112)
    assert (usage.cached_input_tokens, usage.cache_write_tokens, usage.reasoning_tokens) == (90, 5, None)
    assert usage.raw == {**first, "output_tokens": 7, "cache_creation_input_tokens": 5}


@pytest.mark.parametrize("usage", [None, {}, "much", {"input_tokens": "10", "output_tokens": -1}])
def test_figures_that_were_not_sent_are_none(usage: Any) -> None:
    found = completion(whole(message(usage=usage))).usage
    assert {found.input_tokens, found.output_tokens, found.cached_input_tokens, found.total_tokens} == {None}


# What may be there and what may not


def test_pings_unknown_events_and_unknown_deltas_are_passed_over() -> None:
    stream: list[JsonObject] = [
        {"type": "ping"},
        {"type": "nebula", "index": 0},
        *streamed(
            {"type": "ping"},
            {"type": "content_block_delta", "index": 7, "delta": {"type": "text_delta", "text": "stray"}},
            *block(
                {"type": "text", "text": ""},
                {"type": "sparkle_delta", "sparkle": 1},
                {"type": "text_delta", "text": "Hi"},
            ),
            {"type": "content_block_stop", "index": 9},
        ),
    ]
    assert completion(decode(stream)).text == "Hi"


def test_data_lines_may_be_padded() -> None:
    stream = b"".join(
        b"event: %b\ndata: %b   \n\n" % (event["type"].encode(), json.dumps(event).encode())
        for event in streamed(*block({"type": "text", "text": "Hi"}))
    )
    assert completion(decode(stream)).text == "Hi"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"content": None},
        {"content": "text"},
        {"content": ["text"]},
        {"content": [{"type": "tool_use", "name": "a"}]},
        {"content": [{"type": "thinking", "thinking": 5}]},
    ],
)
def test_a_body_of_another_shape_is_an_invalid_response(body: JsonObject) -> None:
    with pytest.raises(InvalidResponseError):
        completion(whole(body))


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message_start"},
        {"type": "content_block_start", "index": 0},
        {"type": "content_block_delta"},
        {"type": ["message_start"]},
        {"type": "message_start", "message": "hello"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": 5}},
    ],
)
def test_an_event_of_another_shape_is_an_invalid_response(event: JsonObject) -> None:
    with pytest.raises(InvalidResponseError):
        decode([event])


def test_an_error_in_a_whole_answer_is_raised() -> None:
    with pytest.raises(OverloadedError, match="Busy"):
        whole({"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}})


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"<html>Hi</html>", b'{"type": "mess'])
async def test_a_success_that_is_no_answer_is_an_invalid_response(body: bytes) -> None:
    reply = Reply(200, {"content-type": "application/json"}, (body,))
    with LoopbackServer(lambda _: reply) as server:
        settings = {"api_key": "key", "base_url": server.url}
        async with Runtime({"claude": settings}, plugins=["claude"], max_attempts=1) as runtime:
            with pytest.raises(InvalidResponseError):
                await runtime.complete(f"claude:{MODEL}", "Hi")
            with pytest.raises((InvalidResponseError, StreamInterruptedError)):
                await runtime.stream(f"claude:{MODEL}", "Hi").collect()

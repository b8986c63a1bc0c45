"""How a conversation is written; everything built here is also shown to the strict dialect."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from modelyard import (
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCall,
    ToolResult,
    UnsupportedFeatureError,
)
from modelyard.http.session import WireRequest
from modelyard.types.base import JsonObject, Opaque
from modelyard_claude.request import WHOLE_ANSWER_TOKENS
from modelyard_claude.testing.checks import sign

Write = Callable[..., WireRequest]
MODEL = "claude-sonnet-5-5"
WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
PNG = b"\x89PNG\r\n\x1a\n0000"


def notes(built: WireRequest) -> list[tuple[str, str]]:
    return [(note.field, note.action) for note in built.report.notes] if built.report else []


def thinking(text: str = "Hm.", model: str = MODEL) -> ReasoningPart:
    block = {"type": "thinking", "thinking": text, "signature": sign(model, text)}
    return ReasoningPart(text=text, opaque=Opaque(provider="claude", model=model, kind="thinking", data=block))


def paused_search() -> OpaquePart:
    block = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    return OpaquePart(opaque=Opaque(provider="claude", kind="server_tool_use", data=block))


def call(call_id: str = "toolu_1", **arguments: Any) -> ToolCall:
    return ToolCall(id=call_id, name="get_weather", arguments=arguments)


def result(call_id: str = "toolu_1", content: Any = "Sunny", **more: Any) -> Message:
    return Message.tool(ToolResult(tool_call_id=call_id, content=content, **more))


def text(value: str) -> JsonObject:
    return {"type": "text", "text": value}


# Turns


def test_the_smallest_request(write: Write) -> None:
    built = write("Hi")
    assert built.path == "/v1/messages"
    assert built.report is None
    assert built.body == {
        "model": MODEL,
        "max_tokens": WHOLE_ANSWER_TOKENS,
        "messages": [{"role": "user", "content": [text("Hi")]}],
    }


def test_a_stream_asks_for_one(write: Write) -> None:
    assert write(stream=True).body["stream"] is True


def test_leading_system_messages_become_the_system_text(write: Write) -> None:
    body = write([Message.system("Be brief."), Message.system("Be kind."), Message.user("Hi")]).body
    assert body["system"] == "Be brief.\n\nBe kind."
    assert [turn["role"] for turn in body["messages"]] == ["user"]


def test_a_later_system_message_stays_in_its_place_where_the_model_takes_it(write: Write) -> None:
    history = [Message.user("Hi"), Message.system("Be brief."), Message.assistant("Hello."), Message.user("Go on")]
    built = write(history)
    assert [turn["role"] for turn in built.body["messages"]] == ["user", "system", "assistant", "user"]
    assert built.body["messages"][1]["content"] == [text("Be brief.")]
    assert "system" not in built.body
    assert built.report is None


def test_a_later_system_message_in_an_illegal_place_moves_behind_the_next_user_turn(write: Write) -> None:
    history = [Message.user("Hi"), Message.assistant("Hello."), Message.system("Be brief."), Message.user("Go on")]
    built = write(history)
    assert [turn["role"] for turn in built.body["messages"]] == ["user", "assistant", "user", "system"]
    assert notes(built) == [("messages", "converted")]


def test_an_empty_answer_does_not_count_as_the_turn_a_system_message_needs(write: Write) -> None:
    history = [Message.user("Hi"), Message.system("Be brief."), Message.assistant(""), Message.user("Go on")]
    built = write(history)
    assert [turn["role"] for turn in built.body["messages"]] == ["user", "system"]
    assert notes(built) == [("messages", "dropped"), ("messages", "converted")]


def test_a_later_system_message_joins_the_system_text_where_the_model_takes_none(write: Write) -> None:
    history = [Message.user("Hi"), Message.system("Be brief."), Message.user("Go on")]
    built = write(history, model="claude-haiku-4-5", system="Be kind.")
    assert built.body["system"] == "Be kind.\n\nBe brief."
    assert built.body["messages"] == [{"role": "user", "content": [text("Hi"), text("Go on")]}]
    assert notes(built) == [("messages", "converted")]


def test_a_system_message_that_no_user_turn_follows_joins_the_system_text(write: Write) -> None:
    built = write([Message.user("Search"), Message.assistant(paused_search()), Message.system("Be brief.")])
    assert built.body["system"] == "Be brief."
    assert [turn["role"] for turn in built.body["messages"]] == ["user", "assistant"]
    assert notes(built) == [("messages", "converted")]


def test_neighbouring_turns_of_one_role_become_one(write: Write) -> None:
    history = [
        Message.user("a"),
        Message.user("b"),
        Message.assistant("c"),
        Message.assistant("d"),
        Message.user("e"),
    ]
    body = write(history).body
    assert body["messages"] == [
        {"role": "user", "content": [text("a"), text("b")]},
        {"role": "assistant", "content": [text("c"), text("d")]},
        {"role": "user", "content": [text("e")]},
    ]


def test_blank_text_and_empty_turns_are_left_out(write: Write) -> None:
    history = [
        Message.user(["", "a"]),
        Message.assistant(["\n\n", call()]),
        result(),
        Message.assistant(" "),
        Message.user("b"),
    ]
    body = write(history, tools=[WEATHER]).body
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"] == [text("a")]
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use"]
    assert body["messages"][2]["content"][1] == text("b")


def test_names_of_speakers_are_dropped_and_reported_once(write: Write) -> None:
    history = [Message(role="user", content=(TextPart(text=word),), name="ada") for word in "ab"]
    built = write(history)
    assert built.body["messages"] == [{"role": "user", "content": [text("a"), text("b")]}]
    assert notes(built) == [("name", "dropped")]


def test_a_conversation_without_any_content_is_refused_here(write: Write) -> None:
    with pytest.raises(InvalidRequestError, match="holds anything"):
        write([Message.user(" ")])


def test_a_refusal_goes_back_as_text(write: Write) -> None:
    body = write([Message.user("a"), Message.assistant(RefusalPart(text="No.")), Message.user("b")]).body
    assert body["messages"][1]["content"] == [text("No.")]


def test_ending_in_the_models_own_words_is_refused_where_it_does_not_continue_them(write: Write) -> None:
    history = [Message.user("Name a colour"), Message.assistant("The colour is ")]
    for ending in (history, [*history, Message.system("Be brief.")]):
        with pytest.raises(UnsupportedFeatureError, match="does not continue"):
            write(ending)
    body = write(history, model="claude-sonnet-4-5").body
    assert body["messages"][-1] == {"role": "assistant", "content": [text("The colour is")]}


def test_a_paused_turn_may_be_sent_in_to_go_on(write: Write) -> None:
    part = paused_search()
    body = write([Message.user("Search"), Message.assistant(part)]).body
    assert body["messages"][-1]["content"] == [part.opaque.data]


# Media


def test_images_as_bytes_and_by_url(write: Write) -> None:
    url = "https://example.com/a.png"
    body = write([Message.user(["Look", ImagePart(data=PNG), ImagePart(url=url)])]).body
    assert body["messages"][0]["content"] == [
        text("Look"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgowMDAw"}},
        {"type": "image", "source": {"type": "url", "url": url}},
    ]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            FilePart(data=b"%PDF-1", name="a.pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"},
                "title": "a.pdf",
            },
        ),
        (
            FilePart(url="https://example.com/a.pdf"),
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
        ),
        (
            FilePart(data="Grüße".encode(), media_type="text/markdown"),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}},
        ),
        (FilePart(file_id="file_1"), {"type": "document", "source": {"type": "file", "file_id": "file_1"}}),
        (
            FilePart(file_id="file_1", media_type="image/png"),
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        ),
        (
            FilePart(data=PNG, media_type="image/png"),
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgowMDAw"},
            },
        ),
    ],
)
def test_files(write: Write, part: FilePart, block: JsonObject) -> None:
    assert write([Message.user(["Read", part])]).body["messages"][0]["content"][1] == block


@pytest.mark.parametrize(
    "part",
    [
        FilePart(data=b"RIFF0000WAVE", media_type="audio/wav"),
        FilePart(data=b"\xff\xfe", media_type="text/plain"),
        FilePart(url="https://example.com/a.txt", media_type="text/plain"),
    ],
)
def test_a_file_claude_cannot_read_is_refused_and_never_lost(write: Write, part: FilePart) -> None:
    with pytest.raises(UnsupportedFeatureError, match="not a file of type"):
        write([Message.user(["Read", part])], on_unsupported="drop")


def test_media_in_a_turn_of_the_models_is_left_out_with_a_note(write: Write) -> None:
    history = [Message.user("a"), Message.assistant(["b", ImagePart(data=PNG)]), Message.user("c")]
    built = write(history)
    assert built.body["messages"][1]["content"] == [text("b")]
    assert notes(built) == [("messages", "dropped")]


# What only Claude reads


def test_thinking_goes_back_first_unchanged_and_in_place(write: Write) -> None:
    part = thinking("Weather, then.")
    redacted = Opaque(
        provider="claude", model=MODEL, kind="redacted_thinking", data={"type": "redacted_thinking", "data": "x"}
    )
    turn = Message.assistant([part, ReasoningPart(kind="hidden", opaque=redacted), "Let me look.", call()])
    built = write([Message.user("Hi"), turn, result()], tools=[WEATHER])
    sent = built.body["messages"][1]["content"]
    assert part.opaque is not None
    assert sent[:2] == [part.opaque.data, redacted.data]
    assert [block["type"] for block in sent[2:]] == ["text", "tool_use"]
    assert built.report is None


@pytest.mark.parametrize(
    "part",
    [
        thinking(model="claude-opus-5"),
        ReasoningPart(text="Hm.", opaque=Opaque(provider="openai", kind="reasoning", data={"id": "rs_1"})),
        ReasoningPart(text="Unsigned."),
        OpaquePart(opaque=Opaque(provider="gemini", kind="part", data={"thoughtSignature": "x"})),
    ],
)
def test_opaque_data_of_another_model_or_provider_is_left_out_with_a_note(
    write: Write,
    part: ReasoningPart | OpaquePart,
) -> None:
    built = write([Message.user("Hi"), Message.assistant([part, "Hello."]), Message.user("Go on")])
    assert built.body["messages"][1]["content"] == [text("Hello.")]
    assert notes(built) == [("messages", "dropped")]


@pytest.mark.parametrize(
    ("model", "options"),
    [("claude-opus-4-8", None), ("claude-haiku-5-5", {"claude": {"thinking": {"type": "disabled"}}})],
)
def test_thinking_is_left_out_while_thinking_is_off(write: Write, model: str, options: Any) -> None:
    history = [Message.user("Hi"), Message.assistant([thinking(model=model), "Hello."]), Message.user("Go on")]
    built = write(history, model=model, provider_options=options)
    assert built.body["messages"][1]["content"] == [text("Hello.")]
    assert notes(built) == [("messages", "dropped")]


def test_thinking_goes_back_where_thinking_was_switched_on(write: Write) -> None:
    model = "claude-opus-4-8"
    history = [Message.user("Hi"), Message.assistant([thinking(model=model), "Hello."]), Message.user("Go on")]
    body = write(history, model=model, provider_options={"claude": {"thinking": {"type": "adaptive"}}}).body
    assert body["messages"][1]["content"][0]["type"] == "thinking"


def test_a_turn_of_nothing_but_thinking_is_not_sent(write: Write) -> None:
    body = write([Message.user("Hi"), Message.assistant(thinking()), Message.user("Go on")]).body
    assert body["messages"] == [{"role": "user", "content": [text("Hi"), text("Go on")]}]


def test_server_tools_citations_and_callers_go_back_as_they_came(write: Write) -> None:
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    place = {"url": "u", "title": "t", "cited_text": "c", "encrypted_index": "e"}
    cited = [{"type": "web_search_result_location", **place}]
    caller = {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}
    turn = Message.assistant(
        [
            OpaquePart(opaque=Opaque(provider="claude", kind="server_tool_use", data=search)),
            OpaquePart(opaque=Opaque(provider="claude", kind="web_search_tool_result", data=found)),
            TextPart(text="So.", opaque=Opaque(provider="claude", kind="text", data={"citations": cited})),
            ToolCall(
                id="toolu_1",
                name="get_weather",
                arguments={},
                opaque=Opaque(provider="claude", kind="tool_use", data={"caller": caller}),
            ),
        ]
    )
    content = write([Message.user("Hi"), turn, result()], tools=[WEATHER]).body["messages"][1]["content"]
    assert content == [
        search,
        found,
        {**text("So."), "citations": cited},
        {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}, "caller": caller},
    ]


def test_what_the_caller_passed_is_not_changed(write: Write) -> None:
    history = [Message.user("Hi"), Message.assistant([thinking(), "Hello. ", call()]), result()]
    tools, options = [copy.deepcopy(WEATHER)], {"claude": {"output_config": {"effort": "low"}}}
    before = copy.deepcopy((history, tools, options))
    write(history, tools=tools, provider_options=options)
    assert (history, tools, options) == before

"""Requests: what goes over the wire for each thing a caller can ask, and what is changed on the way."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest

from modelyard import FilePart, ImagePart, Message, TextPart, Tool, ToolCall, ToolResult, UnsupportedFeatureError
from modelyard.catalog.capability import Capability
from modelyard.catalog.card import ModelCard
from modelyard.http.session import WireRequest
from modelyard.types.base import Opaque
from modelyard.types.content import OpaquePart, ReasoningPart, RefusalPart

Write = Callable[..., WireRequest]

PNG = b"\x89PNG\r\n\x1a\n"
WEATHER = Tool(
    name="get_weather",
    description="Look up the weather.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


def roles(wire: WireRequest) -> list[str]:
    return [message["role"] for message in wire.body["messages"]]


def reasons(wire: WireRequest, field: str = "messages") -> list[str]:
    return [note.action for note in wire.report.about(field)] if wire.report else []


def call(call_id: str, city: str = "Paris") -> ToolCall:
    return ToolCall(id=call_id, name="get_weather", arguments={"city": city})


def result(call_id: str, content: Any = "sunny") -> Message:
    return Message.tool(ToolResult(tool_call_id=call_id, content=content))


def conversation(call_id: str) -> list[Message]:
    return [Message.user("Weather?"), Message.assistant(call(call_id)), result(call_id)]


def test_a_question_is_model_and_messages_and_nothing_else(write: Write) -> None:
    wire = write("Hello", system="Be brief.")
    assert wire.path == "/chat/completions"
    assert wire.body == {
        "model": "mistral-medium-3-5",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
    }
    assert wire.report is None


def test_a_stream_is_asked_for_by_one_field(write: Write) -> None:
    assert write("Hello", stream=True).body["stream"] is True
    assert "stream_options" not in write("Hello", stream=True).body


def test_every_option_has_its_place(write: Write) -> None:
    body = write(
        "Hello",
        max_output_tokens=100,
        temperature=0.7,
        top_p=0.9,
        top_k=40,
        stop=["END", "STOP"],
        seed=42,
        metadata={"team": "blue"},
    ).body
    del body["model"], body["messages"]
    assert body == {
        "max_tokens": 100,
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 40,
        "stop": ["END", "STOP"],
        "random_seed": 42,
        "metadata": {"team": "blue"},
    }


def test_zero_is_a_value(write: Write) -> None:
    body = write("Hello", max_output_tokens=0, temperature=0, seed=0, stop=[]).body
    assert (body["max_tokens"], body["temperature"], body["random_seed"], body["stop"]) == (0, 0, 0, [])


def test_sampling_out_of_range_is_clamped_and_reported(write: Write) -> None:
    wire = write("Hello", temperature=2.0, top_p=0)
    assert wire.body["temperature"] == 1.5
    assert 0 < wire.body["top_p"] < 0.01
    assert reasons(wire, "temperature") == reasons(wire, "top_p") == ["clamped"]


def test_clamping_can_be_refused(write: Write) -> None:
    with pytest.raises(UnsupportedFeatureError, match=r"1\.5"):
        write("Hello", temperature=2.0, on_unsupported="error")


@pytest.mark.parametrize(
    ("field", "value", "capability"),
    [("temperature", 1, "sampling"), ("top_k", 5, "sampling"), ("seed", 1, "seed"), ("stop", ["x"], "stop")],
)
def test_what_a_card_rules_out_is_dropped_and_reported(
    write: Write, field: str, value: Any, capability: str
) -> None:
    card = ModelCard.model_validate(
        {"provider": "mistral", "id": "m", "label": "M", "capabilities": {capability: "unsupported"}}
    )
    wire = write("Hello", card=card, model="m", **{field: value})
    assert set(wire.body) == {"model", "messages"}
    assert reasons(wire, field) == ["dropped"]


def test_an_unknown_model_is_sent_everything(write: Write) -> None:
    card = ModelCard.unknown("mistral", "mistral-next")
    assert card.capability("seed") == Capability()
    assert write("Hello", card=card, model="mistral-next", seed=1).body["random_seed"] == 1


def test_provider_options_come_last_and_untouched(write: Write) -> None:
    options = {"mistral": {"reasoning_effort": "high", "safe_prompt": True, "temperature": 0.1}}
    body = write("Hello", temperature=1, provider_options=options).body
    assert (body["reasoning_effort"], body["safe_prompt"], body["temperature"]) == ("high", True, 0.1)


def test_tools_are_nested_functions(write: Write) -> None:
    body = write("Hello", tools=[WEATHER, Tool(name="now", strict=True)], parallel_tool_calls=False).body
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "Look up the weather.",
                "parameters": WEATHER.parameters,
            },
        },
        {
            "type": "function",
            "function": {
                "name": "now",
                "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
                "strict": True,
            },
        },
    ]
    assert body["parallel_tool_calls"] is False


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "any"),
        ("get_weather", {"type": "function", "function": {"name": "get_weather"}}),
    ],
)
def test_tool_choice_in_all_its_forms(write: Write, choice: str, sent: Any) -> None:
    assert write("Hello", tools=[WEATHER], tool_choice=choice).body["tool_choice"] == sent


def test_tool_switches_without_tools_are_left_out(write: Write) -> None:
    assert set(write("Hello", tool_choice="auto", parallel_tool_calls=False).body) == {"model", "messages"}


def test_calls_and_results_are_messages_that_pair(write: Write) -> None:
    wire = write(conversation("D681PevKs"), tools=[WEATHER])
    function = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
    assert wire.body["messages"][1:] == [
        {"role": "assistant", "tool_calls": [{"id": "D681PevKs", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "D681PevKs", "content": "sunny"},
    ]
    assert wire.report is None


@pytest.mark.parametrize("call_id", ["toolu_01A", "call_0", "", "D681PevK", "D681PevKs1", "D681Pev-s", "ü" * 9])
def test_a_foreign_call_id_becomes_nine_letters_and_digits_and_still_pairs(write: Write, call_id: str) -> None:
    wire = write(conversation(call_id), tools=[WEATHER])
    _, asked, answered = wire.body["messages"]
    assert re.fullmatch("[a-zA-Z0-9]{9}", asked["tool_calls"][0]["id"])
    assert asked["tool_calls"][0]["id"] == answered["tool_call_id"]
    assert reasons(wire) == ["renamed"]


def test_an_alias_is_the_same_on_every_turn(write: Write) -> None:
    first = write(conversation("toolu_01A"), tools=[WEATHER]).body["messages"]
    more = [*conversation("toolu_01A"), Message.assistant("Sunny."), *conversation("toolu_02B")]
    second = write(more, tools=[WEATHER]).body["messages"]
    assert second[: len(first)] == first
    assert second[-1]["tool_call_id"] != first[-1]["tool_call_id"]


def test_an_alias_never_takes_an_id_that_is_in_use(write: Write) -> None:
    alias = write(conversation("toolu_01A"), tools=[WEATHER]).body["messages"][-1]["tool_call_id"]
    both = [
        Message.user("Weather?"),
        Message.assistant([call("toolu_01A"), call(alias, "Rome")]),
        result("toolu_01A"),
        result(alias, "rain"),
    ]
    messages = write(both, tools=[WEATHER]).body["messages"]
    sent = [entry["id"] for entry in messages[1]["tool_calls"]]
    assert sent[1] == alias
    assert sent[0] != alias
    assert [message["tool_call_id"] for message in messages[2:]] == sent


def test_a_user_turn_after_a_tool_turn_gets_an_assistant_turn_between(write: Write) -> None:
    wire = write([*conversation("D681PevKs"), Message.user("And now?")], tools=[WEATHER])
    assert roles(wire) == ["user", "assistant", "tool", "assistant", "user"]
    assert wire.body["messages"][3] == {"role": "assistant", "content": "OK"}
    assert reasons(wire) == ["repaired"]


def test_results_and_text_in_one_user_message_are_taken_apart(write: Write) -> None:
    asked = conversation("D681PevKs")[:2]
    both = Message.user([ToolResult(tool_call_id="D681PevKs", content="sunny"), "Thanks. And now?"])
    assert roles(write([*asked, both], tools=[WEATHER])) == ["user", "assistant", "tool", "assistant", "user"]


def test_parallel_results_stay_together(write: Write) -> None:
    results = [ToolResult(tool_call_id="a" * 9, content="1"), ToolResult(tool_call_id="b" * 9, content="2")]
    asked = [Message.user("Weather?"), Message.assistant([call("a" * 9), call("b" * 9, "Rome")])]
    wire = write([*asked, Message.tool(results)], tools=[WEATHER])
    assert [message["content"] for message in wire.body["messages"][2:]] == ["1", "2"]


def test_files_a_tool_gave_back_follow_all_results_in_a_user_turn(write: Write) -> None:
    asked = [Message.user("Weather?"), Message.assistant([call("a" * 9), call("b" * 9, "Rome")])]
    picture = result("a" * 9, [TextPart(text="A map."), ImagePart(data=PNG)])
    wire = write([*asked, picture, result("b" * 9)], tools=[WEATHER])
    assert roles(wire) == ["user", "assistant", "tool", "tool", "assistant", "user"]
    assert wire.body["messages"][2]["content"] == "A map."
    assert [chunk["type"] for chunk in wire.body["messages"][-1]["content"]] == ["text", "image_url"]
    assert reasons(wire) == ["converted", "repaired"]


def test_a_failed_tool_is_reported_as_having_no_mark(write: Write) -> None:
    failed = Message.tool(ToolResult(tool_call_id="D681PevKs", content="no such city", is_error=True))
    wire = write([*conversation("D681PevKs")[:2], failed], tools=[WEATHER])
    assert wire.body["messages"][-1]["content"] == "no such city"
    assert reasons(wire) == ["dropped"]


def test_system_messages_stay_where_mistral_takes_them(write: Write) -> None:
    wire = write(
        [Message.system("A"), Message.system("B"), Message.user("C"), Message.system("D"), Message.user("E")]
    )
    assert roles(wire) == ["system", "system", "user", "system", "user"]
    assert wire.report is None


@pytest.mark.parametrize(
    "messages",
    [
        [Message.user("A"), Message.assistant("B"), Message.system("C"), Message.user("D")],
        [Message.user("A"), Message.system("C")],
        [*conversation("D681PevKs"), Message.system("C")],
    ],
)
def test_system_messages_elsewhere_are_sent_as_the_users(write: Write, messages: list[Message]) -> None:
    wire = write(messages, tools=[WEATHER])
    assert {"role": "user", "content": "C"} in wire.body["messages"]
    assert "converted" in reasons(wire)


def test_a_trailing_assistant_turn_is_a_prefix(write: Write) -> None:
    wire = write([Message.user("Count."), Message.assistant("One, two,")])
    assert wire.body["messages"][-1] == {"role": "assistant", "content": "One, two,", "prefix": True}


def test_an_assistant_turn_may_speak_and_call(write: Write) -> None:
    spoken = Message.assistant(["Let me see.", call("D681PevKs")])
    wire = write([Message.user("Weather?"), spoken, result("D681PevKs")], tools=[WEATHER])
    assert wire.body["messages"][1]["content"] == "Let me see."
    assert len(wire.body["messages"][1]["tool_calls"]) == 1


def test_an_assistant_turn_with_nothing_left_is_left_out(write: Write) -> None:
    wire = write([Message.user("A"), Message.assistant([TextPart(text="")]), Message.user("B")])
    assert roles(wire) == ["user", "user"]
    assert reasons(wire) == ["dropped"]


def test_text_of_an_assistant_turn_is_joined_and_a_refusal_is_text(write: Write) -> None:
    turn = Message.assistant([TextPart(text="I "), TextPart(text="see. "), RefusalPart(text="But no.")])
    wire = write([Message.user("A"), turn, Message.user("B")])
    assert wire.body["messages"][1]["content"] == "I see. But no."


THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "closed": True, "extra": [1]}


def thought(provider: str = "mistral", model: str | None = "mistral-medium-3-5") -> ReasoningPart:
    return ReasoningPart(text="Hm.", opaque=Opaque(provider=provider, model=model, kind="thinking", data=THINKING))


def test_thinking_goes_back_to_its_model_unchanged_and_in_place(write: Write) -> None:
    turn = Message.assistant([thought(), TextPart(text="Yes.")])
    wire = write([Message.user("A"), turn, Message.user("B")], strict=False)
    assert wire.body["messages"][1]["content"] == [THINKING, {"type": "text", "text": "Yes."}]
    assert wire.report is None


@pytest.mark.parametrize(
    "part",
    [
        thought(model="mistral-small-2603"),
        thought(provider="claude"),
        ReasoningPart(text="Hm."),
        OpaquePart(opaque=Opaque(provider="openai", kind="web_search", data={"type": "x"})),
    ],
)
def test_reasoning_of_another_model_is_dropped_and_reported(write: Write, part: Any) -> None:
    turn = Message.assistant([part, TextPart(text="Yes.")])
    wire = write([Message.user("A"), turn, Message.user("B")])
    assert wire.body["messages"][1] == {"role": "assistant", "content": "Yes."}
    assert reasons(wire) == ["dropped"]


def test_each_kind_of_change_is_reported_once(write: Write) -> None:
    turns = [Message.user("A"), Message.assistant([ReasoningPart(text="Hm."), TextPart(text="B")])] * 3
    assert reasons(write([*turns, Message.user("C")])) == ["dropped"]


@pytest.mark.parametrize(
    ("part", "chunk"),
    [
        (ImagePart(data=PNG), {"type": "image_url", "image_url": "data:image/png;base64,iVBORw0KGgo="}),
        (
            ImagePart(url="https://example.com/a.png", detail="low"),
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        ),
        (
            FilePart(data=b"%PDF-1.7", name="a.pdf"),
            {
                "type": "document_url",
                "document_url": "data:application/pdf;base64,JVBERi0xLjc=",
                "document_name": "a.pdf",
            },
        ),
        (
            FilePart(url="https://example.com/a.pdf"),
            {"type": "document_url", "document_url": "https://example.com/a.pdf"},
        ),
        (FilePart(file_id="f-1"), {"type": "file", "file_id": "f-1"}),
        (
            FilePart(url="https://example.com/a.webp", media_type="image/webp"),
            {"type": "image_url", "image_url": "https://example.com/a.webp"},
        ),
    ],
)
def test_images_documents_and_audio_are_chunks(write: Write, part: Any, chunk: Any) -> None:
    content = write(Message.user(["Look:", part])).body["messages"][0]["content"]
    assert content == [{"type": "text", "text": "Look:"}, chunk]


def test_audio_is_for_models_that_listen(write: Write) -> None:
    spoken = Message.user(["Listen:", FilePart(data=b"abc", media_type="audio/mpeg")])
    body = write(spoken, model="voxtral-small-2507").body
    assert body["messages"][0]["content"][1] == {"type": "input_audio", "input_audio": "YWJj"}
    with pytest.raises(UnsupportedFeatureError, match="does not take audio"):
        write(spoken)


def test_a_speakers_name_is_dropped_and_reported(write: Write) -> None:
    wire = write(Message(role="user", content=(TextPart(text="Hi"),), name="Ada"))
    assert wire.body["messages"] == [{"role": "user", "content": "Hi"}]
    assert reasons(wire, "name") == ["dropped"]


def test_writing_changes_nothing_of_the_callers(write: Write) -> None:
    messages = [*conversation("toolu_01A"), Message.user("And?"), Message.assistant([thought(), "Yes"])]
    before = copy.deepcopy(messages)
    write(messages, tools=[WEATHER], strict=False).body["messages"][0]["content"] = "changed"
    assert messages == before

"""What goes on the wire; everything built here is also shown to the strict dialect."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from modelyard import (
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    ModelCard,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCall,
    ToolResult,
    UnsupportedFeatureError,
)
from modelyard.catalog.loader import load_cards
from modelyard.history.codec import adapt
from modelyard.history.opaque import Target
from modelyard.http.session import WireRequest
from modelyard.testing import Received
from modelyard.types.base import JsonObject, Opaque
from modelyard.types.request import build_request as neutral_request
from modelyard_claude.dialect import DIALECT
from modelyard_claude.dialect_checks import sign
from modelyard_claude.options import ClaudeOptions
from modelyard_claude.plugin import modelyard_provider
from modelyard_claude.request import UNKNOWN_MODEL_TOKENS, WHOLE_ANSWER_TOKENS, build_request, check_request

CARDS = {card.id: card for card in load_cards("modelyard_claude", "claude")}
MODEL = "claude-sonnet-5-5"
WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
PNG = b"\x89PNG\r\n\x1a\n0000"


def wire(
    messages: Any = "Hi", *, model: str = MODEL, options: ClaudeOptions | None = None, **fields: Any
) -> WireRequest:
    """The wire request for a call, which the dialect has accepted."""
    options = options or ClaudeOptions()
    stream = fields.pop("stream", False)
    card = CARDS.get(model) or ModelCard.unknown("claude", model)
    request = neutral_request("claude", model, messages, fields.pop("system", None), fields, stream=stream)
    check_request(request, card)
    request = adapt(request, Target(modelyard_provider().history, "claude", request.model))
    built = build_request(request, card, options)
    if request.adaptation is not None:
        built = replace(built, report=request.adaptation.report(built.report))
    headers = {"authorization": "Bearer key", "content-type": "application/json"}
    headers |= {"anthropic-version": options.version or "2026-10-21"}
    DIALECT.check(Received("POST", built.path, "", headers, json.dumps(built.body).encode()))
    return built


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


def test_the_smallest_request() -> None:
    built = wire("Hi")
    assert built.path == "/v1/messages"
    assert built.report is None
    assert built.body == {
        "model": MODEL,
        "max_tokens": WHOLE_ANSWER_TOKENS,
        "messages": [{"role": "user", "content": [text("Hi")]}],
    }


def test_a_stream_asks_for_one() -> None:
    assert wire(stream=True).body["stream"] is True


def test_leading_system_messages_become_the_system_text() -> None:
    body = wire([Message.system("Be brief."), Message.system("Be kind."), Message.user("Hi")]).body
    assert body["system"] == "Be brief.\n\nBe kind."
    assert [turn["role"] for turn in body["messages"]] == ["user"]


def test_a_later_system_message_stays_in_its_place_where_the_model_takes_it() -> None:
    history = [Message.user("Hi"), Message.system("Be brief."), Message.assistant("Hello."), Message.user("Go on")]
    built = wire(history)
    assert [turn["role"] for turn in built.body["messages"]] == ["user", "system", "assistant", "user"]
    assert built.body["messages"][1]["content"] == [text("Be brief.")]
    assert "system" not in built.body
    assert built.report is None


def test_a_later_system_message_in_an_illegal_place_moves_behind_the_next_user_turn() -> None:
    history = [Message.user("Hi"), Message.assistant("Hello."), Message.system("Be brief."), Message.user("Go on")]
    built = wire(history)
    assert [turn["role"] for turn in built.body["messages"]] == ["user", "assistant", "user", "system"]
    assert notes(built) == [("messages", "converted")]


def test_an_empty_answer_does_not_count_as_the_turn_a_system_message_needs() -> None:
    history = [Message.user("Hi"), Message.system("Be brief."), Message.assistant(""), Message.user("Go on")]
    built = wire(history)
    assert [turn["role"] for turn in built.body["messages"]] == ["user", "system"]
    assert notes(built) == [("messages", "dropped"), ("messages", "converted")]


def test_a_later_system_message_joins_the_system_text_where_the_model_takes_none() -> None:
    history = [Message.user("Hi"), Message.system("Be brief."), Message.user("Go on")]
    built = wire(history, model="claude-haiku-4-5", system="Be kind.")
    assert built.body["system"] == "Be kind.\n\nBe brief."
    assert built.body["messages"] == [{"role": "user", "content": [text("Hi"), text("Go on")]}]
    assert notes(built) == [("messages", "converted")]


def test_a_system_message_that_no_user_turn_follows_joins_the_system_text() -> None:
    built = wire([Message.user("Search"), Message.assistant(paused_search()), Message.system("Be brief.")])
    assert built.body["system"] == "Be brief."
    assert [turn["role"] for turn in built.body["messages"]] == ["user", "assistant"]
    assert notes(built) == [("messages", "converted")]


def test_neighbouring_turns_of_one_role_become_one() -> None:
    history = [
        Message.user("a"),
        Message.user("b"),
        Message.assistant("c"),
        Message.assistant("d"),
        Message.user("e"),
    ]
    body = wire(history).body
    assert body["messages"] == [
        {"role": "user", "content": [text("a"), text("b")]},
        {"role": "assistant", "content": [text("c"), text("d")]},
        {"role": "user", "content": [text("e")]},
    ]


def test_blank_text_and_empty_turns_are_left_out() -> None:
    history = [
        Message.user(["", "a"]),
        Message.assistant(["\n\n", call()]),
        result(),
        Message.assistant(" "),
        Message.user("b"),
    ]
    body = wire(history, tools=[WEATHER]).body
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"] == [text("a")]
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use"]
    assert body["messages"][2]["content"][1] == text("b")


def test_a_conversation_without_any_content_is_refused_here() -> None:
    with pytest.raises(InvalidRequestError, match="holds anything"):
        wire([Message.user(" ")])


def test_a_refusal_goes_back_as_text() -> None:
    body = wire([Message.user("a"), Message.assistant(RefusalPart(text="No.")), Message.user("b")]).body
    assert body["messages"][1]["content"] == [text("No.")]


def test_ending_in_the_models_own_words_is_refused_where_it_does_not_continue_them() -> None:
    history = [Message.user("Name a colour"), Message.assistant("The colour is ")]
    for ending in (history, [*history, Message.system("Be brief.")]):
        with pytest.raises(UnsupportedFeatureError, match="does not continue"):
            wire(ending)
    body = wire(history, model="claude-sonnet-4-5").body
    assert body["messages"][-1] == {"role": "assistant", "content": [text("The colour is")]}


def test_a_paused_turn_may_be_sent_in_to_go_on() -> None:
    part = paused_search()
    body = wire([Message.user("Search"), Message.assistant(part)]).body
    assert body["messages"][-1]["content"] == [part.opaque.data]


# Media


def test_images_as_bytes_and_by_url() -> None:
    url = "https://example.com/a.png"
    body = wire([Message.user(["Look", ImagePart(data=PNG), ImagePart(url=url)])]).body
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
def test_files(part: FilePart, block: JsonObject) -> None:
    assert wire([Message.user(["Read", part])]).body["messages"][0]["content"][1] == block


@pytest.mark.parametrize(
    "part",
    [
        FilePart(data=b"RIFF0000WAVE", media_type="audio/wav"),
        FilePart(data=b"\xff\xfe", media_type="text/plain"),
        FilePart(url="https://example.com/a.txt", media_type="text/plain"),
    ],
)
def test_a_file_claude_cannot_read_is_refused_and_never_lost(part: FilePart) -> None:
    with pytest.raises(UnsupportedFeatureError, match="not a file of type"):
        wire([Message.user(["Read", part])], on_unsupported="drop")


def test_media_in_a_turn_of_the_models_is_left_out_with_a_note() -> None:
    history = [Message.user("a"), Message.assistant(["b", ImagePart(data=PNG)]), Message.user("c")]
    built = wire(history)
    assert built.body["messages"][1]["content"] == [text("b")]
    assert notes(built) == [("messages", "dropped")]


# Tools


def test_tools_are_declared_with_an_object_schema() -> None:
    tools = [WEATHER, {"name": "now"}, {"name": "free", "parameters": {"properties": {}}}]
    assert wire(tools=tools).body["tools"] == [
        {
            "name": "get_weather",
            "description": "Weather of a city.",
            "input_schema": WEATHER["parameters"],
        },
        {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        {"name": "free", "input_schema": {"type": "object", "properties": {}}},
    ]


def test_strict_is_sent_when_it_is_asked_for() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    tools = wire(tools=[{"name": "a", "parameters": schema, "strict": True}, {"name": "b", "strict": False}]).body[
        "tools"
    ]
    assert [tool.get("strict") for tool in tools] == [True, None]


@pytest.mark.parametrize(
    ("choice", "parallel", "wanted"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("auto", None, {"type": "auto"}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        ("get_weather", None, {"type": "tool", "name": "get_weather"}),
    ],
)
def test_the_choice_among_tools(choice: str | None, parallel: bool | None, wanted: JsonObject | None) -> None:
    body = wire(model="claude-opus-5", tools=[WEATHER], tool_choice=choice, parallel_tool_calls=parallel).body
    assert body.get("tool_choice") == wanted


def test_nothing_about_tools_is_sent_without_tools() -> None:
    assert {"tools", "tool_choice"}.isdisjoint(wire(tool_choice="auto", parallel_tool_calls=False).body)


def test_a_forced_choice_is_dropped_where_the_model_refuses_it() -> None:
    built = wire(tools=[WEATHER], tool_choice="required")
    assert built.body["tool_choice"] == {"type": "auto"}
    assert notes(built) == [("tool_choice", "dropped")]
    with pytest.raises(UnsupportedFeatureError, match="tool_choice"):
        wire(tools=[WEATHER], tool_choice="get_weather", on_unsupported="error")


def test_a_forced_choice_is_dropped_while_a_thinking_budget_is_set() -> None:
    budget = {"claude": {"thinking": {"type": "enabled", "budget_tokens": 2000}}}
    model = "claude-haiku-4-5"
    built = wire(model=model, tools=[WEATHER], tool_choice="required", provider_options=budget)
    assert built.body["tool_choice"] == {"type": "auto"}
    assert wire(model=model, tools=[WEATHER], tool_choice="required").body["tool_choice"] == {"type": "any"}


def test_all_results_of_a_turn_are_in_one_message_in_the_order_of_the_calls_before_any_text() -> None:
    history = [
        Message.user("Hi"),
        Message.assistant([call("toolu_1", city="Oslo"), call("toolu_2", city="Rome")]),
        result("toolu_2", "Rain"),
        Message.user("And?"),
        result("toolu_1", "Snow"),
    ]
    body = wire(history, tools=[WEATHER]).body
    assert body["messages"][1]["content"] == [
        {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}},
        {"type": "tool_use", "id": "toolu_2", "name": "get_weather", "input": {"city": "Rome"}},
    ]
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Snow"},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "Rain"},
        text("And?"),
    ]


@pytest.mark.parametrize(
    ("content", "is_error", "fields"),
    [
        ("Sunny", False, {"content": "Sunny"}),
        ("", False, {}),
        ("Boom", True, {"content": "Boom", "is_error": True}),
        (" ", True, {"content": "The tool failed and said nothing.", "is_error": True}),
        ((), False, {}),
    ],
)
def test_results_with_and_without_content(content: Any, is_error: bool, fields: JsonObject) -> None:
    history = [Message.user("Hi"), Message.assistant(call()), result("toolu_1", content, is_error=is_error)]
    block = wire(history, tools=[WEATHER]).body["messages"][2]["content"][0]
    assert block == {"type": "tool_result", "tool_use_id": "toolu_1", **fields}


def test_a_result_may_hold_images_and_documents() -> None:
    content = (TextPart(text="See"), ImagePart(data=PNG), FilePart(data=b"%PDF-1"))
    history = [Message.user("Hi"), Message.assistant(call()), result("toolu_1", content)]
    block = wire(history, tools=[WEATHER]).body["messages"][2]["content"][0]
    assert [inner["type"] for inner in block["content"]] == ["text", "image", "document"]


def test_a_call_that_was_cut_off_goes_back_with_an_empty_input() -> None:
    cut = ToolCall(id="toolu_1", name="get_weather", arguments_text='{"ci')
    body = wire([Message.user("Hi"), Message.assistant(cut), result()], tools=[WEATHER]).body
    assert body["messages"][1]["content"][0]["input"] == {}


# What only Claude reads


def test_thinking_goes_back_first_unchanged_and_in_place() -> None:
    part = thinking("Weather, then.")
    redacted = Opaque(
        provider="claude", model=MODEL, kind="redacted_thinking", data={"type": "redacted_thinking", "data": "x"}
    )
    turn = Message.assistant([part, ReasoningPart(kind="hidden", opaque=redacted), "Let me look.", call()])
    built = wire([Message.user("Hi"), turn, result()], tools=[WEATHER])
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
    part: ReasoningPart | OpaquePart,
) -> None:
    built = wire([Message.user("Hi"), Message.assistant([part, "Hello."]), Message.user("Go on")])
    assert built.body["messages"][1]["content"] == [text("Hello.")]
    assert notes(built) == [("messages", "dropped")]


@pytest.mark.parametrize(
    ("model", "options"),
    [("claude-opus-4-8", None), ("claude-haiku-5-5", {"claude": {"thinking": {"type": "disabled"}}})],
)
def test_thinking_is_left_out_while_thinking_is_off(model: str, options: Any) -> None:
    history = [Message.user("Hi"), Message.assistant([thinking(model=model), "Hello."]), Message.user("Go on")]
    built = wire(history, model=model, provider_options=options)
    assert built.body["messages"][1]["content"] == [text("Hello.")]
    assert notes(built) == [("messages", "dropped")]


def test_thinking_goes_back_where_thinking_was_switched_on() -> None:
    model = "claude-opus-4-8"
    history = [Message.user("Hi"), Message.assistant([thinking(model=model), "Hello."]), Message.user("Go on")]
    body = wire(history, model=model, provider_options={"claude": {"thinking": {"type": "adaptive"}}}).body
    assert body["messages"][1]["content"][0]["type"] == "thinking"


def test_a_turn_of_nothing_but_thinking_is_not_sent() -> None:
    body = wire([Message.user("Hi"), Message.assistant(thinking()), Message.user("Go on")]).body
    assert body["messages"] == [{"role": "user", "content": [text("Hi"), text("Go on")]}]


def test_server_tools_citations_and_callers_go_back_as_they_came() -> None:
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
    content = wire([Message.user("Hi"), turn, result()], tools=[WEATHER]).body["messages"][1]["content"]
    assert content == [
        search,
        found,
        {**text("So."), "citations": cited},
        {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}, "caller": caller},
    ]


def test_what_the_caller_passed_is_not_changed() -> None:
    history = [Message.user("Hi"), Message.assistant([thinking(), "Hello. ", call()]), result()]
    tools, options = [copy.deepcopy(WEATHER)], {"claude": {"output_config": {"effort": "low"}}}
    before = copy.deepcopy((history, tools, options))
    wire(history, tools=tools, provider_options=options)
    assert (history, tools, options) == before


# Limits and wishes


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, WHOLE_ANSWER_TOKENS),
        ({"stream": True}, 128_000),
        ({"model": "claude-haiku-4-5", "stream": True}, 64_000),
        ({"model": "claude-next", "stream": True}, UNKNOWN_MODEL_TOKENS),
        ({"model": "claude-next"}, WHOLE_ANSWER_TOKENS),
        ({"max_output_tokens": 7}, 7),
        ({"max_output_tokens": 0}, 0),
        ({"options": ClaudeOptions(default_max_tokens=99)}, 99),
        ({"options": ClaudeOptions(default_max_tokens=99), "max_output_tokens": 7}, 7),
    ],
)
def test_the_output_limit_is_always_sent(fields: Any, limit: int) -> None:
    assert wire(**fields).body["max_tokens"] == limit


def test_the_output_limit_is_raised_above_a_thinking_budget() -> None:
    budget = {"claude": {"thinking": {"type": "enabled", "budget_tokens": 4000}}}
    built = wire(model="claude-haiku-4-5", max_output_tokens=1000, provider_options=budget)
    assert built.body["max_tokens"] == 5000
    assert notes(built) == [("max_output_tokens", "relaxed")]


def test_sampling_is_dropped_on_every_model_of_today() -> None:
    built = wire(temperature=1.0, top_p=0.5, top_k=3)
    assert {"temperature", "top_p", "top_k"}.isdisjoint(built.body)
    assert notes(built) == [("temperature", "dropped"), ("top_p", "dropped"), ("top_k", "dropped")]
    assert notes(wire(model="claude-haiku-4-5", temperature=0)) == [("temperature", "dropped")]
    with pytest.raises(UnsupportedFeatureError, match="2026-10-21"):
        wire(temperature=0, on_unsupported="error")


def test_sampling_is_sent_under_the_old_version_to_the_models_of_its_time() -> None:
    old = ClaudeOptions(version="2023-06-01")
    built = wire(model="claude-haiku-4-5", options=old, temperature=1.5, top_k=3)
    assert (built.body["temperature"], built.body["top_k"]) == (1, 3)
    assert notes(built) == [("temperature", "clamped")]
    built = wire(model="claude-haiku-4-5", options=old, temperature=0, top_p=0.5)
    assert (built.body["temperature"], built.body.get("top_p")) == (0, None)
    assert notes(wire(model="claude-opus-5", options=old, temperature=0)) == [("temperature", "dropped")]


def test_stop_seed_and_metadata() -> None:
    built = wire(stop=["END", " "], seed=0, metadata={"user_id": "u1", "team": "a"})
    assert built.body["stop_sequences"] == ["END"]
    assert built.body["metadata"] == {"user_id": "u1"}
    assert notes(built) == [("stop", "dropped"), ("seed", "dropped"), ("metadata", "dropped")]
    assert wire(stop="END").body["stop_sequences"] == ["END"]


def test_provider_options_reach_the_body_untouched_and_last() -> None:
    options = {"anthropic": {"max_tokens": 5, "output_config": {"effort": "low"}, "service_tier": "auto"}}
    body = wire(provider_options=options, max_output_tokens=100).body
    assert body["max_tokens"] == 5
    assert body["output_config"] == {"effort": "low"}
    choice = {"claude": {"tool_choice": {"disable_parallel_tool_use": True}}}
    body = wire(provider_options=choice, tools=[WEATHER], tool_choice="auto").body
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert wire(provider_options={"openai": {"store": True}}).body.keys() == wire().body.keys()

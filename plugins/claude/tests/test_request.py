"""Tools, limits and wishes on the wire; everything built here is also shown to the strict dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelyard import (
    FilePart,
    ImagePart,
    Message,
    TextPart,
    ToolCall,
    ToolResult,
    UnsupportedFeatureError,
)
from modelyard.http.session import WireRequest
from modelyard.types.base import JsonObject
from modelyard_claude.options import ClaudeOptions
from modelyard_claude.request import UNKNOWN_MODEL_TOKENS, WHOLE_ANSWER_TOKENS

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


def call(call_id: str = "toolu_1", **arguments: Any) -> ToolCall:
    return ToolCall(id=call_id, name="get_weather", arguments=arguments)


def result(call_id: str = "toolu_1", content: Any = "Sunny", **more: Any) -> Message:
    return Message.tool(ToolResult(tool_call_id=call_id, content=content, **more))


def text(value: str) -> JsonObject:
    return {"type": "text", "text": value}


# Tools


def test_tools_are_declared_with_an_object_schema(write: Write) -> None:
    tools = [WEATHER, {"name": "now"}, {"name": "free", "parameters": {"properties": {}}}]
    assert write(tools=tools).body["tools"] == [
        {
            "name": "get_weather",
            "description": "Weather of a city.",
            "input_schema": WEATHER["parameters"],
        },
        {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        {"name": "free", "input_schema": {"type": "object", "properties": {}}},
    ]


def test_strict_is_sent_when_it_is_asked_for(write: Write) -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    tools = write(
        tools=[{"name": "a", "parameters": schema, "strict": True}, {"name": "b", "strict": False}]
    ).body["tools"]
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
def test_the_choice_among_tools(
    write: Write, choice: str | None, parallel: bool | None, wanted: JsonObject | None
) -> None:
    body = write(model="claude-opus-5", tools=[WEATHER], tool_choice=choice, parallel_tool_calls=parallel).body
    assert body.get("tool_choice") == wanted


def test_nothing_about_tools_is_sent_without_tools(write: Write) -> None:
    assert {"tools", "tool_choice"}.isdisjoint(write(tool_choice="auto", parallel_tool_calls=False).body)


def test_a_forced_choice_is_dropped_where_the_model_refuses_it(write: Write) -> None:
    built = write(tools=[WEATHER], tool_choice="required")
    assert built.body["tool_choice"] == {"type": "auto"}
    assert notes(built) == [("tool_choice", "dropped")]
    with pytest.raises(UnsupportedFeatureError, match="tool_choice"):
        write(tools=[WEATHER], tool_choice="get_weather", on_unsupported="error")


def test_a_forced_choice_is_dropped_while_a_thinking_budget_is_set(write: Write) -> None:
    budget = {"claude": {"thinking": {"type": "enabled", "budget_tokens": 2000}}}
    model = "claude-haiku-4-5"
    built = write(model=model, tools=[WEATHER], tool_choice="required", provider_options=budget)
    assert built.body["tool_choice"] == {"type": "auto"}
    assert write(model=model, tools=[WEATHER], tool_choice="required").body["tool_choice"] == {"type": "any"}


def test_all_results_of_a_turn_are_in_one_message_in_the_order_of_the_calls_before_any_text(write: Write) -> None:
    history = [
        Message.user("Hi"),
        Message.assistant([call("toolu_1", city="Oslo"), call("toolu_2", city="Rome")]),
        result("toolu_2", "Rain"),
        Message.user("And?"),
        result("toolu_1", "Snow"),
    ]
    body = write(history, tools=[WEATHER]).body
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
def test_results_with_and_without_content(write: Write, content: Any, is_error: bool, fields: JsonObject) -> None:
    history = [Message.user("Hi"), Message.assistant(call()), result("toolu_1", content, is_error=is_error)]
    block = write(history, tools=[WEATHER]).body["messages"][2]["content"][0]
    assert block == {"type": "tool_result", "tool_use_id": "toolu_1", **fields}


def test_a_result_may_hold_images_and_documents(write: Write) -> None:
    content = (TextPart(text="See"), ImagePart(data=PNG), FilePart(data=b"%PDF-1"))
    history = [Message.user("Hi"), Message.assistant(call()), result("toolu_1", content)]
    block = write(history, tools=[WEATHER]).body["messages"][2]["content"][0]
    assert [inner["type"] for inner in block["content"]] == ["text", "image", "document"]


def test_a_call_that_was_cut_off_goes_back_with_an_empty_input(write: Write) -> None:
    cut = ToolCall(id="toolu_1", name="get_weather", arguments_text='{"ci')
    body = write([Message.user("Hi"), Message.assistant(cut), result()], tools=[WEATHER]).body
    assert body["messages"][1]["content"][0]["input"] == {}


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
def test_the_output_limit_is_always_sent(write: Write, fields: Any, limit: int) -> None:
    assert write(**fields).body["max_tokens"] == limit


def test_the_output_limit_is_raised_above_a_thinking_budget(write: Write) -> None:
    budget = {"claude": {"thinking": {"type": "enabled", "budget_tokens": 4000}}}
    built = write(model="claude-haiku-4-5", max_output_tokens=1000, provider_options=budget)
    assert built.body["max_tokens"] == 5000
    assert notes(built) == [("max_output_tokens", "relaxed")]


def test_sampling_is_dropped_on_every_model_of_today(write: Write) -> None:
    built = write(temperature=1.0, top_p=0.5, top_k=3)
    assert {"temperature", "top_p", "top_k"}.isdisjoint(built.body)
    assert notes(built) == [("temperature", "dropped"), ("top_p", "dropped"), ("top_k", "dropped")]
    assert notes(write(model="claude-haiku-4-5", temperature=0)) == [("temperature", "dropped")]
    with pytest.raises(UnsupportedFeatureError, match="2026-10-21"):
        write(temperature=0, on_unsupported="error")


def test_sampling_is_sent_under_the_old_version_to_the_models_of_its_time(write: Write) -> None:
    old = ClaudeOptions(version="2023-06-01")
    built = write(model="claude-haiku-4-5", options=old, temperature=1.5, top_k=3)
    assert (built.body["temperature"], built.body["top_k"]) == (1, 3)
    assert notes(built) == [("temperature", "clamped")]
    built = write(model="claude-haiku-4-5", options=old, temperature=0, top_p=0.5)
    assert (built.body["temperature"], built.body.get("top_p")) == (0, None)
    assert notes(write(model="claude-opus-5", options=old, temperature=0)) == [("temperature", "dropped")]


def test_stop_seed_and_metadata(write: Write) -> None:
    built = write(stop=["END", " "], seed=0, metadata={"user_id": "u1", "team": "a"})
    assert built.body["stop_sequences"] == ["END"]
    assert built.body["metadata"] == {"user_id": "u1"}
    assert notes(built) == [("seed", "dropped"), ("stop", "dropped"), ("metadata", "dropped")]
    assert write(stop="END").body["stop_sequences"] == ["END"]


def test_provider_options_reach_the_body_untouched_and_last(write: Write) -> None:
    options = {"anthropic": {"max_tokens": 5, "output_config": {"effort": "low"}, "service_tier": "auto"}}
    body = write(provider_options=options, max_output_tokens=100).body
    assert body["max_tokens"] == 5
    assert body["output_config"] == {"effort": "low"}
    choice = {"claude": {"tool_choice": {"disable_parallel_tool_use": True}}}
    body = write(provider_options=choice, tools=[WEATHER], tool_choice="auto").body
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert write(provider_options={"openai": {"store": True}}).body.keys() == write().body.keys()

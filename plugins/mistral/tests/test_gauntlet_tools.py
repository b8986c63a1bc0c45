"""Failures of other runtimes with tool calls and replay, each by its row, against the strict emulator."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from modelyard import (
    Completion,
    Message,
    Runtime,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    UnsupportedFeatureError,
)
from modelyard.errors import InvalidRequestError
from modelyard.testing import Emulator, Received, Reply, Script
from modelyard.types.base import Opaque
from modelyard.types.content import OpaquePart, ReasoningPart

MODEL = "mistral:mistral-medium-3-5"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool(name="get_weather", parameters=SCHEMA)
NATIVE = re.compile("[A-Za-z0-9]{9}")


def call(call_id: str, city: str = "Paris") -> ToolCall:
    return ToolCall(id=call_id, name="get_weather", arguments={"city": city})


def result(call_id: str, content: Any = "sunny") -> Message:
    return Message.tool(ToolResult(tool_call_id=call_id, content=content))


def sent(emulator: Emulator) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = emulator.requests[-1].json["messages"]
    return messages


def whole(message: dict[str, Any], finish_reason: str = "tool_calls") -> Reply:
    choice = {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", **message}}
    return Reply.json({"id": "r-1", "object": "chat.completion", "model": "m", "choices": [choice]})


def streamed(*deltas: dict[str, Any], finish_reason: str = "tool_calls") -> Reply:
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices[-1]["finish_reason"] = finish_reason
    events = [{"id": "r-1", "model": "m", "choices": [choice]} for choice in choices]
    lines = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
    return Reply.sse([*lines, b"data: [DONE]\n\n"])


async def ask(runtime: Runtime, messages: Any = "Weather?", *, stream: bool = True, **options: Any) -> Completion:
    options.setdefault("tools", [WEATHER])
    if stream:
        return await runtime.stream(MODEL, messages, **options).collect()
    return await runtime.complete(MODEL, messages, **options)


@pytest.mark.parametrize("call_id", ["toolu_01A09q90qw90lq917835lq9", "call_9QfXyz", "gemini:0", "x" * 700])
async def test_a01_a_foreign_call_id_is_sent_in_mistrals_form_and_pairs(
    emulator: Emulator, runtime: Runtime, call_id: str
) -> None:
    history = [Message.user("Weather?"), Message.assistant(call(call_id)), result(call_id)]
    await ask(runtime, history)
    first = sent(emulator)
    alias = first[1]["tool_calls"][0]["id"]
    assert NATIVE.fullmatch(alias)
    assert first[2]["tool_call_id"] == alias
    await ask(runtime, [*history, Message.assistant("Sunny."), Message.user("And now?")])
    assert sent(emulator)[1]["tool_calls"][0]["id"] == alias
    assert history[1].tool_calls[0].id == call_id


@pytest.mark.parametrize("wire_id", ["D681PevKs", None, "null"])
async def test_a02_ids_are_unique_over_turns_and_the_providers_own_are_kept(
    emulator: Emulator, runtime: Runtime, wire_id: str | None
) -> None:
    function = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
    history, ids = [Message.user("Weather?")], []
    for turn in ("r-1", "r-2"):
        turn_id = wire_id if wire_id != "D681PevKs" else f"D681Pev{turn[-1]}s"
        choice = {"tool_calls": [{"id": turn_id, "function": function}], "content": ""}
        reply = {"index": 0, "finish_reason": "tool_calls", "message": choice}
        emulator.add(Reply.json({"id": turn, "model": "m", "choices": [reply]}))
        completion = await ask(runtime, history, stream=False)
        ids += [made.id for made in completion.tool_calls]
        history += [completion.message, *(result(made.id) for made in completion.tool_calls)]
    await ask(runtime, history)
    assert len(set(ids)) == 2
    assert wire_id in (None, "null") or ids == ["D681Pev1s", "D681Pev2s"]
    pairs = [message.get("tool_call_id") or message["tool_calls"][0]["id"] for message in sent(emulator)[1:]]
    assert pairs[0::2] == pairs[1::2]
    assert len(set(pairs)) == 2


async def test_a07_opaque_data_of_another_provider_is_dropped_with_a_note(
    emulator: Emulator, runtime: Runtime
) -> None:
    foreign = Opaque(provider="claude", model="claude-sonnet-5", kind="thinking", data={"signature": "c2ln"})
    turn = Message.assistant(
        [ReasoningPart(text="Hm.", opaque=foreign), OpaquePart(opaque=foreign), TextPart(text="Yes.")]
    )
    completion = await ask(runtime, [Message.user("Well?"), turn, Message.user("Why?")])
    assert sent(emulator)[1] == {"role": "assistant", "content": "Yes."}
    assert "dropped" in {note.action for note in completion.report.about("messages")}


async def test_a12_a_call_nobody_answered_is_answered_as_cancelled(emulator: Emulator, runtime: Runtime) -> None:
    calls = Message.assistant([call("D681PevKs"), call("D681PevKt", "Rome")])
    history = [Message.user("Weather?"), calls, result("D681PevKs"), Message.user("And now?")]
    completion = await ask(runtime, history)
    answers = {
        message["tool_call_id"]: message["content"] for message in sent(emulator) if message["role"] == "tool"
    }
    assert answers == {"D681PevKs": "sunny", "D681PevKt": "cancelled"}
    assert "repaired" in {note.action for note in completion.report.about("messages")}
    with pytest.raises(InvalidRequestError):
        await ask(runtime, history, history="refuse")
    assert emulator.rejected == []


async def test_a13_a_result_without_its_call_is_left_out_or_refused(emulator: Emulator, runtime: Runtime) -> None:
    history = [Message.user("Weather?"), result("D681PevKs"), Message.user("And now?")]
    completion = await ask(runtime, history)
    assert all(message["role"] == "user" for message in sent(emulator))
    assert completion.report.about("messages")
    with pytest.raises(InvalidRequestError):
        await ask(runtime, history, history="refuse")
    assert emulator.rejected == []


@pytest.mark.parametrize("name", ["server/tools.look_up", "x" * 100, "météo"])
@pytest.mark.parametrize("stream", [True, False])
async def test_a23_a_tool_name_mistral_does_not_take_has_an_alias_and_comes_back(
    emulator: Emulator, runtime: Runtime, name: str, stream: bool
) -> None:
    def call_the_first(received: Received) -> Script:
        return Script().call(received.json["tools"][0]["function"]["name"], city="Paris")

    emulator.default = call_the_first
    tool = Tool(name=name, parameters=SCHEMA)
    first = await ask(runtime, tools=[tool], tool_choice=name, stream=stream)
    assert [made.name for made in first.tool_calls] == [name]
    alias = emulator.requests[-1].json["tools"][0]["function"]["name"]
    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", alias)
    history = [Message.user("Weather?"), first.message, result(first.tool_calls[0].id)]
    await ask(runtime, history, tools=[tool], stream=stream)
    assert sent(emulator)[1]["tool_calls"][0]["function"]["name"] == alias
    assert emulator.rejected == []


async def test_a14_a_user_turn_after_a_tool_turn_gets_one_of_the_assistants_between(
    emulator: Emulator, runtime: Runtime
) -> None:
    history = [Message.user("Weather?"), Message.assistant(call("D681PevKs")), result("D681PevKs")]
    completion = await ask(runtime, [*history, Message.user("And now?")])
    assert [message["role"] for message in sent(emulator)] == ["user", "assistant", "tool", "assistant", "user"]
    assert completion.report.about("messages")
    assert emulator.rejected == []


@pytest.mark.parametrize("text", ["Let me see.", "", None])
async def test_a15_an_assistant_turn_is_sent_with_what_it_has(
    emulator: Emulator, runtime: Runtime, text: str | None
) -> None:
    said = [] if text is None else [TextPart(text=text)]
    history = [Message.user("Weather?"), Message.assistant([*said, call("D681PevKs")]), result("D681PevKs")]
    await ask(runtime, history)
    assert sent(emulator)[1].get("content") == (text or None)
    await ask(runtime, [Message.user("A"), Message.assistant([TextPart(text="")]), Message.user("B")])
    assert emulator.rejected == []


@pytest.mark.parametrize("stream", [True, False])
async def test_a16_what_is_declared_is_on_the_wire(emulator: Emulator, runtime: Runtime, stream: bool) -> None:
    await ask(runtime, stream=stream, tool_choice="required", parallel_tool_calls=False)
    body = emulator.requests[-1].json
    assert body["tools"] == [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("any", False)


@pytest.mark.parametrize("arguments", ["", "{}", "null", {}, None])
async def test_a18_a_tool_without_parameters_has_a_schema_and_empty_arguments(
    emulator: Emulator, runtime: Runtime, arguments: Any
) -> None:
    function = {"name": "now", "arguments": arguments}
    emulator.add(streamed({"tool_calls": [{"id": "D681PevKs", "index": 0, "function": function}]}))
    completion = await ask(runtime, tools=[Tool(name="now")])
    assert emulator.requests[-1].json["tools"][0]["function"]["parameters"]["type"] == "object"
    assert completion.tool_calls[0].arguments == {}
    await ask(runtime, [Message.user("Time?"), completion.message, result("D681PevKs")], tools=[Tool(name="now")])
    assert sent(emulator)[1]["tool_calls"][0]["function"]["arguments"] in ("{}", "null")
    assert emulator.rejected == []


async def test_a19_a_call_cut_off_by_the_limit_has_no_arguments(emulator: Emulator, runtime: Runtime) -> None:
    function = {"name": "get_weather", "arguments": '{"city": "Par'}
    emulator.add(streamed({"tool_calls": [{"id": "D681PevKs", "function": function}]}, finish_reason="length"))
    completion = await ask(runtime)
    assert (completion.finish_reason, completion.tool_calls[0].arguments) == ("length", None)
    assert completion.tool_calls[0].arguments_text == '{"city": "Par'


FRAGMENTS = {
    "index missing": [
        {"id": "aaaaaaaaa", "function": {"name": "f", "arguments": '{"n": 1}'}},
        {"id": "bbbbbbbbb", "function": {"name": "f", "arguments": '{"n": 2}'}},
    ],
    "index always 0": [
        {"index": 0, "id": "aaaaaaaaa", "function": {"name": "f", "arguments": '{"n": 1}'}},
        {"index": 0, "id": "bbbbbbbbb", "function": {"name": "f", "arguments": '{"n": 2}'}},
    ],
    "index with gaps": [
        {"index": 1, "id": "aaaaaaaaa", "function": {"name": "f", "arguments": '{"n":'}},
        {"index": 5, "id": "bbbbbbbbb", "function": {"name": "f", "arguments": '{"n": 2}'}},
        {"index": 1, "function": {"arguments": " 1}"}},
    ],
    "id first only": [
        {"index": 0, "id": "aaaaaaaaa", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"n": 1}'}},
        {"index": 1, "id": "bbbbbbbbb", "function": {"name": "f", "arguments": '{"n"'}},
        {"index": 1, "id": "null", "function": {"name": "", "arguments": ": 2}"}},
    ],
}


@pytest.mark.parametrize("fragments", FRAGMENTS.values(), ids=FRAGMENTS)
async def test_a21_calls_are_kept_apart_however_they_are_numbered(
    emulator: Emulator, runtime: Runtime, fragments: list[dict[str, Any]]
) -> None:
    emulator.add(streamed(*({"tool_calls": [fragment]} for fragment in fragments)))
    completion = await ask(runtime, tools=[Tool(name="f", parameters={"type": "object"})])
    assert [(made.id, made.arguments) for made in completion.tool_calls] == [
        ("aaaaaaaaa", {"n": 1}),
        ("bbbbbbbbb", {"n": 2}),
    ]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("arguments", ['{"city": "Paris"}', {"city": "Paris"}], ids=["text", "object"])
async def test_a22_a_whole_call_may_hold_text_or_an_object(
    emulator: Emulator, runtime: Runtime, arguments: Any, stream: bool
) -> None:
    calls = {"tool_calls": [{"id": "D681PevKs", "function": {"name": "get_weather", "arguments": arguments}}]}
    emulator.add(streamed(calls) if stream else whole(calls))
    completion = await ask(runtime, stream=stream)
    assert completion.tool_calls[0].arguments == {"city": "Paris"}
    await ask(runtime, [Message.user("Weather?"), completion.message, result("D681PevKs")])
    assert json.loads(sent(emulator)[1]["tool_calls"][0]["function"]["arguments"]) == {"city": "Paris"}


async def test_a24_unicode_split_over_fragments_arrives_as_it_was_written(
    emulator: Emulator, runtime: Runtime
) -> None:
    text = '{"city": "\\ud83d\\ude00 Zürich"}'
    first, second = text[:12], text[12:]
    emulator.add(
        streamed(
            {
                "tool_calls": [
                    {"id": "D681PevKs", "index": 0, "function": {"name": "get_weather", "arguments": first}}
                ]
            },
            {"tool_calls": [{"index": 0, "function": {"arguments": second}}]},
        )
    )
    made = (await ask(runtime)).tool_calls[0]
    assert made.arguments_text == text
    assert made.arguments == {"city": "😀 Zürich"}


async def test_a25_choice_and_parallel_switch_are_left_out_without_tools(
    emulator: Emulator, runtime: Runtime
) -> None:
    await ask(runtime, tools=[], tool_choice="required", parallel_tool_calls=False)
    assert set(emulator.requests[-1].json) == {"model", "messages", "stream"}
    assert emulator.rejected == []


@pytest.mark.parametrize("output", ["json", SCHEMA], ids=["json", "schema"])
async def test_a27_json_mode_and_tools_exclude_each_other(
    emulator: Emulator, runtime: Runtime, output: Any
) -> None:
    completion = await ask(runtime, "Weather?", output=output)
    body = emulator.requests[-1].json
    assert "response_format" not in body
    assert body["messages"][0]["role"] == "system"
    assert "JSON" in body["messages"][0]["content"]
    assert [note.action for note in completion.report.about("output")] == ["relaxed"]
    before = len(emulator.requests)
    with pytest.raises(UnsupportedFeatureError, match="beside tools"):
        await ask(runtime, "Weather?", output=output, on_unsupported="error")
    assert len(emulator.requests) == before


async def test_a27_the_emulator_refuses_both(emulator: Emulator, runtime: Runtime) -> None:
    forced = {"mistral": {"response_format": {"type": "json_object"}}}
    with pytest.raises(Exception, match="response_format and tools together") as caught:
        await ask(runtime, provider_options=forced)
    assert getattr(caught.value, "code", None) == "3051"


async def test_a28_a_call_of_an_undeclared_tool_arrives_as_any_other(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Script().call("no_such_tool", city="Paris"))
    completion = await ask(runtime)
    assert [made.name for made in completion.tool_calls] == ["no_such_tool"]
    answer = ToolResult(tool_call_id=completion.tool_calls[0].id, content="no such tool", is_error=True)
    await ask(runtime, [Message.user("Weather?"), completion.message, Message.tool(answer)])
    assert emulator.rejected == []


@pytest.mark.parametrize("stream", [True, False])
async def test_a30_thinking_goes_back_with_its_turn(emulator: Emulator, runtime: Runtime, stream: bool) -> None:
    emulator.add(Script().think("Hm, let me see.").call("get_weather", city="Paris"))
    first = await ask(runtime, stream=stream, reasoning="high")
    assert emulator.requests[-1].json["reasoning_effort"] == "high"
    history = [Message.user("Weather?"), first.message, result(first.tool_calls[0].id)]
    await ask(runtime, history, stream=stream, reasoning="high")
    assert emulator.rejected == []
    assert sent(emulator)[1]["content"][0]["type"] == "thinking"
    # The emulator knows a turn whose thinking is gone.
    forgetful = Message.assistant(list(first.message.tool_calls))
    with pytest.raises(Exception, match="keep its thinking"):
        await ask(runtime, [history[0], forgetful, history[2]], stream=stream)


async def test_a30_the_native_prompt_mode_is_refused(emulator: Emulator, runtime: Runtime) -> None:
    with pytest.raises(Exception, match="prompt_mode"):
        await ask(runtime, provider_options={"mistral": {"prompt_mode": "reasoning"}})

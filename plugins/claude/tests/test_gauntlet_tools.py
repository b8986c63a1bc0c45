"""Failures of tool calls and replay seen in other runtimes, by their row in the gauntlet."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from modelyard import (
    InvalidRequestError,
    Message,
    OpaquePart,
    ReasoningPart,
    Runtime,
    TextPart,
    ToolCall,
    ToolResult,
)
from modelyard.http.session import WireRequest
from modelyard.testing import Emulator, Script
from modelyard.types.base import JsonObject, Opaque

MODEL = "claude:claude-sonnet-5-5"
OPUS = "claude:claude-opus-5"
NOW: JsonObject = {"name": "now"}
WEATHER: JsonObject = {
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
Write = Callable[..., WireRequest]


def answer(*results: tuple[str, str]) -> Message:
    return Message.tool([ToolResult(tool_call_id=call_id, content=text) for call_id, text in results])


def sent(emulator: Emulator, number: int = -1) -> list[JsonObject]:
    turns: list[JsonObject] = emulator.requests[number].json["messages"]
    return turns


async def test_a02_ids_are_the_vendors_and_unique_in_the_conversation(
    runtime: Runtime, emulator: Emulator
) -> None:
    emulator.add(Script().call("now"), Script().call("now"))
    history = [Message.user("Time?")]
    ids = []
    for _ in range(2):
        turn = await runtime.complete(MODEL, history, tools=[NOW])
        ids.append(turn.tool_calls[0].id)
        history += [turn.message, answer((ids[-1], "12"))]
    await runtime.complete(MODEL, history, tools=[NOW])
    assert len(set(ids)) == 2
    assert [turn["content"][0].get("tool_use_id") for turn in sent(emulator) if turn["role"] == "user"][1:] == ids
    assert not emulator.rejected


@pytest.mark.parametrize(
    "part",
    [
        ReasoningPart(text="Hm.", opaque=Opaque(provider="openai", kind="reasoning", data={"id": "rs_1"})),
        OpaquePart(opaque=Opaque(provider="gemini", kind="part", data={"thoughtSignature": "x"})),
        ReasoningPart(
            text="Hm.",
            opaque=Opaque(
                provider="claude",
                model="claude-opus-5",
                kind="thinking",
                data={"type": "thinking", "thinking": "Hm.", "signature": "other"},
            ),
        ),
    ],
)
async def test_a07_signatures_of_others_are_left_out_and_noted(
    runtime: Runtime, emulator: Emulator, part: ReasoningPart | OpaquePart
) -> None:
    history = [Message.user("Hi"), Message.assistant([part, "Hello."]), Message.user("Go on")]
    done = await runtime.complete(MODEL, history)
    assert [block["type"] for block in sent(emulator)[1]["content"]] == ["text"]
    assert [note.action for note in done.report.about("messages")] == ["dropped"]


async def test_a08_thinking_comes_back_first_unmodified_and_in_order(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().think("Paris, then.").say("Let me look.").call("now"))
    first = await runtime.stream(MODEL, "Time?", tools=[NOW]).collect()
    history = [Message.user("Time?"), first.message, answer((first.tool_calls[0].id, "12"))]
    await runtime.complete(MODEL, history, tools=[NOW])
    thought, text, call = sent(emulator)[1]["content"]
    assert (thought["type"], thought["thinking"]) == ("thinking", "Paris, then.")
    assert (text["type"], call["type"]) == ("text", "tool_use")
    assert not emulator.rejected


async def test_a09_redacted_thinking_comes_back_as_it_is(runtime: Runtime, emulator: Emulator) -> None:
    raw = {"type": "redacted_thinking", "data": "EmwKAhgB=="}
    hidden = Opaque(provider="claude", model="claude-sonnet-5-5", kind="redacted_thinking", data=raw)
    call = ToolCall(id="toolu_thought_1", name="now", arguments={})
    turn = Message.assistant([ReasoningPart(kind="hidden", opaque=hidden), call])
    await runtime.complete(MODEL, [Message.user("Time?"), turn, answer((call.id, "12"))], tools=[NOW])
    assert sent(emulator)[1]["content"][0] == raw


async def test_a10_thinking_is_stripped_while_thinking_is_off_and_no_turn_is_left_empty(
    runtime: Runtime, emulator: Emulator
) -> None:
    emulator.add(Script().think("Hm.").say("Hello."), Script().think("Only this."))
    spoken = await runtime.complete(OPUS, "Hi")
    silent = await runtime.complete(OPUS, "Hi")
    history = [Message.user("a"), spoken.message, Message.user("b"), silent.message, Message.user("c")]
    done = await runtime.complete(OPUS, history, reasoning="none")
    assert emulator.requests[-1].json["thinking"] == {"type": "disabled"}
    assert [turn["role"] for turn in sent(emulator)] == ["user", "assistant", "user"]
    assert {block["type"] for turn in sent(emulator) for block in turn["content"]} == {"text"}
    assert done.report.about("messages")


async def test_a11_all_results_are_in_one_turn_before_any_text_in_call_order(
    runtime: Runtime, emulator: Emulator
) -> None:
    calls = [ToolCall(id=f"toolu_{n}", name="now", arguments={}) for n in (1, 2)]
    history = [
        Message.user("Hi"),
        Message.assistant(calls),
        answer(("toolu_2", "b")),
        Message.user("And?"),
        answer(("toolu_1", "a")),
    ]
    await runtime.complete(MODEL, history, tools=[NOW])
    results = sent(emulator)[2]["content"]
    assert [block.get("tool_use_id") for block in results] == ["toolu_1", "toolu_2", None]
    assert not emulator.rejected


@pytest.mark.parametrize("given", [(), (("toolu_1", "a"),)])
async def test_a12_a_call_without_its_result_is_repaired_or_refused(
    runtime: Runtime, emulator: Emulator, given: Any
) -> None:
    calls = [ToolCall(id=f"toolu_{n}", name="now", arguments={}) for n in (1, 2)]
    history = [Message.user("Hi"), Message.assistant(calls)]
    history += [answer(*given)] if given else []
    history.append(Message.user("Well?"))
    done = await runtime.complete(MODEL, history, tools=[NOW])
    assert [block["type"] for block in sent(emulator)[2]["content"]][:2] == ["tool_result", "tool_result"]
    assert done.report
    with pytest.raises(InvalidRequestError):
        await runtime.complete(MODEL, history, tools=[NOW], history="refuse")
    assert len(emulator.requests) == 1


async def test_a13_a_result_without_its_call_is_dropped_or_refused(runtime: Runtime, emulator: Emulator) -> None:
    history = [answer(("toolu_9", "12")), Message.user("Hi")]
    done = await runtime.complete(MODEL, history, tools=[NOW])
    assert sent(emulator) == [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    assert done.report
    with pytest.raises(InvalidRequestError):
        await runtime.complete(MODEL, history, tools=[NOW], history="refuse")


async def test_a13_a_conversation_of_nothing_but_such_results_is_a_typed_error(
    runtime: Runtime, emulator: Emulator
) -> None:
    with pytest.raises(InvalidRequestError):
        await runtime.complete(MODEL, [answer(("toolu_9", "12"))], tools=[NOW])
    assert not emulator.requests


async def test_a17_blank_text_is_left_out_and_the_turn_stays_with_its_other_blocks(
    runtime: Runtime, emulator: Emulator
) -> None:
    call = ToolCall(id="toolu_1", name="now", arguments={})
    history = [Message.user(["", "a"]), Message.assistant([" \n", call]), answer(("toolu_1", "12"))]
    await runtime.complete(MODEL, history, tools=[NOW])
    assert [[block["type"] for block in turn["content"]] for turn in sent(emulator)] == [
        ["text"],
        ["tool_use"],
        ["tool_result"],
    ]


@pytest.mark.parametrize("parameters", [None, {"type": "object", "properties": {}}, {"properties": {}}, {}])
async def test_a18_a_tool_without_parameters_has_a_valid_schema_and_no_arguments_are_an_object(
    runtime: Runtime, emulator: Emulator, parameters: Any
) -> None:
    emulator.add(Script().call("now"))
    done = await runtime.stream(MODEL, "Hi", tools=[{"name": "now", "parameters": parameters}]).collect()
    assert emulator.requests[0].json["tools"][0]["input_schema"]["type"] == "object"
    assert done.tool_calls[0].arguments == {}


@pytest.mark.parametrize("name", ["mcp.server/list-files", "n" * 80, "süß"])
async def test_a23_a_name_claude_does_not_take_is_aliased_and_comes_back(
    runtime: Runtime, emulator: Emulator, name: str
) -> None:
    emulator.default = lambda received: Script().call(received.json["tools"][0]["name"])
    first = await runtime.complete(MODEL, "Hi", tools=[{"name": name}])
    assert first.tool_calls[0].name == name
    history = [Message.user("Hi"), first.message, answer((first.tool_calls[0].id, "ok"))]
    await runtime.complete(MODEL, history, tools=[{"name": name}])
    declared = emulator.requests[1].json["tools"][0]["name"]
    assert sent(emulator)[1]["content"][0]["name"] == declared != name
    assert not emulator.rejected


async def test_a24_characters_split_over_fragments_arrive_whole(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().call("get_weather", city="Łódź 🙂🙃 \u2028"))
    done = await runtime.stream(MODEL, "Hi", tools=[WEATHER]).collect()
    assert done.tool_calls[0].arguments == {"city": "Łódź 🙂🙃 \u2028"}


async def test_a25_nothing_about_tools_is_sent_without_tools(runtime: Runtime, emulator: Emulator) -> None:
    await runtime.complete(MODEL, "Hi", tool_choice="auto", parallel_tool_calls=False)
    assert {"tools", "tool_choice"}.isdisjoint(emulator.requests[0].json)


async def test_a28_a_call_of_an_undeclared_tool_is_an_ordinary_call(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().call("phantom", x=1))
    done = await runtime.complete(MODEL, "Hi", tools=[NOW])
    assert [(call.name, call.arguments) for call in done.tool_calls] == [("phantom", {"x": 1})]
    error = Message.tool(ToolResult(tool_call_id=done.tool_calls[0].id, content="No such tool.", is_error=True))
    await runtime.complete(MODEL, [Message.user("Hi"), done.message, error], tools=[NOW])
    assert not emulator.rejected


def test_a_search_result_of_the_callers_goes_in_the_place_of_its_text(write: Write) -> None:
    block = {
        "type": "search_result",
        "source": "kb/7",
        "title": "Tides",
        "content": [{"type": "text", "text": "Twice a day."}],
        "citations": {"enabled": True},
    }
    part = TextPart(text="Twice a day.", opaque=Opaque(provider="claude", kind="search_result", data=block))
    before = copy.deepcopy(block)
    built = write([Message.user([part.model_copy(update={"cache": True}), TextPart(text="When?")])])
    assert built.body["messages"][0]["content"][0] == {**block, "cache_control": {"type": "ephemeral"}}
    assert block == before
    call = ToolCall(id="toolu_1", name="now", arguments={})
    result = Message.tool(ToolResult(tool_call_id="toolu_1", content=(part,)))
    built = write([Message.user("Hi"), Message.assistant(call), result], tools=[NOW])
    assert built.body["messages"][2]["content"][0]["content"] == [block]

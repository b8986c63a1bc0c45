"""Failures of tool calls that really happened elsewhere, each as a rule for this plugin: gauntlet section A."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelyard import Completion, InvalidRequestError, Message, Runtime, StreamInterruptedError
from modelyard.testing import Emulator, Script, cut_after
from modelyard.types.base import JsonObject, Opaque
from modelyard.types.content import OpaquePart, ReasoningPart, TextPart, ToolCall, ToolResult
from modelyard_gemini.testing.checks import make_signature

from .conftest import sent
from .wire import answer, stream_of, streamed, whole

FLASH = "gemini:gemini-3.8-flash"
TWO = "gemini:gemini-2.5-flash"
CITY: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS: list[Any] = [{"name": "get_w", "parameters": CITY}]


def results(completion: Completion, text: str = "sunny") -> list[Message]:
    found = [ToolResult(tool_call_id=call.id, content=text) for call in completion.tool_calls]
    return [completion.message, Message.tool(found)]


def wire_parts(emulator: Emulator, kind: str) -> list[JsonObject]:
    contents: list[JsonObject] = sent(emulator)["contents"]
    return [part for content in contents for part in content["parts"] if kind in part]


async def test_a02_ids_are_unique_in_the_conversation_although_google_sends_none(
    runtime: Runtime, emulator: Emulator
) -> None:
    emulator.add(Script().call("get_w", city="Paris"), Script().call("get_w", city="Rome"), Script().say("Done."))
    history = [Message.user("Weather?")]
    ids = []
    for _ in range(2):
        completion = await runtime.complete(TWO, history, tools=TOOLS)
        ids += [call.id for call in completion.tool_calls]
        history += results(completion)
    await runtime.complete(TWO, history, tools=TOOLS)
    assert len(set(ids)) == 2
    assert [part["functionCall"]["args"]["city"] for part in wire_parts(emulator, "functionCall")] == [
        "Paris",
        "Rome",
    ]


async def test_a03_two_calls_of_one_function_without_ids_stay_two_and_are_answered_in_order(
    runtime: Runtime, emulator: Emulator
) -> None:
    emulator.add(Script().call("get_w", city="Paris").call("get_w", city="Rome"), Script().say("Done."))
    completion = await runtime.complete(TWO, "Weather?", tools=TOOLS)
    first, second = completion.tool_calls
    assert first.id != second.id
    backwards = [ToolResult(tool_call_id=call.id, content=call.arguments_text) for call in (second, first)]
    await runtime.complete(
        TWO, [Message.user("Weather?"), completion.message, Message.tool(backwards)], tools=TOOLS
    )
    answers = [part["functionResponse"] for part in wire_parts(emulator, "functionResponse")]
    assert ["Paris" in json.dumps(entry["response"]) for entry in answers] == [True, False]
    assert all("id" not in entry for entry in answers)


async def test_a04_an_id_google_sent_goes_back_and_no_other_does(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().call_with_id("g-1", "get_w", city="Paris"), Script().say("Done."))
    completion = await runtime.complete(FLASH, "Weather?", tools=TOOLS)
    assert completion.tool_calls[0].id == "g-1"
    foreign = [
        Message.user("Before?"),
        Message.assistant(ToolCall(id="call_x", name="get_w", arguments={"city": "Oslo"})),
        Message.tool(ToolResult(tool_call_id="call_x", content="snow")),
    ]
    await runtime.complete(FLASH, [*foreign, Message.user("Weather?"), *results(completion)], tools=TOOLS)
    assert [part["functionCall"].get("id") for part in wire_parts(emulator, "functionCall")] == [None, "g-1"]
    assert [part["functionResponse"].get("id") for part in wire_parts(emulator, "functionResponse")] == [
        None,
        "g-1",
    ]


@pytest.mark.parametrize("stream", [True, False])
async def test_a05_the_signature_on_the_first_of_two_calls_goes_back_on_that_call(
    runtime: Runtime, emulator: Emulator, stream: bool
) -> None:
    emulator.add(Script().call("get_w", city="Paris").call("get_w", city="Rome"), Script().say("Done."))
    if stream:
        completion = await runtime.stream(FLASH, "Weather?", tools=TOOLS).collect()
    else:
        completion = await runtime.complete(FLASH, "Weather?", tools=TOOLS)
    stored = Message.model_validate_json(completion.message.model_dump_json())
    answers = results(completion)[1]
    await runtime.complete(FLASH, [Message.user("Weather?"), stored, answers], tools=TOOLS)
    signatures = [part.get("thoughtSignature") for part in wire_parts(emulator, "functionCall")]
    assert signatures == [make_signature("gemini-3.8-flash", 0), None]


def test_a06_a_signature_is_no_part_of_the_id() -> None:
    signature = "c2ln" * 100
    call = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": signature}
    (made,) = whole(answer(call)).tool_calls
    assert len(made.id) <= 64
    assert made.opaque is not None
    assert made.opaque.data["thoughtSignature"] == signature


async def test_a07_opaque_data_of_another_vendor_is_left_out_with_a_note_and_never_becomes_text(
    runtime: Runtime, emulator: Emulator
) -> None:
    foreign = Opaque(provider="claude", model="claude-x", kind="thinking", data={"signature": "zzz"})
    message = Message.assistant(
        [ReasoningPart(text="SECRET PLAN", opaque=foreign), TextPart(text="Hello."), OpaquePart(opaque=foreign)]
    )
    completion = await runtime.complete(FLASH, [Message.user("Hi"), message, Message.user("Go on")])
    assert sent(emulator)["contents"][1] == {"role": "model", "parts": [{"text": "Hello."}]}
    assert completion.report.about("messages")


async def test_a12_a13_calls_without_results_and_results_without_calls_do_not_reach_google(
    runtime: Runtime, emulator: Emulator
) -> None:
    history = [
        Message.user("Weather?"),
        Message.assistant([ToolCall(id="a", name="get_w"), ToolCall(id="b", name="get_w")]),
        Message.tool(
            [ToolResult(tool_call_id="a", content="sunny"), ToolResult(tool_call_id="gone", content="?")]
        ),
    ]
    completion = await runtime.complete(FLASH, history, tools=TOOLS)
    assert len(wire_parts(emulator, "functionResponse")) == 2
    assert {note.action for note in completion.report.about("messages")} >= {"repaired", "dropped"}
    with pytest.raises(InvalidRequestError):
        await runtime.complete(FLASH, history, tools=TOOLS, history="refuse")


@pytest.mark.parametrize("parameters", [None, {}, {"type": "object"}, {"type": "object", "properties": {}}])
async def test_a18_a_tool_without_parameters_has_no_empty_schema(
    runtime: Runtime, emulator: Emulator, parameters: JsonObject | None
) -> None:
    emulator.add(Script().call("now"))
    completion = await runtime.complete(FLASH, "Hi", tools=[{"name": "now", "parameters": parameters}])
    assert sent(emulator)["tools"] == [{"functionDeclarations": [{"name": "now"}]}]
    assert completion.tool_calls[0].arguments == {}


@pytest.mark.parametrize("args", [{}, {"args": None}, {"args": {}}])
def test_a18_a_call_without_arguments_has_an_empty_object(args: JsonObject) -> None:
    assert whole(answer({"functionCall": {"name": "now", **args}})).tool_calls[0].arguments == {}


async def test_a19_a_call_cut_off_with_the_stream_is_no_call(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().say("Looking.").call("get_w", city="Paris"))
    emulator.fault = cut_after(1)
    with pytest.raises(StreamInterruptedError) as caught:
        await runtime.stream(FLASH, "Weather?", tools=TOOLS).collect()
    assert caught.value.partial is not None
    assert caught.value.partial.tool_calls == ()


@pytest.mark.parametrize("stream", [True, False])
async def test_a23_a_name_google_does_not_take_is_replaced_and_comes_back_as_it_was(
    runtime: Runtime, emulator: Emulator, stream: bool
) -> None:
    name = "mcp/server tools/" + "x" * 120

    def call_what_is_declared(received: Any) -> Script:
        return Script().call(received.json["tools"][0]["functionDeclarations"][0]["name"], city="Paris")

    emulator.default = call_what_is_declared
    tools: list[Any] = [{"name": name, "parameters": CITY}]
    wishes: JsonObject = {"tools": tools, "tool_choice": name}
    if stream:
        completion = await runtime.stream(FLASH, "Hi", **wishes).collect()
    else:
        completion = await runtime.complete(FLASH, "Hi", **wishes)
    assert completion.tool_calls[0].name == name
    assert completion.report.about("tools")[0].action == "renamed"
    await runtime.complete(FLASH, [Message.user("Hi"), *results(completion)], tools=tools)
    alias = sent(emulator)["tools"][0]["functionDeclarations"][0]["name"]
    assert wire_parts(emulator, "functionCall")[0]["functionCall"]["name"] == alias
    assert wire_parts(emulator, "functionResponse")[0]["functionResponse"]["name"] == alias


async def test_a23_dots_and_colons_are_fine(runtime: Runtime, emulator: Emulator) -> None:
    await runtime.complete(FLASH, "Hi", tools=[{"name": "a.b:c-d", "parameters": CITY}])
    assert sent(emulator)["tools"][0]["functionDeclarations"][0]["name"] == "a.b:c-d"


def test_a24_arguments_are_exact_wherever_the_stream_is_cut() -> None:
    body = stream_of(answer({"functionCall": {"name": "f", "args": {"text": "😀 \u2028 \\ud83d"}}}))
    escaped = body.replace("😀".encode(), b"\\ud83d\\ude00")
    from .wire import completed, decode

    for data in (body, escaped):
        for at in range(len(data)):
            made = completed(decode([data[:at], data[at:]])).tool_calls[0]
            assert made.arguments == {"text": "😀 \u2028 \\ud83d"}


async def test_a25_without_tools_nothing_is_said_of_choice_or_parallel_calls(
    runtime: Runtime, emulator: Emulator
) -> None:
    completion = await runtime.complete(FLASH, "Hi", tool_choice="required", parallel_tool_calls=False)
    assert sent(emulator).keys() == {"contents", "store"}
    assert {note.field for note in completion.report.notes} == {"tool_choice", "parallel_tool_calls"}


@pytest.mark.parametrize("content", ["text", "[1, 2]", "7", "null", ""])
async def test_a26_a_result_is_an_object_whatever_the_tool_said(
    runtime: Runtime, emulator: Emulator, content: str
) -> None:
    history = [
        Message.user("Weather?"),
        Message.assistant(ToolCall(id="a", name="get_w", arguments={})),
        Message.tool(ToolResult(tool_call_id="a", content=content)),
    ]
    await runtime.complete(FLASH, history, tools=TOOLS)
    assert wire_parts(emulator, "functionResponse")[0]["functionResponse"]["response"] == {"result": content}


async def test_a27_json_and_tools_are_refused_before_sending_where_the_card_says_they_exclude_each_other(
    runtime: Runtime, emulator: Emulator
) -> None:
    from modelyard import UnsupportedFeatureError

    for model in (TWO, "gemini:gemma-4-31b-it"):
        with pytest.raises(UnsupportedFeatureError, match="not both") as caught:
            await runtime.complete(model, "Hi", tools=TOOLS, output="json")
        assert caught.value.feature == "output"
    assert emulator.requests == []
    await runtime.complete(FLASH, "Hi", tools=TOOLS, output="json")
    assert sent(emulator).keys() >= {"tools", "generationConfig"}


async def test_a28_a_call_of_a_tool_nobody_declared_is_a_call_like_any_other(
    runtime: Runtime, emulator: Emulator
) -> None:
    emulator.add(Script().call("phantom", a=1), Script().say("Sorry."))
    completion = await runtime.complete(FLASH, "Hi", tools=TOOLS)
    assert completion.tool_calls[0].name == "phantom"
    failed = ToolResult(tool_call_id=completion.tool_calls[0].id, content="no such tool", is_error=True)
    history = [Message.user("Hi"), completion.message, Message.tool(failed)]
    assert (await runtime.complete(FLASH, history, tools=TOOLS)).text == "Sorry."
    assert wire_parts(emulator, "functionResponse")[0]["functionResponse"]["response"] == {"error": "no such tool"}


def test_a29_stop_after_calls_means_tool_calls() -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    for completion in (whole(answer(call)), streamed(answer(call, finish=None), answer())):
        assert (completion.finish_reason, completion.raw_finish_reason) == ("tool_calls", "STOP")

"""Failures of other runtimes with tool calls and their replay, each against the strict emulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from modelyard import InvalidRequestError, Message, ReasoningPart, Runtime, TextPart, ToolCall, ToolResult
from modelyard.http.session import WireRequest
from modelyard.testing import Emulator, Reply, Script, sse
from modelyard.types.base import JsonObject, Opaque

Wire: TypeAlias = Callable[..., WireRequest]

PLAIN = "openai:gpt-4.1"
WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
NOW = {"name": "now"}


@pytest.fixture(params=["responses", "chat"])
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def either(api: str, emulator: Emulator) -> Any:
    """A runtime for each of the two APIs."""
    settings = {**emulator.settings(), "options": {"api": api}}
    async with Runtime({"openai": settings}, max_attempts=1, plugins=["openai"]) as running:
        yield running


def fragments(*calls: JsonObject, finish: str = "tool_calls") -> Reply:
    """A Chat Completions stream of tool call fragments."""
    made: list[JsonObject] = [
        {"delta": {"tool_calls": [call]}, "index": 0, "finish_reason": None} for call in calls
    ]
    made.append({"delta": {}, "index": 0, "finish_reason": finish})
    return Reply.sse([*(sse({"id": "c1", "choices": [choice]}) for choice in made), sse("[DONE]")])


def fragment(arguments: Any, index: int | None = 0, **more: Any) -> JsonObject:
    name = more.pop("name", None)
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return {**({"index": index} if index is not None else {}), "function": function, **more}


def history(*made: ToolCall, results: int | None = None) -> list[Message]:
    answered = made[: len(made) if results is None else results]
    turns = [Message.user("Weather?"), Message.assistant(made)]
    return turns + [Message.tool([ToolResult(tool_call_id=call.id, content="Sunny")]) for call in answered]


def call(call_id: str, name: str = "get_weather", **more: Any) -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments={"city": "Paris"}, **more)


async def test_a02_calls_without_ids_get_ids_that_are_unique_in_the_conversation(
    chat_runtime: Runtime, emulator: Emulator
) -> None:
    turns, ids = [Message.user("Weather?")], []
    for number in range(2):
        body = {"function": {"name": "get_weather", "arguments": "{}"}}
        choice = {"message": {"content": None, "tool_calls": [body]}, "finish_reason": "tool_calls"}
        emulator.add(Reply.json({"id": f"c{number}", "choices": [choice]}))
        answer = await chat_runtime.complete(PLAIN, turns, tools=[WEATHER])
        (made,) = answer.tool_calls
        ids.append(made.id)
        turns += [answer.message, Message.tool(ToolResult(tool_call_id=made.id, content="Sunny"))]
    await chat_runtime.complete(PLAIN, turns, tools=[WEATHER])
    assert (emulator.rejected, len(set(ids))) == ([], 2)


async def test_a06_an_id_longer_than_openai_takes_is_shortened_on_the_way(
    either: Runtime, emulator: Emulator
) -> None:
    await either.complete(PLAIN, history(call("x" * 300)), tools=[WEATHER])
    assert emulator.rejected == []


async def test_a07_what_another_vendor_signed_is_left_out_and_noted(either: Runtime, emulator: Emulator) -> None:
    signed = Opaque(
        provider="claude", model="claude-x", kind="thinking", data={"type": "thinking", "signature": "s"}
    )
    foreign = Opaque(provider="gemini", kind="part", data={"thoughtSignature": "s"})
    turns = [
        Message.user("a"),
        Message.assistant(
            [ReasoningPart(text="Secret thought", opaque=signed), TextPart(text="b", opaque=foreign)]
        ),
        Message.user("c"),
    ]
    answer = await either.complete(PLAIN, turns)
    assert emulator.rejected == []
    assert answer.report.about("messages")
    assert "Secret thought" not in emulator.requests[-1].body.decode()


async def test_a12_a_call_without_a_result_is_repaired_and_noted_or_refused(
    either: Runtime, emulator: Emulator
) -> None:
    turns = [*history(call("call_1"), call("call_2"), results=1), Message.user("Go on")]
    answer = await either.complete(PLAIN, turns, tools=[WEATHER])
    assert emulator.rejected == []
    assert "repaired" in {note.action for note in answer.report.about("messages")}
    with pytest.raises(InvalidRequestError):
        await either.complete(PLAIN, turns, tools=[WEATHER], history="refuse")


async def test_a13_a_result_without_its_call_is_left_out_and_noted(either: Runtime, emulator: Emulator) -> None:
    turns = [Message.user("a"), Message.tool(ToolResult(tool_call_id="gone", content="x")), Message.user("b")]
    answer = await either.complete(PLAIN, turns)
    assert emulator.rejected == []
    assert answer.report.about("messages")


def test_a16_tools_that_are_declared_are_on_the_wire(wire: Wire, api: str) -> None:
    tools = wire(model="gpt-4.1", api=api, tools=[WEATHER, NOW]).body["tools"]
    assert [tool.get("name") or tool["function"]["name"] for tool in tools] == ["get_weather", "now"]


async def test_a18_a_tool_without_parameters_is_declared_and_called(either: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().call("now"))
    (made,) = (await either.complete(PLAIN, "When?", tools=[NOW])).tool_calls
    assert (emulator.rejected, made.arguments) == ([], {})


@pytest.mark.parametrize("arguments", ["", "null", "{}", None])
async def test_a18_empty_arguments_are_no_arguments(
    chat_runtime: Runtime, emulator: Emulator, arguments: Any
) -> None:
    emulator.add(fragments(fragment(arguments, id="call_1", name="now")))
    (made,) = (await chat_runtime.stream(PLAIN, "When?", tools=[NOW]).collect()).tool_calls
    assert made.arguments == {}


@pytest.mark.parametrize("stream", [True, False])
async def test_a19_a_call_cut_off_by_the_limit_is_never_whole(
    either: Runtime, emulator: Emulator, api: str, stream: bool
) -> None:
    from modelyard.testing import Call

    emulator.add(Script((Call("get_weather", {"city": "Paris"}, "call_1", cut_at=8),)).finish("length"))
    ask = (
        either.stream(PLAIN, "Hi", tools=[WEATHER]).collect()
        if stream
        else either.complete(PLAIN, "Hi", tools=[WEATHER])
    )
    answer = await ask
    assert answer.finish_reason == "length"
    assert (answer.tool_calls[0].arguments, answer.tool_calls[0].arguments_text) == (None, '{"city":')


async def test_a20_arguments_are_complete_at_the_end_of_the_call_only(
    chat_runtime: Runtime, emulator: Emulator
) -> None:
    pieces = ["", "{}", " "]
    emulator.add(
        fragments(
            *(
                fragment(piece, id="call_1", name="now") if not n else fragment(piece)
                for n, piece in enumerate(pieces)
            )
        )
    )
    async with chat_runtime.stream(PLAIN, "Hi", tools=[NOW]) as stream:
        kinds = [event.type async for event in stream if event.type.startswith("tool_call")]
    assert kinds[0] == "tool_call_start"
    assert kinds.count("tool_call_end") == 1
    assert kinds[-1] == "tool_call_end"


TWO = [("call_1", "get_weather", {"city": "Paris"}), ("call_2", "now", {})]
VARIANTS = {
    "index missing": [
        fragment('{"city":', None, id="call_1", name="get_weather"),
        fragment('"Paris"}', None),
        fragment("{}", None, id="call_2", name="now"),
    ],
    "index always 0": [
        fragment('{"city":"Paris"}', 0, id="call_1", name="get_weather"),
        fragment("{}", 0, id="call_2", name="now"),
    ],
    "index with gaps": [
        fragment('{"city":', 3, id="call_1", name="get_weather"),
        fragment("{}", 7, id="call_2", name="now"),
        fragment('"Paris"}', 3),
    ],
    "interleaved, id first only": [
        fragment("", 0, id="call_1", name="get_weather"),
        fragment("", 1, id="call_2", name="now"),
        fragment('{"city":', 0),
        fragment("{", 1),
        fragment('"Paris"}', 0),
        fragment("}", 1),
    ],
    "id repeated": [
        fragment('{"city":', 0, id="call_1", name="get_weather"),
        fragment('"Paris"}', 0, id="call_1", name="get_weather"),
        fragment("{}", 1, id="call_2", name="now"),
    ],
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
async def test_a21_parallel_calls_stay_apart_however_they_are_numbered(
    chat_runtime: Runtime, emulator: Emulator, variant: list[JsonObject]
) -> None:
    emulator.add(fragments(*variant))
    answer = await chat_runtime.stream(PLAIN, "Hi", tools=[WEATHER, NOW]).collect()
    assert [(made.id, made.name, made.arguments) for made in answer.tool_calls] == TWO


@pytest.mark.parametrize("arguments", ['{"city":"Paris"}', {"city": "Paris"}])
async def test_a22_a_call_may_come_in_one_chunk_its_arguments_as_text_or_object(
    chat_runtime: Runtime, emulator: Emulator, arguments: Any
) -> None:
    emulator.add(fragments(fragment(arguments, id="call_1", name="get_weather")))
    (made,) = (await chat_runtime.stream(PLAIN, "Hi", tools=[WEATHER]).collect()).tool_calls
    assert made.arguments == {"city": "Paris"}


@pytest.mark.parametrize("name", ["server.tools/get weather", "a" * 100])
async def test_a23_names_openai_refuses_are_aliased_and_come_back(
    either: Runtime, emulator: Emulator, api: str, name: str
) -> None:
    def answer(received: Any) -> Script:
        (tool,) = received.json["tools"]
        return Script().call(tool.get("name") or tool["function"]["name"], city="Paris")

    emulator.default = answer
    (made,) = (await either.complete(PLAIN, "Hi", tools=[{**WEATHER, "name": name}])).tool_calls
    assert (emulator.rejected, made.name) == ([], name)


async def test_a24_escapes_split_across_deltas_are_read_whole(chat_runtime: Runtime, emulator: Emulator) -> None:
    pieces = ['{"city": "\\ud8', "3d\\ude", '00 \\u0141"}']
    first, *rest = pieces
    emulator.add(fragments(fragment(first, id="call_1", name="get_weather"), *(fragment(piece) for piece in rest)))
    (made,) = (await chat_runtime.stream(PLAIN, "Hi", tools=[WEATHER]).collect()).tool_calls
    assert made.arguments == {"city": "\U0001f600 Ł"}
    assert made.arguments_text == "".join(pieces)


async def test_a24_escapes_split_across_deltas_of_responses_too(runtime: Runtime, emulator: Emulator) -> None:
    text = '{"city": "\\ud83d\\ude00"}'
    item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "get_weather", "arguments": ""}
    delta = {"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "fc_1"}
    whole = {**item, "arguments": text, "status": "completed"}
    events: list[JsonObject] = [
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        *({**delta, "delta": text[at : at + 3]} for at in range(0, len(text), 3)),
        {"type": "response.output_item.done", "output_index": 0, "item": whole},
        {"type": "response.completed", "response": {"status": "completed", "output": [whole]}},
    ]
    emulator.add(Reply.sse([sse(event, event["type"]) for event in events]))
    (made,) = (await runtime.stream(PLAIN, "Hi", tools=[WEATHER]).collect()).tool_calls
    assert made.arguments == json.loads(text)


def test_a25_nothing_is_said_of_tools_when_there_are_none_and_that_is_noted(wire: Wire, api: str) -> None:
    built = wire(model="gpt-4.1", api=api, tools=[], tool_choice="auto", parallel_tool_calls=False)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & built.body.keys()
    assert built.report is not None
    assert [note.field for note in built.report.notes] == ["tool_choice", "parallel_tool_calls"]


def test_c06_strict_tools_are_transformed_or_sent_without_strict_and_noted(wire: Wire, api: str) -> None:
    optional = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"enum": ["x"], "type": "string"}}}
    for schema, strict in ((optional, True), ({"type": "object", "additionalProperties": True}, False)):
        built = wire(model="gpt-4.1", api=api, tools=[{"name": "f", "parameters": schema, "strict": True}])
        (tool,) = built.body["tools"]
        tool = tool.get("function", tool)
        assert tool["strict"] is strict
        assert built.report is not None
        assert built.report.about("tools.f.parameters")

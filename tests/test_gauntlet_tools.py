"""Failures of other runtimes around tool calls and replay, one test for each that every provider shares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from modelyard import (
    Completion,
    InvalidRequestError,
    Message,
    Opaque,
    OpaquePart,
    Part,
    ReasoningPart,
    Tool,
    ToolCall,
    ToolResult,
)
from modelyard.testing import Received, Script

from .conftest import Emulated, ask

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
LOOK = Tool(name="look", parameters=CITY)
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
USER = Message.user("Where is it sunny?")


def answers(completion: Completion) -> Message:
    """A result for each call."""
    return Message.tool(ToolResult(tool_call_id=call.id, content="sunny") for call in completion.tool_calls)


def texts_of(value: Any) -> list[str]:
    """Every text in a body, wherever it stands."""
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [text for item in items for text in texts_of(item)]


def sent(emulated: Emulated) -> str:
    """The last body sent; nothing may have been refused."""
    assert emulated.emulator.rejected == []
    return emulated.emulator.requests[-1].body.decode()


@STREAM
async def test_a02_the_same_call_on_two_turns_has_two_ids_that_pair(emulated: Emulated, *, stream: bool) -> None:
    emulated.emulator.add(Script().call("look", city="Rome"), Script().call("look", city="Rome"))
    history = [USER]
    async with emulated.runtime() as runtime:
        for _ in range(2):
            answer = await ask(runtime, emulated.reference, stream=stream, messages=history, tools=[LOOK])
            history += [answer.message, answers(answer)]
        await ask(runtime, emulated.reference, stream=stream, messages=history, tools=[LOOK])
    assert len({call.id for message in history for call in message.tool_calls}) == 2
    assert emulated.emulator.rejected == []


async def test_a07_what_another_vendor_signed_is_dropped_noted_and_never_said(emulated: Emulated) -> None:
    foreign = Opaque(provider="acme", model="one", kind="thinking", data={"signature": "c2VjcmV0"})
    thought: list[Part] = [ReasoningPart(text="A secret thought.", opaque=foreign), OpaquePart(opaque=foreign)]
    called = ToolCall(id="toolu_1", name="look", arguments={"city": "Rome"}, opaque=foreign)
    history = [
        USER,
        Message.assistant([*thought, called]),
        Message.tool(ToolResult(tool_call_id="toolu_1", content="sunny")),
    ]
    async with emulated.runtime() as runtime:
        answer = await runtime.complete(emulated.reference, history, tools=[LOOK])
    body = sent(emulated)
    assert "A secret thought." not in body
    assert "c2VjcmV0" not in body
    assert any(note.action == "dropped" for note in answer.report.about("messages"))


async def test_a12_a_call_nobody_answered_is_cancelled_or_the_history_refused(emulated: Emulated) -> None:
    calls = [ToolCall(id=f"abcdefgh{n}", name="look", arguments={"city": "Rome"}) for n in range(2)]
    history = [USER, Message.assistant(calls), Message.tool(ToolResult(tool_call_id="abcdefgh0", content="sunny"))]
    async with emulated.runtime() as runtime:
        answer = await runtime.complete(emulated.reference, history, tools=[LOOK])
        assert "cancelled" in sent(emulated)
        assert any(note.action == "repaired" for note in answer.report.about("messages"))
        with pytest.raises(InvalidRequestError, match="without its result"):
            await runtime.complete(emulated.reference, history, tools=[LOOK], history="refuse")
    assert len(emulated.emulator.requests) == 1


async def test_a13_a_result_without_its_call_is_left_out_or_the_history_refused(emulated: Emulated) -> None:
    history = [Message.tool(ToolResult(tool_call_id="abcdefgh0", name="look", content="orphan")), USER]
    async with emulated.runtime() as runtime:
        answer = await runtime.complete(emulated.reference, history, tools=[LOOK])
        assert "orphan" not in sent(emulated)
        assert any(note.action == "dropped" for note in answer.report.about("messages"))
        with pytest.raises(InvalidRequestError, match="without its call"):
            await runtime.complete(emulated.reference, history, tools=[LOOK], history="refuse")


@STREAM
async def test_a18_a_tool_without_parameters_is_declared_called_and_replayed(
    emulated: Emulated, *, stream: bool
) -> None:
    emulated.emulator.add(Script().call("now"))
    async with emulated.runtime() as runtime:
        answer = await ask(runtime, emulated.reference, stream=stream, tools=[Tool(name="now")])
        assert answer.tool_calls[0].arguments == {}
        await ask(runtime, emulated.reference, stream=stream, messages=[USER, answer.message, answers(answer)])
    assert emulated.emulator.rejected == []


@STREAM
@pytest.mark.parametrize("name", ["files.read/all", "n" * 130, "größe"])
async def test_a23_a_name_no_provider_takes_goes_out_legal_and_comes_back_as_it_was(
    emulated: Emulated, name: str, *, stream: bool
) -> None:
    tools = [Tool(name=name, parameters=CITY), Tool(name="files_read_all", parameters=CITY)]

    def call_the_first(received: Received) -> Script:
        names = [
            text for text in texts_of(json.loads(received.body).get("tools", [])) if text.startswith(name[:2])
        ]
        return Script().call(next(text for text in names if text != "files_read_all"), city="Rome")

    emulated.emulator.default = call_the_first
    async with emulated.runtime() as runtime:
        first = await ask(runtime, emulated.reference, stream=stream, tools=tools, tool_choice="auto")
        history = [USER, first.message, answers(first)]
        second = await ask(runtime, emulated.reference, stream=stream, messages=history, tools=tools)
    assert [call.name for call in (*first.tool_calls, *second.tool_calls)] == [name, name]
    assert any(note.action == "renamed" for note in first.report.about("tools"))
    assert emulated.emulator.rejected == []


@STREAM
async def test_a24_arguments_of_any_alphabet_go_out_and_back_unchanged(
    emulated: Emulated, *, stream: bool
) -> None:
    city = 'São Paulo 😀 \\u00e9 " \u2028 你好'
    emulated.emulator.add(Script().call("look", city=city))
    async with emulated.runtime() as runtime:
        answer = await ask(runtime, emulated.reference, stream=stream, tools=[LOOK])
        assert answer.tool_calls[0].arguments == {"city": city}
        await ask(runtime, emulated.reference, stream=stream, messages=[USER, answer.message, answers(answer)])
    found = texts_of(json.loads(sent(emulated)))
    assert city in found or json.dumps({"city": city}, ensure_ascii=False, separators=(",", ":")) in found


@STREAM
async def test_a28_a_call_of_an_undeclared_tool_is_a_call_and_can_be_answered(
    emulated: Emulated, *, stream: bool
) -> None:
    emulated.emulator.add(Script().call("phantom", city="Rome"))
    async with emulated.runtime() as runtime:
        answer = await ask(runtime, emulated.reference, stream=stream, tools=[LOOK])
        assert [call.name for call in answer.tool_calls] == ["phantom"]
        failed = Message.tool(
            ToolResult(tool_call_id=answer.tool_calls[0].id, content="There is no such tool.", is_error=True)
        )
        await ask(
            runtime, emulated.reference, stream=stream, messages=[USER, answer.message, failed], tools=[LOOK]
        )
    assert emulated.emulator.rejected == []

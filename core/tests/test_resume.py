"""Handing calls off to the host: the state, its way to another process, and results that do not fit."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from modelyard import (
    ImagePart,
    InvalidRequestError,
    Message,
    ModelyardError,
    RunResult,
    RunState,
    RunStateError,
    Runtime,
    Tool,
    ToolResult,
    ToolResultsError,
    tool,
)
from modelyard.runs.run_grammar import check_run
from modelyard.testing import Script, ScriptedProvider

PNG = b"\x89PNG\r\n\x1a\n\xfb\xff\xfe" + bytes(8)
ASK_TWICE = Script().call("add", a=1, b=2).call("ask", q="When?").call("ask", q="Où? 😀")


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


ask = Tool(name="ask", parameters={"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]})


def host(*scripts: Script, **settings: Any) -> tuple[Runtime, ScriptedProvider]:
    provider = ScriptedProvider("acme", scripts)
    return Runtime(plugins=[provider], max_attempts=1, **settings), provider


async def suspend(runtime: Runtime, messages: Any = "Hi", **options: Any) -> tuple[RunResult, RunState]:
    result = await runtime.run("acme:one", messages, tools=[add, ask], **options)
    assert result.status == "awaiting_tool_results"
    assert result.state is not None
    return result, result.state


async def test_a_tool_of_the_hosts_suspends_the_run_after_the_others_have_run() -> None:
    runtime, _ = host(ASK_TWICE)
    async with runtime:
        result, state = await suspend(runtime)
    assert [call.arguments for call in result.pending] == [{"q": "When?"}, {"q": "Où? 😀"}]
    assert result.pending == state.pending
    assert [given.text for given in state.results] == ["3"]
    assert result.messages[-1].tool_calls == state.calls
    assert (state.turns, state.tool_calls, state.model) == (1, 3, "acme:one")


async def test_results_continue_the_run_and_stand_in_the_order_of_the_calls() -> None:
    runtime, provider = host(ASK_TWICE, Script().say("Done."))
    async with runtime:
        _, state = await suspend(runtime)
        state = RunState.from_json(state.to_json())
        first, second = state.pending
        results = [ToolResult(tool_call_id=second.id, content="2"), ToolResult(tool_call_id=first.id, content="1")]
        result = await runtime.resume(state, results, tools=[add, ask])
    assert (result.status, result.text, result.turns, result.tool_calls) == ("completed", "Done.", 2, 3)
    sent = provider.requests[1].messages[-1].content
    assert [(part.name, part.text) for part in sent if isinstance(part, ToolResult)] == [
        *(("add", "3"), ("ask", "1"), ("ask", "2"))
    ]
    assert result.usage.total_tokens == 30
    assert result.given == 1


async def test_results_may_be_a_mapping_of_ids_to_values() -> None:
    runtime, provider = host(ASK_TWICE, Script().say("Done."))
    async with runtime:
        _, state = await suspend(runtime)
        first, second = state.pending
        await runtime.resume(state, {first.id: {"x": [1]}, second.id: ImagePart(data=PNG)})
        sent = provider.requests[1].messages[-1].content
        assert sent[1].text == '{"x":[1]}'  # type: ignore[union-attr]
        assert sent[2].content == (ImagePart(data=PNG),)  # type: ignore[union-attr]
        with pytest.raises(InvalidRequestError, match="cannot be sent"):
            await runtime.resume(state, {first.id: object(), second.id: ""})
        for results in (3, "x", ToolResult(tool_call_id=first.id), [3]):
            with pytest.raises(InvalidRequestError, match="results"):
                await runtime.resume(state, results)  # type: ignore[arg-type]


async def test_results_that_do_not_fit_are_named_and_lose_nothing() -> None:
    runtime, provider = host(ASK_TWICE, Script().say("Done."))
    async with runtime:
        _, state = await suspend(runtime)
        before = state.to_json()
        added = state.calls[0].id
        first, second = (call.id for call in state.pending)

        async def refused(*ids: str) -> ToolResultsError:
            with pytest.raises(ToolResultsError) as caught:
                await runtime.resume(state, [ToolResult(tool_call_id=call_id) for call_id in ids])
            assert state.to_json() == before
            return caught.value

        partial = await refused(second)
        assert (partial.missing, partial.duplicate, partial.late, partial.unknown) == ((first,), (), (), ())
        assert first in str(partial)
        assert "The state can be used again" in str(partial)
        assert (await refused(first, second, first)).duplicate == (first,)
        assert (await refused(first, second, added)).late == (added,)
        assert (await refused(first, second, "call_x")).unknown == ("call_x",)
        everything = await refused(second, second, added, "call_x")
        assert json.loads(json.dumps(everything.to_dict()))["missing"] == [first]
        assert (everything.duplicate, everything.late, everything.unknown) == ((second,), (added,), ("call_x",))
        assert len(provider.requests) == 1
        assert (await runtime.resume(state, {first: "1", second: "2"})).text == "Done."


async def test_a_result_of_an_earlier_turn_is_late() -> None:
    runtime, _ = host(Script().call("ask", q="1"), Script().call("ask", q="2"))
    async with runtime:
        _, state = await suspend(runtime)
        (first,) = state.pending
        again = await runtime.resume(state, {first.id: "one"})
        assert again.state is not None
        (second,) = again.pending
        with pytest.raises(ToolResultsError) as caught:
            await runtime.resume(again.state, {first.id: "one"})
        assert (caught.value.late, caught.value.missing) == ((first.id,), (second.id,))
        assert again.state.id == state.id


async def test_a_resumed_run_uses_the_options_it_began_with_unless_told_otherwise() -> None:
    class Answer(BaseModel):
        n: int

    runtime, provider = host(ASK_TWICE, Script().say("Done."), Script().say("Done."))
    options: dict[str, Any] = {
        "system": "Be brief.",
        "temperature": 0.5,
        "reasoning": "low",
        "output": Answer,
        "stop": ("END",),
        "metadata": {"a": "b"},
        "provider_options": {"acme": {"x": 1}},
        "deadlines": {"total": 60},
        "max_attempts": 2,
        "tool_choice": "required",
        "limits": {"max_turns": 7},
    }
    async with runtime:
        _, state = await suspend(runtime, **options)
        state = RunState.from_json(state.to_json())
        results = {call.id: "x" for call in state.pending}
        await runtime.resume(state, results)
        result = await runtime.resume(state, results, model="acme:two", temperature=0.1, tools=[])
    first, second, third = provider.requests
    kept = ("temperature", "reasoning", "output", "stop", "metadata", "provider_options")
    assert [getattr(first, name) for name in kept] == [getattr(second, name) for name in kept]
    assert second.messages[0] == Message.system("Be brief.")
    assert [made.name for made in second.tools] == ["add", "ask"]
    assert (third.model, third.temperature, third.tools) == ("two", 0.1, ())
    assert second.tool_choice is None
    assert state.limits.max_turns == 7
    assert result.status == "completed"


async def test_a_credential_is_not_stored_and_wanted_again() -> None:
    runtime, _ = host(ASK_TWICE, Script().say("Done."), Script().say("Done."))
    async with runtime:
        _, state = await suspend(runtime, credential="sk-very-secret")
        assert "sk-very-secret" not in state.to_json()
        assert "sk-very-secret" not in repr(state)
        assert state.omitted == ("credential",)
        results = {call.id: "x" for call in state.pending}
        with pytest.raises(RunStateError, match="not stored with its state: credential"):
            await runtime.resume(state, results)
        assert (await runtime.resume(state, results, credential="sk-very-secret")).text == "Done."
        assert (await runtime.resume(state, results, credential=None)).text


async def test_a_state_survives_json_whatever_the_conversation_holds() -> None:
    messages = [Message.user(["Look: é 😀", ImagePart(data=PNG)])]
    script = Script().think("Hm.").say("One moment.").call("ask", q="\ud83d half").call("ask", q="b")
    runtime, _ = host(script)
    async with runtime:
        _, state = await suspend(runtime, messages)
    again = RunState.from_json(state.to_json())
    assert again.messages == state.messages
    assert again.pending == state.pending
    assert RunState.from_json(again.to_json().encode("utf-8", "surrogatepass")) == again


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "no JSON"),
        ("[]", "version None"),
        ('{"version": 2}', "version 2; this Modelyard reads version 1"),
        ('{"version": 1, "id": "x"}', "damaged: model: Field required"),
    ],
)
def test_a_state_that_cannot_be_read_says_why(text: str, complaint: str) -> None:
    with pytest.raises(RunStateError, match=complaint):
        RunState.from_json(text)


async def test_a_resumed_stream_begins_with_the_results_brought() -> None:
    runtime, _ = host(ASK_TWICE, Script().say("Done."))
    async with runtime:
        _, state = await suspend(runtime)
        results = {call.id: call.arguments["q"] for call in state.pending if call.arguments}
        async with runtime.resume_stream(state, results) as stream:
            events = [event async for event in stream]
    check_run(events, [call.id for call in state.calls])
    assert [event.result for event in events if event.type == "tool_call_result"] == ["3", "When?", "Où? 😀"]
    assert stream.result.text == "Done."


async def test_invalid_and_denied_calls_of_the_hosts_tools_are_answered_and_not_handed_off() -> None:
    script = Script().call("ask", q=3).call("ask", q="no").call("ask", q="yes")
    runtime, _ = host(script)
    async with runtime:
        result, state = await suspend(runtime, approve=lambda call: call.arguments != {"q": "no"})
    assert [call.arguments for call in result.pending] == [{"q": "yes"}]
    assert [answer.is_error for answer in state.results] == [True, True]


async def test_results_for_a_run_that_waits_for_none_are_refused() -> None:
    runtime, _ = host(Script().call("add", a=1, b=1))
    async with runtime:
        result = await runtime.run("acme:one", "Hi", tools=[add], limits={"max_turns": 1})
        assert result.state is not None
        with pytest.raises(ToolResultsError, match="No call waits for a result"):
            await runtime.resume(result.state, {"call_x": 1})


# Another process


INTERRUPTED = "The tool was interrupted. Whether it had its effect is not known, and it was not run again."

PROGRAM = '''
import asyncio, os, signal, sys
from pathlib import Path
from modelyard import Runtime, RunState, Tool, tool
from modelyard.testing import Script, ScriptedProvider

folder = Path(sys.argv[1])

@tool
def charge(amount: int) -> str:
    """Charge a card: something nobody wants done twice."""
    with (folder / "charges").open("a") as log:
        log.write(f"{amount}\\n")
    if amount == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"charged {amount}"

ask = Tool(name="ask")

async def main():
    store = folder / "state.json"
    scripts = {
        "suspend": [Script().call("charge", amount=5).call("ask").call("ask")],
        "crash": [Script().call("charge", amount=5), Script().call("charge", amount=7).call("charge", amount=13)],
        "resume": [Script().say("Done.")],
    }[sys.argv[2]]
    provider = ScriptedProvider("acme", scripts)
    async with Runtime(plugins=[provider]) as runtime:
        tools = [charge, ask]
        if sys.argv[2] == "resume":
            state = RunState.from_json(store.read_text())
            result = await runtime.resume(state, {call.id: "yes" for call in state.pending}, tools=tools)
            for message in result.messages:
                print(message.role, [getattr(part, "text", "call") for part in message.content])
            return
        keep = lambda state: store.write_text(state.to_json())
        limits = {"max_parallel_calls": 1}
        result = await runtime.run("acme:one", "Hi", tools=tools, limits=limits, checkpoint=keep)
        store.write_text(result.state.to_json())
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
'''


def program(folder: Path, step: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(folder), step]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
def test_killed_between_suspension_and_resumption_nothing_is_lost_or_run_twice(tmp_path: Path) -> None:
    first = program(tmp_path, "suspend")
    assert first.returncode == -signal.SIGKILL, first.stderr
    second = program(tmp_path, "resume")
    assert second.returncode == 0, second.stderr
    assert second.stdout.splitlines() == [
        "user ['Hi']",
        "assistant ['call', 'call', 'call']",
        "tool ['charged 5', 'yes', 'yes']",
        "assistant ['Done.']",
    ]
    assert (tmp_path / "charges").read_text() == "5\n"


@pytest.mark.slow
def test_killed_in_the_middle_of_a_tool_the_last_checkpoint_goes_on_and_runs_nothing_twice(tmp_path: Path) -> None:
    first = program(tmp_path, "crash")
    assert first.returncode == -signal.SIGKILL, first.stderr
    second = program(tmp_path, "resume")
    assert second.returncode == 0, second.stderr
    assert second.stdout.splitlines() == [
        "user ['Hi']",
        "assistant ['call']",
        "tool ['charged 5']",
        "assistant ['call', 'call']",
        f"tool ['charged 7', '{INTERRUPTED}']",
        "assistant ['Done.']",
    ]
    assert (tmp_path / "charges").read_text() == "5\n7\n13\n"


async def test_a_checkpoint_that_fails_stops_the_run_before_the_tool() -> None:
    executed: list[int] = []

    @tool(name="add")
    def note(a: int, b: int) -> None:
        executed.append(a)

    def full(state: RunState) -> None:
        if state.started:
            raise ModelyardError("The disk is full.")

    runtime, _ = host(Script().call("add", a=1, b=1))
    async with runtime:
        with pytest.raises(ModelyardError, match="disk is full") as caught:
            await runtime.run("acme:one", "Hi", tools=[note], checkpoint=full)
    assert executed == []
    assert caught.value.run is not None

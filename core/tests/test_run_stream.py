"""A run as a stream: which events come, in which order, and what is left when the consumer goes away."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from modelyard import (
    ContentDelta,
    Done,
    Event,
    InvalidRequestError,
    ModelyardError,
    OverloadedError,
    RunStream,
    Runtime,
    Status,
    ToolCallEnd,
    ToolCallResult,
    ToolCallStart,
    tool,
)
from modelyard.runs.run_grammar import check_run
from modelyard.streaming.grammar import GrammarError
from modelyard.testing import Script, ScriptedProvider

STARTED = Status("started")
COMPLETED = Status("completed")


@tool
async def wait(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return f"waited {seconds}"


@tool(external=True)
def ask(question: str) -> str:
    """Ask the user."""
    raise AssertionError("the host does this")


async def events_of(*scripts: Script, tools: Any = (wait, ask), **options: Any) -> tuple[list[Event], RunStream]:
    provider = ScriptedProvider("acme", scripts)
    async with (
        Runtime(plugins=[provider], max_attempts=1) as runtime,
        runtime.run_stream("acme:one", "Hi", tools=tools, **options) as stream,
    ):
        return [event async for event in stream], stream


def outline(events: list[Event]) -> list[str]:
    """The events in short, deltas in a row as one."""
    short: list[str] = []
    for event in events:
        name = f"{event.type}({event.state})" if isinstance(event, Status) else event.type
        if not short or short[-1] != name or not name.endswith("delta"):
            short.append(name)
    return short


TWO_CALLS = Script().think("Hm.").say("One moment.").call("wait", seconds=0.02).call("wait", seconds=0)


async def test_all_event_types_come_in_the_order_stated() -> None:
    events, stream = await events_of(TWO_CALLS, Script().think("So.").say("Done."))
    call = ["tool_call_start", "tool_call_delta", "tool_call_end"]
    assert outline(events) == [
        "status(started)",
        "status(selected_model)",
        "reasoning_delta",
        "content_delta",
        *call,
        *call,
        "status(tool_calling)",
        "tool_call_result",
        "tool_call_result",
        "status(selected_model)",
        "reasoning_delta",
        "content_delta",
        "status(completed)",
        "done",
    ]
    check_run(events)
    ids = [event.id for event in events if isinstance(event, ToolCallEnd)]
    results = [event for event in events if isinstance(event, ToolCallResult)]
    assert [result.id for result in results] == ids
    assert [result.result for result in results] == ["waited 0.02", "waited 0.0"]
    calling = next(event for event in events if isinstance(event, Status) and event.state == "tool_calling")
    assert calling.calls == tuple(ids)
    assert stream.result.status == "completed"
    assert stream.completion.text == "Done."


async def test_there_is_one_done_with_the_usage_of_the_whole_run() -> None:
    events, stream = await events_of(TWO_CALLS.using(input=100, output=20), Script().say("Done."))
    (done,) = [event for event in events if isinstance(event, Done)]
    assert done is events[-1]
    assert done.usage == stream.result.usage
    assert done.usage is not None
    assert (done.usage.input_tokens, done.usage.output_tokens) == (110, 25)
    assert (done.finish_reason, done.deployment, done.response_id) == ("stop", "acme:one", "resp_2")


async def test_an_index_is_never_used_by_two_turns() -> None:
    events, _ = await events_of(TWO_CALLS, TWO_CALLS, Script().say("Done."))
    assert [event.index for event in events if event.type == "reasoning_delta"] == [0, 2]
    assert {event.index for event in events if isinstance(event, ContentDelta)} == {1, 3, 4}
    check_run(events)


async def test_a_stream_run_ends_as_a_whole_run_does() -> None:
    scripts = [TWO_CALLS, Script().call("nope").call("wait", seconds="x"), Script().say("Done.")]
    _, stream = await events_of(*scripts)
    async with Runtime(plugins=[ScriptedProvider("acme", scripts)]) as runtime:
        whole = await runtime.run("acme:one", "Hi", tools=[wait, ask])
    streamed = stream.result
    assert streamed.messages == whole.messages
    assert (streamed.usage, streamed.turns, streamed.status) == (whole.usage, whole.turns, whole.status)


async def test_a_result_is_told_as_soon_as_those_before_it_are() -> None:
    release = asyncio.Event()

    @tool
    async def held() -> str:
        await release.wait()
        return "late"

    provider = ScriptedProvider("acme", [Script().call("wait", seconds=0).call("held"), Script().say(".")])
    async with (
        Runtime(plugins=[provider]) as runtime,
        runtime.run_stream("acme:one", "Hi", tools=[wait, held]) as run,
    ):
        async for event in run:
            if isinstance(event, ToolCallResult) and event.name == "wait":
                assert not release.is_set()
                release.set()
    assert run.result.status == "completed"


async def test_an_external_tool_ends_the_stream_with_the_calls_that_wait() -> None:
    events, stream = await events_of(Script().call("ask", question="When?").call("wait", seconds=0))
    check_run(events)
    assert outline(events)[-4:] == [
        *("status(tool_calling)", "tool_call_result", "status(awaiting_tool_results)", "done")
    ]
    waiting = events[-2]
    assert isinstance(waiting, Status)
    assert waiting.calls == tuple(call.id for call in stream.result.pending)
    assert stream.result.status == "awaiting_tool_results"


async def test_a_limit_ends_the_stream_with_its_name() -> None:
    events, stream = await events_of(TWO_CALLS, limits={"max_turns": 1})
    check_run(events)
    assert outline(events)[-2:] == ["status(limit_reached)", "done"]
    status = events[-2]
    assert isinstance(status, Status)
    assert status.reason == "max_turns: The model was asked 1 times."
    assert stream.result.limit == "max_turns"


async def test_calls_of_a_filtered_answer_are_told_as_not_executed() -> None:
    events, _ = await events_of(TWO_CALLS.finish("content_filter"))
    check_run(events)
    assert outline(events)[-4:] == ["tool_call_result", "tool_call_result", "status(completed)", "done"]


async def test_what_is_wrong_with_the_request_is_raised_at_once() -> None:
    async with Runtime(plugins=[ScriptedProvider("acme")]) as runtime:
        with pytest.raises(InvalidRequestError, match="temperature"):
            runtime.run_stream("acme:one", "Hi", tools=[wait], temperature=-1)


async def test_an_error_in_a_later_turn_is_raised_with_the_run_so_far() -> None:
    provider = ScriptedProvider("acme", [TWO_CALLS, Script().say("It is").fail("overloaded")])
    seen: list[Event] = []

    async def follow(stream: RunStream) -> None:
        async for event in stream:
            seen.append(event)

    async with Runtime(plugins=[provider], max_attempts=1) as runtime:
        with pytest.raises(OverloadedError) as caught:
            await follow(runtime.run_stream("acme:one", "Hi", tools=[wait]))
    assert caught.value.run is not None
    assert [message.role for message in caught.value.run.messages] == ["user", "assistant", "tool"]
    assert caught.value.partial is not None
    assert caught.value.partial.text == "It is"
    assert outline(seen)[-1] == "content_delta"


async def test_the_result_is_not_to_be_had_before_the_end() -> None:
    async with Runtime(plugins=[ScriptedProvider("acme")]) as runtime:
        stream = runtime.run_stream("acme:one", "Hi")
        with pytest.raises(ModelyardError, match="not reached its end"):
            _ = stream.result
        assert (await stream.collect()).text == stream.completion.text == "Hello from a script."


async def test_sse_carries_the_whole_run_and_an_error_as_its_last_event() -> None:
    provider = ScriptedProvider("acme", [TWO_CALLS, Script().fail("quota", "No credit.")])
    async with Runtime(plugins=[provider]) as runtime:
        text = [piece async for piece in runtime.run_stream("acme:one", "Hi", tools=[wait]).to_sse()]
    payloads = [json.loads(piece.partition("data: ")[2]) for piece in text]
    assert {payload["type"] for payload in payloads} == {
        *("status", "reasoning_delta", "content_delta", "tool_call_start", "tool_call_delta", "tool_call_end"),
        *("tool_call_result", "error"),
    }
    assert next(p for p in payloads if p.get("state") == "tool_calling")["calls"]
    assert payloads[-1]["error"]["class"] == "QuotaExceededError"


async def test_only_the_text_can_be_taken() -> None:
    async with Runtime(plugins=[ScriptedProvider("acme", [TWO_CALLS, Script().say("Done.")])]) as runtime:
        pieces = [piece async for piece in runtime.run_stream("acme:one", "Hi", tools=[wait]).text()]
    assert "".join(pieces) == "One moment.Done."


async def test_leaving_the_block_cancels_tools_and_the_state_says_how_far_it_came() -> None:
    running, stopped = asyncio.Event(), asyncio.Event()

    @tool
    async def for_ever() -> None:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    script = Script().call("wait", seconds=0).call("for_ever").call("wait", seconds=0)
    provider = ScriptedProvider("acme", [script, Script().say("Done.")])
    async with Runtime(plugins=[provider]) as runtime:
        async with runtime.run_stream("acme:one", "Hi", tools=[wait, for_ever]) as stream:
            async for event in stream:
                if event.type == "tool_call_result":
                    await running.wait()
                    break
        assert stopped.is_set()
        state = stream.state
        first, second, third = state.calls
        assert state.started == (second.id,)
        assert {result.tool_call_id for result in state.results} >= {first.id}
        events: list[Event] = []
        async with runtime.resume_stream(state, tools=[wait, for_ever]) as resumed:
            events = [event async for event in resumed]
    check_run(events, [call.id for call in state.calls])
    assert resumed.result.text == "Done."
    told = resumed.result.messages[-2].content
    assert [part.tool_call_id for part in told] == [first.id, second.id, third.id]  # type: ignore[union-attr]
    assert "interrupted" in told[1].text  # type: ignore[union-attr]


def _turn(*ids: str, index: int = 0) -> list[Event]:
    events: list[Event] = [ContentDelta(index, "x")]
    for call_id in ids:
        events += [ToolCallStart(call_id, "f"), ToolCallEnd(call_id, "f", {}, "")]
    return events


@pytest.mark.parametrize(
    ("rule", "events"),
    [
        (7, [ContentDelta(0, "x")]),
        (7, [STARTED, ContentDelta(0, "x"), Done("stop")]),
        (7, [STARTED, COMPLETED]),
        (7, [STARTED, COMPLETED, Done("stop"), Done("stop")]),
        (7, [STARTED, COMPLETED, ContentDelta(0, "x")]),
        (8, [STARTED, *_turn("a"), ToolCallResult("a", "f", ""), ContentDelta(0, "x")]),
        (9, [STARTED, *_turn("a", "b"), Status("tool_calling", calls=("b", "a"))]),
        (9, [STARTED, *_turn("a"), Status("tool_calling", calls=("c",))]),
        (10, [STARTED, *_turn("a", "b"), ToolCallResult("b", "f", ""), ToolCallResult("a", "f", "")]),
        (10, [STARTED, *_turn("a"), ToolCallResult("a", "f", ""), ToolCallResult("a", "f", "")]),
        (11, [STARTED, *_turn("a", "b"), ToolCallResult("a", "f", ""), ContentDelta(1, "x")]),
        (11, [STARTED, *_turn("a"), COMPLETED]),
        (11, [STARTED, *_turn("a", "b"), Status("awaiting_tool_results", calls=("a",))]),
        (3, [STARTED, *_turn("a", "a")]),
    ],
)
def test_the_grammar_names_the_rule_that_is_broken(rule: int, events: list[Event]) -> None:
    with pytest.raises(GrammarError) as caught:
        check_run(events)
    assert caught.value.rule == rule

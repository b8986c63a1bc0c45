"""Whatever the model does, each call is answered once and in order, and the run ends within its limits."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard import ModelyardError, RunLimits, RunResult, RunState, Runtime, ToolCall, ToolResult, tool
from modelyard.runs.run_grammar import check_run
from modelyard.testing import Script, ScriptedProvider, run_apart

KINDS = ("fine", "slow", "fails", "unknown", "invalid", "cut", "denied", "external")

turns = st.lists(st.lists(st.sampled_from(KINDS), max_size=4), max_size=6)
failures = st.lists(st.booleans(), max_size=6)
limits = st.builds(
    RunLimits,
    max_turns=st.integers(1, 8),
    max_tool_calls=st.integers(0, 12),
    max_parallel_calls=st.integers(1, 3),
    max_total_tokens=st.none() | st.integers(1, 100),
)


class World:
    """Tools that keep account of what was executed."""

    def __init__(self) -> None:
        self.executed: Counter[str] = Counter()

    def tools(self) -> list[Any]:
        @tool
        async def fine(n: int, call: ToolCall) -> int:
            self.executed[call.id] += 1
            return n

        @tool
        async def slow(n: int, call: ToolCall) -> int:
            self.executed[call.id] += 1
            for _ in range(3):
                await asyncio.sleep(0)
            return n

        @tool
        async def fails(n: int, call: ToolCall) -> int:
            self.executed[call.id] += 1
            raise ValueError(str(n))

        @tool(approve=lambda call: "No.")
        async def denied(n: int, call: ToolCall) -> int:
            self.executed[call.id] += 1
            return n

        @tool(external=True)
        def external(n: int) -> int:
            raise AssertionError("the host executes this")

        return [fine, slow, fails, denied, external]


def script(turn: int, kinds: list[str]) -> Script:
    made = Script().say(f"Turn {turn}.")
    for place, kind in enumerate(kinds):
        number = 10 * turn + place
        if kind == "unknown":
            made = made.call("nobody", n=number)
        elif kind == "invalid":
            made = made.call("fine", n="x", place=number)
        elif kind == "cut":
            made = made.call("fine", n=number)._add(_half())
        else:
            made = made.call(kind, n=number)
    return made.finish("length") if "cut" in kinds else made


def _half() -> Any:
    from modelyard.testing.script import Call

    return Call("fine", {"n": 12345}, cut_at=4)


@settings(deadline=None, max_examples=80)
@given(turns=turns, failing=failures, limits=limits, stream=st.booleans())
def test_each_call_is_answered_once_and_the_run_ends_within_its_limits(
    turns: list[list[str]], failing: list[bool], limits: RunLimits, stream: bool
) -> None:
    world = World()
    scripts: list[Script] = []
    for number, kinds in enumerate(turns):
        if number < len(failing) and failing[number]:
            scripts.append(Script().fail("server"))
        scripts.append(script(number, kinds))
    result = run_apart(play(world, ScriptedProvider("acme", scripts), limits, stream=stream))

    assert all(times == 1 for times in world.executed.values())
    assert result.turns <= limits.max_turns
    assert result.tool_calls <= limits.max_tool_calls
    assert result.status in ("completed", "limit")
    closed = result.messages if result.status == "completed" else result.messages[:-1]
    for message, after in zip(closed, (*closed[1:], None), strict=True):
        if message.tool_calls:
            assert after is not None
            answers = [part.tool_call_id for part in after.content if isinstance(part, ToolResult)]
            assert answers == [call.id for call in message.tool_calls]
    answered = {
        part.tool_call_id for message in closed for part in message.content if isinstance(part, ToolResult)
    }
    assert set(world.executed) <= answered, "nothing is executed whose result the model does not see"


async def play(world: World, provider: ScriptedProvider, limits: RunLimits, *, stream: bool) -> RunResult:
    """Run to the end: bring results after a suspension, go on after a failure, each time through JSON."""
    tools = world.tools()
    async with Runtime(plugins=[provider], max_attempts=1) as runtime:
        state: RunState | None = None
        for _ in range(30):
            try:
                result = await step(runtime, state, tools, limits, stream=stream)
            except ModelyardError as error:
                state = again(error.run)
                continue
            if result.status != "awaiting_tool_results":
                return result
            state = again(result.state)
    raise AssertionError("the run does not end")


def again(state: RunState | None) -> RunState:
    assert state is not None
    return RunState.from_json(state.to_json())


async def step(
    runtime: Runtime, state: RunState | None, tools: list[Any], limits: RunLimits, *, stream: bool
) -> RunResult:
    results = {call.id: "brought" for call in state.pending} if state is not None else {}
    if not stream:
        if state is None:
            return await runtime.run("acme:one", "Hi", tools=tools, limits=limits)
        return await runtime.resume(state, results, tools=tools)
    if state is None:
        events = runtime.run_stream("acme:one", "Hi", tools=tools, limits=limits)
    else:
        events = runtime.resume_stream(state, results, tools=tools)
    async with events:
        check_run([event async for event in events], [call.id for call in state.calls] if state else ())
    return events.result

"""The loop of model and tools: what is executed, what the model is told, and where it stops."""

from __future__ import annotations

import asyncio
import logging
import pickle
import threading
from typing import Any

import pytest

from modelyard import (
    ConfigurationError,
    InvalidRequestError,
    Message,
    ModelCard,
    OverloadedError,
    RunLimits,
    RunResult,
    RunState,
    Runtime,
    SyncRuntime,
    Tool,
    ToolCall,
    ToolError,
    ToolResult,
    tool,
)
from modelyard.catalog.card import PriceStep
from modelyard.testing import Script, ScriptedProvider


class Run:
    """A run over scripts, and what the provider was asked."""

    def __init__(self, *scripts: Script, default: Script | None = None, **provider: Any) -> None:
        self.provider = ScriptedProvider("acme", scripts, default=default, **provider)

    async def __call__(self, *tools: Any, messages: Any = "Hi", **options: Any) -> RunResult:
        async with Runtime(plugins=[self.provider], max_attempts=1) as runtime:
            return await runtime.run("acme:one", messages, tools=list(tools), **options)

    def told(self, turn: int = -1) -> tuple[ToolResult, ...]:
        """The tool results in the last message of a request."""
        content = self.provider.requests[turn].messages[-1].content
        return tuple(part for part in content if isinstance(part, ToolResult))


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


async def test_an_answer_without_calls_completes_the_run() -> None:
    result = await Run(Script().say("Hello."))(add)
    assert (result.status, result.text, result.turns, result.tool_calls) == ("completed", "Hello.", 1, 0)
    assert [message.role for message in result.messages] == ["user", "assistant"]
    assert result.new_messages == (result.completion.message,)
    assert result.state is None


async def test_tools_are_executed_and_the_model_is_asked_again() -> None:
    run = Run(Script().say("Hm.").call("add", a=1, b=2), Script().call("add", a=3, b=4), Script().say("10."))
    result = await run(add, system="Be brief.", temperature=0.5)
    assert (result.status, result.text, result.turns, result.tool_calls) == ("completed", "10.", 3, 2)
    assert [message.role for message in result.messages] == [
        *("user", "assistant", "tool", "assistant", "tool", "assistant")
    ]
    assert [run.told(1)[0].text, run.told(2)[0].text] == ["3", "7"]
    for request in run.provider.requests:
        assert request.messages[0] == Message.system("Be brief.")
        assert (request.temperature, request.tools) == (0.5, (add,))
    assert result.usage.total_tokens == 45
    assert len(result.completions) == 3


async def test_parallel_calls_run_together_and_are_answered_in_call_order() -> None:
    both = asyncio.Barrier(2)
    finished: list[str] = []

    @tool
    async def wait(name: str, seconds: float) -> str:
        await both.wait()
        await asyncio.sleep(seconds)
        finished.append(name)
        return name

    run = Run(
        Script().call("wait", name="slow", seconds=0.02).call("wait", name="fast", seconds=0), Script().say(".")
    )
    await run(wait)
    assert finished == ["fast", "slow"]
    assert [result.text for result in run.told()] == ["slow", "fast"]


@pytest.mark.parametrize("options", [{"limits": {"max_parallel_calls": 1}}, {"parallel_tool_calls": False}])
async def test_no_more_tools_run_at_once_than_allowed(options: dict[str, Any]) -> None:
    running, most = 0, 0

    @tool
    async def count() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    await Run(Script().call("count").call("count").call("count"), Script().say("."))(count, **options)
    assert most == 1


async def test_sync_tools_run_in_threads_beside_each_other() -> None:
    both = threading.Barrier(2)

    @tool
    def meet(n: int) -> str:
        both.wait(timeout=10)
        return threading.current_thread().name

    run = Run(Script().call("meet", n=1).call("meet", n=2), Script().say("."))
    await run(meet)
    names = {result.text for result in run.told()}
    assert len(names) == 2
    assert threading.main_thread().name not in names


async def test_a28_a_tool_that_was_not_declared_is_answered_and_not_raised() -> None:
    run = Run(Script().call("ad", a=1, b=2).call("add", a=1, b=2), Script().say("Sorry."))
    result = await run(add)
    unknown, known = run.told()
    assert unknown.is_error
    assert "There is no tool named 'ad'. Did you mean 'add'?" in unknown.text
    assert (known.text, known.is_error) == ("3", False)
    assert result.text == "Sorry."

    run = Run(Script().call("add", a=1), Script().say("Sorry."))
    await run()
    assert "There are no tools." in run.told()[0].text


async def test_invalid_arguments_are_answered_and_not_raised() -> None:
    run = Run(Script().call("add", a="many", c=3), Script().say("Sorry."))
    await run(add)
    (told,) = run.told()
    assert told.is_error
    for field in ("a: ", "b: ", "c: "):
        assert field in told.text


async def test_a19_a_call_cut_off_by_the_output_limit_is_never_executed() -> None:
    executed: list[int] = []

    @tool
    def note(n: int = 0) -> None:
        executed.append(n)

    cut = Script().call("note", n=1)._add(_cut_call()).finish("length")
    run = Run(cut, Script().say("Sorry."))
    result = await run(note)
    whole, half = run.told()
    assert executed == [1]
    assert not whole.is_error
    assert half.is_error
    assert "Nothing was executed" in half.text
    assert result.status == "completed"


def _cut_call() -> Any:
    from modelyard.testing.script import Call

    return Call("note", {"n": 12345}, cut_at=8)


@pytest.mark.parametrize("reason", ["content_filter", "error", "cancelled"])
async def test_calls_of_an_answer_that_ended_badly_are_not_executed(reason: Any) -> None:
    executed: list[int] = []

    @tool
    def note(n: int) -> None:
        executed.append(n)

    result = await Run(Script().call("note", n=1).finish(reason))(note)
    assert (executed, result.status, result.finish_reason, result.turns) == ([], "completed", reason, 1)
    assert result.messages[-1].role == "tool"
    assert reason in result.messages[-1].content[0].text  # type: ignore[union-attr]


async def test_what_a_tool_raises_is_told_to_the_model_without_a_traceback(caplog: Any) -> None:
    @tool
    def fail() -> None:
        password = "hunter2"
        raise ValueError("no such city" if password else "")

    @tool
    async def refuse() -> None:
        raise ToolError("Ask for a city in Europe.", hint="Or in Asia.")

    @tool
    def leave() -> None:
        raise SystemExit(3)

    @tool
    def exhaust() -> None:
        next(iter(()))

    @tool
    async def cancel() -> None:
        raise asyncio.CancelledError

    @tool
    def strange() -> object:
        return object()

    tools = (fail, refuse, leave, exhaust, cancel, strange)
    script = Script()
    for made in tools:
        script = script.call(made.name)
    run = Run(script, Script().say("Sorry."))
    with caplog.at_level(logging.WARNING, "modelyard"):
        assert (await run(*tools)).text == "Sorry."
    told = run.told()
    assert all(result.is_error for result in told)
    assert [result.text for result in told][:5] == [
        "ValueError: no such city",
        "Ask for a city in Europe. Or in Asia.",
        "SystemExit: 3",
        "RuntimeError: StopIteration: ",
        "The tool was cancelled.",
    ]
    assert "cannot be written as JSON" in told[5].text
    assert "hunter2" not in f"{told}{caplog.text}"
    assert "no such city" not in caplog.text


async def test_a_tool_that_takes_too_long_is_stopped_and_the_others_count() -> None:
    stopped: list[str] = []

    @tool(timeout=0.01)
    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append("for_ever")

    @tool
    async def by_the_run() -> None:
        await asyncio.Event().wait()

    @tool(timeout=60)
    async def gives_up() -> None:
        raise TimeoutError("of its own")

    run = Run(
        Script().call("for_ever").call("by_the_run").call("gives_up").call("add", a=1, b=1), Script().say(".")
    )
    await run(for_ever, by_the_run, gives_up, add, limits={"tool_timeout": 0.02})
    assert [result.text for result in run.told()] == [
        "The tool took longer than 0.01 s and was stopped.",
        "The tool took longer than 0.02 s and was stopped.",
        "TimeoutError: of its own",
        "2",
    ]
    assert stopped == ["for_ever"]


async def test_a_sync_tool_that_takes_too_long_is_left_behind() -> None:
    release = threading.Event()

    @tool(timeout=0.01)
    def stuck() -> None:
        release.wait(timeout=10)

    run = Run(Script().call("stuck"), Script().say("Sorry."))
    try:
        assert (await run(stuck)).text == "Sorry."
    finally:
        release.set()
    assert "took longer" in run.told()[0].text


async def test_approval_is_asked_of_the_tool_and_of_the_run() -> None:
    asked: list[tuple[str, Any]] = []
    executed: list[int] = []

    def of_tool(call: ToolCall) -> bool | str:
        asked.append(("tool", call.arguments))
        return call.arguments != {"n": 1} or "Not the first."

    async def of_run(call: ToolCall) -> bool | str:
        await asyncio.sleep(0)
        asked.append(("run", call.arguments))
        return call.arguments == {"n": 3}

    @tool(approve=of_tool)
    def note(n: int) -> None:
        executed.append(n)

    script = Script().call("note", n=1).call("note", n=2).call("note", n=3).call("note", n="x").call("nope")
    run = Run(script, Script().say("."))
    await run(note, approve=of_run)
    assert executed == [3]
    first, second, third, *_ = run.told()
    assert "denied. Not the first." in first.text
    assert second.text == "Nothing was executed: the call was denied."
    assert not third.is_error
    assert ("run", {"n": 1}) not in asked
    assert len(asked) == 5, "calls that are not valid are not asked about"


async def test_approval_that_fails_is_a_denial() -> None:
    def broken(call: ToolCall) -> bool:
        raise RuntimeError("database down")

    run = Run(Script().call("add", a=1, b=1), Script().say("."))
    await run(add, approve=broken)
    assert run.told()[0].is_error
    assert "could not be approved" in run.told()[0].text
    assert "database" not in run.told()[0].text


async def test_plain_tools_are_executed_by_handlers() -> None:
    plain = Tool(name="double", parameters={"type": "object", "properties": {"n": {"type": "integer"}}})

    async def double(n: int) -> int:
        return 2 * n

    run = Run(Script().call("double", n=4).call("double", n="x"), Script().say("."))
    await run(plain, handlers={"double": double})
    assert run.told()[0].text == "8"
    assert "n: 'x' is not of type 'integer'" in run.told()[1].text
    as_dict = {"type": "function", "function": {"name": "double", "parameters": plain.parameters}}
    run = Run(Script().call("double", n=4), Script().say("."))
    await run(as_dict, handlers={"double": double})
    assert run.told()[0].text == "8"


async def test_what_is_wrong_with_a_run_is_raised_before_anything_is_sent() -> None:
    run = Run()
    with pytest.raises(ConfigurationError, match="handler for 'ad'.*Did you mean 'add'"):
        await run(add, handlers={"ad": print})
    with pytest.raises(InvalidRequestError, match=r"tools\[0\] is a plain function.*modelyard\.tool\(function\)"):
        await run(print)
    with pytest.raises(InvalidRequestError, match=r"tools\[1\]\.name"):
        await run(add, {"description": "nameless"})
    with pytest.raises(InvalidRequestError, match="two tools are named 'add'"):
        await run(add, add)
    with pytest.raises(ConfigurationError, match="limits of a run are not valid: max_turn:.*max_turns"):
        await run(add, limits={"max_turn": 3})
    with pytest.raises(TypeError, match="'limit' is no argument of a run. Did you mean 'limits'"):
        await run(add, limit=3)
    with pytest.raises(InvalidRequestError, match=r"messages\[1\]\.role"):
        await run(add, messages=[Message.user("Hi"), {"role": "robot", "content": "Beep"}])
    with pytest.raises(InvalidRequestError, match="messages must be text or messages"):
        await run(add, messages=3)
    with pytest.raises(InvalidRequestError, match="no messages"):
        await run(add, messages=[])
    assert run.provider.requests == []


async def test_the_conversation_given_is_kept_and_not_changed() -> None:
    given = [{"role": "user", "content": "Hi"}, Message.assistant("Hello."), Message.user("Add.")]
    before = list(given)
    result = await Run(Script().call("add", a=1, b=1), Script().say("2."))(add, messages=given)
    assert given == before
    assert (result.given, len(result.messages), len(result.new_messages)) == (3, 6, 3)
    assert result.messages[1] is given[1]


async def test_a_forced_choice_holds_for_the_first_turn_only() -> None:
    for choice in ("required", "add", {"mode": "required"}):
        run = Run(Script().call("add", a=1, b=1), Script().say("2."))
        await run(add, tool_choice=choice)
        first, second = run.provider.requests
        assert first.tool_choice is not None
        assert first.tool_choice.mode == "required"
        assert second.tool_choice is None


# Limits


LOOP = Script().call("add", a=1, b=1).using(input=100, output=50)


async def test_a_limit_stops_before_tools_whose_results_nobody_would_see() -> None:
    executed: list[int] = []

    @tool(name="add")
    def note(a: int, b: int) -> None:
        executed.append(a)

    run = Run(default=LOOP)
    result = await run(note, limits=RunLimits(max_turns=3))
    assert (result.status, result.limit, result.turns, len(executed)) == ("limit", "max_turns", 3, 2)
    assert result.reason == "The model was asked 3 times."
    assert result.state is not None
    assert result.state.calls == result.completion.tool_calls
    assert result.pending == ()


@pytest.mark.parametrize(
    ("limits", "turns"),
    [
        ({"max_tool_calls": 2}, 3),
        ({"max_tool_calls": 0}, 1),
        ({"max_output_tokens": 100}, 2),
        ({"max_total_tokens": 300}, 2),
        ({"max_cost": 0.0004}, 2),
    ],
)
async def test_every_limit_ends_the_run_with_its_name(limits: dict[str, Any], turns: int) -> None:
    card = ModelCard(provider="acme", id="one", label="One", prices=(PriceStep(input=1, output=2),))
    result = await Run(default=LOOP, cards=[card])(add, limits=limits)
    assert (result.status, result.limit, result.turns) == ("limit", next(iter(limits)), turns)
    assert result.cost is not None
    assert result.cost.total == pytest.approx(0.0002 * turns)


async def test_a_limit_whose_figure_is_not_known_counts_as_reached() -> None:
    result = await Run(default=LOOP)(add, limits={"max_cost": 100})
    assert (result.limit, result.turns, result.cost) == ("max_cost", 1, None)
    assert "no price is known for acme:one" in (result.reason or "")
    assert (result.cost_unknown_because or "").startswith("no price is known for acme:one")


async def test_an_answer_that_completes_the_run_is_never_a_limit() -> None:
    limits = {"max_turns": 2, "max_tool_calls": 1, "max_output_tokens": 1000}
    result = await Run(LOOP, Script().say("2.").using(output=10_000))(add, limits=limits)
    assert result.status == "completed"


async def test_a_call_that_keeps_failing_ends_the_run() -> None:
    executed = 0

    @tool
    def fail(n: int) -> None:
        nonlocal executed
        executed += 1
        raise ValueError("no")

    result = await Run(default=Script().call("fail", n=1))(fail)
    assert (result.status, result.limit, executed, result.turns) == ("limit", "max_same_failures", 3, 4)
    executed = 0
    result = await Run(default=Script().call("nope", n=1))(fail, limits={"max_same_failures": 2})
    assert (result.limit, executed, result.turns) == ("max_same_failures", 0, 3)
    scripts = [Script().call("fail", n=n) for n in range(5)]
    assert (await Run(*scripts, Script().say("Enough."))(fail)).text == "Enough."


async def test_a_run_that_reached_a_limit_goes_on_with_wider_ones() -> None:
    provider = ScriptedProvider("acme", [LOOP, LOOP, Script().say("Done.")])
    async with Runtime(plugins=[provider]) as runtime:
        first = await runtime.run("acme:one", "Hi", tools=[add], limits={"max_turns": 1})
        assert first.state is not None
        again = await runtime.resume(first.state, tools=[add])
        assert (again.status, again.turns) == ("limit", 1)
        result = await runtime.resume(first.state, tools=[add], limits={"max_turns": 5})
    assert (result.status, result.text, result.turns, result.tool_calls) == ("completed", "Done.", 3, 2)
    assert len(provider.requests) == 3


# Sums


async def test_a_figure_one_turn_lacks_is_none_in_the_sum() -> None:
    from modelyard import Usage
    from modelyard.runs.totals import add_usage

    one = Usage(input_tokens=1, output_tokens=2, reasoning_tokens=1, raw={"x": 1})
    other = Usage(input_tokens=10, output_tokens=20)
    total = add_usage(add_usage(None, one), other)
    assert total == Usage(input_tokens=11, output_tokens=22)
    assert add_usage(None, one).raw == {}


# Failures


async def test_an_error_in_the_middle_carries_the_run_so_far() -> None:
    executed: list[int] = []

    @tool(name="add")
    def note(a: int, b: int) -> int:
        executed.append(a)
        return a + b

    scripts = [Script().call("add", a=1, b=1), Script().call("add", a=2, b=2), Script().fail("overloaded")]
    provider = ScriptedProvider("acme", [*scripts, Script().say("Done.")])
    async with Runtime(plugins=[provider], max_attempts=1) as runtime:
        with pytest.raises(OverloadedError) as caught:
            await runtime.run("acme:one", "Hi", tools=[note])
        state = caught.value.run
        assert state is not None
        assert [message.role for message in state.messages] == ["user", "assistant", "tool", "assistant", "tool"]
        assert (state.turns, state.tool_calls) == (2, 2)
        assert state.usage is not None
        assert state.usage.total_tokens == 30
        copy = pickle.loads(pickle.dumps(caught.value))
        assert copy.run.to_json() == state.to_json()
        result = await runtime.resume(RunState.from_json(state.to_json()), tools=[note])
    assert (result.text, result.turns, executed) == ("Done.", 3, [1, 2])


async def test_an_error_before_the_first_answer_carries_the_run_too() -> None:
    provider = ScriptedProvider("acme", [Script().fail("server"), Script().say("Hello.")])
    async with Runtime(plugins=[provider], max_attempts=1) as runtime:
        with pytest.raises(Exception, match="scripted") as caught:
            await runtime.run("acme:one", "Hi", tools=[add])
        assert (await runtime.resume(caught.value.run, tools=[add])).text == "Hello."  # type: ignore[attr-defined]


async def test_cancelling_a_run_cancels_its_tools() -> None:
    running = asyncio.Event()
    cancelled: list[str] = []

    @tool
    async def wait(name: str) -> None:
        try:
            running.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(name)
            raise

    task = asyncio.create_task(Run(Script().call("wait", name="a").call("wait", name="b"))(wait))
    await running.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(cancelled) == ["a", "b"]


async def test_complete_and_stream_only_declare_function_tools() -> None:
    provider = ScriptedProvider("acme", default=Script().call("add", a=1, b=1))
    async with Runtime(plugins=[provider]) as runtime:
        completion = await runtime.complete("acme:one", "Hi", tools=[add])
        streamed = await runtime.stream("acme:one", "Hi", tools=[add]).collect()
    assert completion.tool_calls[0].name == streamed.tool_calls[0].name == "add"
    assert len(provider.requests) == 2


def test_runs_block_in_a_sync_runtime() -> None:
    scripts = [Script().call("add", a=1, b=2), Script().say("3.")]
    for call in ("run", "run_stream"):
        with SyncRuntime(plugins=[ScriptedProvider("acme", scripts)]) as runtime:
            done = getattr(runtime, call)("acme:one", "Hi", tools=[add])
            result = done if isinstance(done, RunResult) else (done.collect(), done.result)[1]
        assert (result.text, result.turns) == ("3.", 2)
    for call in ("resume", "resume_stream"):
        provider = ScriptedProvider("acme", scripts)
        with SyncRuntime(plugins=[provider]) as runtime:
            first = runtime.run("acme:one", "Hi", tools=[add], limits={"max_turns": 1})
            done = getattr(runtime, call)(first.state, tools=[add], limits={"max_turns": 2})
            result = done if isinstance(done, RunResult) else (done.collect(), done.result)[1]
        assert (result.text, result.turns) == ("3.", 2)

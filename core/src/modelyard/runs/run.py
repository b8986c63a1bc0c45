"""Starting runs, and going on with suspended ones."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from modelyard.calls.options import CALL_OPTIONS, RUN_OPTIONS
from modelyard.credentials.secret import conceal_options
from modelyard.runs.hand_off import match_results
from modelyard.runs.limits import RunLimits
from modelyard.runs.loop import RunLoop
from modelyard.runs.progress import Progress
from modelyard.runs.state_check import check_state
from modelyard.suggest import did_you_mean
from modelyard.tools.errors import RunStateError
from modelyard.tools.toolbox import Toolbox
from modelyard.types.request import as_messages

if TYPE_CHECKING:
    from modelyard.calls.call import Observe
    from modelyard.calls.options import RunOptions
    from modelyard.runs.result import RunResult
    from modelyard.runs.state import RunState
    from modelyard.runtime import Runtime
    from modelyard.types.content import ToolResult
    from modelyard.types.request import Messages, Models

__all__ = ["GivenResults", "finish", "resume_run", "start_run"]

GivenResults: TypeAlias = "Mapping[str, Any] | Iterable[ToolResult | Mapping[str, Any]]"
"""Results for suspended calls: ``ToolResult`` objects, or what a tool would return, by the id of the call."""


def start_run(
    runtime: Runtime, model: Models, messages: Messages, options: RunOptions, observe: Observe
) -> RunLoop:
    """Prepare a run; nothing has been sent.

    Raises ``InvalidRequestError`` or ``ConfigurationError`` for what is wrong with tools, limits and messages.
    """
    conceal_options(cast("dict[str, Any]", options))
    call_options = _call_options(options)
    limits = RunLimits.make(options.get("limits"))
    toolbox = _toolbox(options, options.get("tools"), limits, call_options)
    conversation = as_messages(messages)
    progress = Progress(
        model=model,
        options=call_options,
        tools=toolbox.declared,
        limits=limits,
        messages=conversation,
        given=len(conversation),
    )
    return RunLoop(runtime, progress, toolbox, options.get("checkpoint"), observe)


def resume_run(
    runtime: Runtime,
    state: RunState,
    results: GivenResults,
    model: Models,
    options: RunOptions,
    observe: Observe,
) -> RunLoop:
    """Prepare to go on from a state; nothing has been sent and the state is unchanged.

    Raises ``ToolResultsError`` for results that do not answer the calls that wait, ``RunStateError`` when an
    option that could not be stored is not given again, and what ``start_run`` raises.
    """
    conceal_options(cast("dict[str, Any]", options))
    state = check_state(state)
    given = match_results(state, results)
    call_options = {**state.options, **_call_options(options)}
    missing = [name for name in state.omitted if name not in options]
    if missing:
        raise RunStateError(
            f"The run had options that are not stored with its state: {', '.join(missing)}.",
            hint="Give them to resume() again, or None to go on without.",
        )
    limits = state.limits if options.get("limits") is None else RunLimits.make(options.get("limits"))
    tools = options.get("tools")
    toolbox = _toolbox(options, state.tools if tools is None else tools, limits, call_options)
    progress = Progress.of(
        state,
        model=state.model if model is None else model,
        options=call_options,
        tools=toolbox.declared,
        limits=limits,
    )
    progress.awaiting.clear()
    for result in given:
        progress.answer(result)
    return RunLoop(runtime, progress, toolbox, options.get("checkpoint"), observe)


async def finish(loop: RunLoop) -> RunResult:
    """Take every step of a run, without streaming."""
    async with contextlib.aclosing(loop.events(stream=False)) as batches:
        async for _ in batches:
            pass
    assert loop.result is not None
    return loop.result


def _call_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of every request of the run; raises ``TypeError`` for one that does not exist."""
    for name in options:
        if name not in RUN_OPTIONS:
            raise TypeError(f"{name!r} is no argument of a run. {did_you_mean(name, RUN_OPTIONS) or ''}".rstrip())
    return {name: value for name, value in options.items() if name in CALL_OPTIONS and name != "tools"}


def _toolbox(
    options: RunOptions, tools: Sequence[Any] | None, limits: RunLimits, call: Mapping[str, Any]
) -> Toolbox:
    parallel = call.get("parallel_tool_calls") is not False
    return Toolbox(tools, options.get("handlers"), options.get("approve"), limits, parallel=parallel)

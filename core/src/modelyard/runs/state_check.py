"""Checks of stored runs for contradictions: a state comes from where others may have written to it.

What is checked is only what the state says about itself. Somebody who can change all of it can still make up a
whole conversation; ``RunState.to_json(key=...)`` is against that.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from modelyard.errors import ModelyardError
from modelyard.tools.errors import RunStateError
from modelyard.types.content import ToolCall, ToolResult

if TYPE_CHECKING:
    from modelyard.runs.state import RunState
    from modelyard.types.messages import Message

__all__ = ["check_state"]

_MOST = 2**53
"""The largest whole number that every reader of JSON keeps exactly (RFC 8259, 6)."""


def check_state(state: object) -> RunState:
    """Give a state back if it agrees with itself; raises ``RunStateError`` naming what does not fit."""
    from modelyard.runs.state import RunState

    if not isinstance(state, RunState):
        raise RunStateError(
            f"A run is resumed from a RunState, not from {type(state).__name__}.",
            hint="Read a stored one with RunState.from_json.",
        )
    try:
        complaint = next(_complaints(state), None)
    except RecursionError:
        complaint = "something in it is nested too deeply"
    if complaint is not None:
        raise RunStateError(
            f"The state of a run does not agree with itself: {complaint}.",
            hint="Keep states where users cannot change them, or sign them: state.to_json(key=...).",
        )
    _check_options(state)
    return state


def _complaints(state: RunState) -> Iterator[str]:
    yield from _about_conversation(state)
    yield from _about_calls(state)
    yield from _about_sums(state)
    yield from _about_options(state)


def _about_conversation(state: RunState) -> Iterator[str]:
    """The run adds turns of the model, and after one with calls a message with a result for each."""
    if state.given > len(state.messages):
        yield f"given is {state.given}, and there are {len(state.messages)} messages"
        return
    added = state.messages[state.given :]
    turns = sum(message.role == "assistant" for message in added)
    if turns != state.turns:
        yield f"turns is {state.turns}, and the run added {turns} turns of the model"
    open_calls: tuple[ToolCall, ...] = ()
    for index, message in enumerate(added, state.given):
        if message.role not in ("assistant", "tool"):
            yield f"messages[{index}] is of the {message.role}, and a run adds none"
        elif (message.role == "tool") != bool(open_calls):
            yield f"messages[{index}] does not follow the turn before it"
        elif message.role == "tool" and not _answers(message, open_calls):
            yield f"messages[{index}] does not answer the calls of the turn before it"
        open_calls = message.tool_calls
    if not _alike(state.calls, open_calls):
        yield "calls are not those of the last turn of the model"


def _answers(message: Message, calls: Iterable[ToolCall]) -> bool:
    return [part.tool_call_id for part in message.content if isinstance(part, ToolResult)] == [
        call.id for call in calls
    ]


def _alike(calls: tuple[ToolCall, ...], others: tuple[ToolCall, ...]) -> bool:
    """Whether calls are the same, their arguments told apart as JSON does: 1 is not ``true`` there."""
    if calls is others:
        return True
    return calls == others and _arguments(calls) == _arguments(others)


def _arguments(calls: tuple[ToolCall, ...]) -> str:
    try:
        return json.dumps([call.arguments for call in calls], sort_keys=True, default=repr)
    except RecursionError:
        return ""


def _about_calls(state: RunState) -> Iterator[str]:
    names = {call.id: call.name for call in state.calls}
    if len(names) != len(state.calls):
        yield "two calls have one id"
    results = tuple(result.tool_call_id for result in state.results)
    for place, ids in (("results", results), ("awaiting", state.awaiting), ("started", state.started)):
        if any(call_id not in names for call_id in ids):
            yield f"{place} name a call that the model did not make"
        if len(set(ids)) != len(ids):
            yield f"{place} name a call twice"
    if len({*results, *state.awaiting, *state.started}) != len(results) + len(state.awaiting) + len(state.started):
        yield "a call is in two of results, awaiting and started"
    if any(result.name not in (None, names.get(result.tool_call_id)) for result in state.results):
        yield "a result bears the name of another tool"
    made = sum(len(message.tool_calls) for message in state.messages[state.given :]) - len(state.calls)
    if state.tool_calls < made + len({*results, *state.awaiting, *state.started}):
        yield "tool_calls is less than the calls that were carried out"


def _about_sums(state: RunState) -> Iterator[str]:
    asked = state.turns > 0
    if asked != (state.usage is not None) or asked != (state.completion is not None):
        yield "usage and completion are there if the model was asked, and only then"
    last = next((message for message in reversed(state.messages) if message.role == "assistant"), None)
    if state.completion is not None and state.completion.message != last:
        yield "completion is not the last turn of the model"
    if state.usage is not None and any(not 0 <= figure <= _MOST for figure in _figures(state.usage)):
        yield "a figure of usage is out of range"
    cost = state.cost
    if cost is not None:
        sums = (cost.total, cost.input, cost.cached_input, cost.cache_write, cost.output)
        if not all(math.isfinite(amount) and amount >= 0 for amount in sums):
            yield "a figure of cost is no amount"


def _figures(usage: Any) -> Iterator[int]:
    return (value for name, value in usage if name != "raw" and value is not None)


def _about_options(state: RunState) -> Iterator[str]:
    from modelyard.calls.options import CALL_OPTIONS
    from modelyard.credentials.known_secrets import option_secrets

    known = CALL_OPTIONS - {"tools", "credential"}
    if "credential" in state.options:
        yield "options hold a credential"
    if any(option_secrets(state.options.get("provider_options"))):
        yield "provider_options hold a secret"
    if any(name not in known for name in state.options):
        yield "options hold one that no call has"
    if any(name not in CALL_OPTIONS or name in state.options for name in state.omitted):
        yield "omitted names an option that no call has, or that is there"
    if len({tool.name for tool in state.tools}) != len(state.tools):
        yield "two tools have one name"


def _check_options(state: RunState) -> None:
    """Make everything of the options that a call would make, before a tool is executed."""
    from modelyard.calls.fallback import FallbackPolicy
    from modelyard.calls.options import REQUEST_OPTIONS
    from modelyard.calls.retry import RetryPolicy
    from modelyard.deadlines import Deadlines, seconds
    from modelyard.routing.policy import RoutePolicy
    from modelyard.types.request import build_request

    options = state.options
    fields = {name: value for name, value in options.items() if name in REQUEST_OPTIONS}
    checks: dict[str, Callable[[Any], object]] = {
        "system": lambda system: system.strip,
        "deadlines": Deadlines.make,
        "fallback": FallbackPolicy.make,
        "route": RoutePolicy.make,
        "max_attempts": RetryPolicy().with_attempts,
        "hedge_after": lambda value: seconds(value, "hedge_after"),
    }
    name = "options"
    try:
        build_request("", "", "-", None, {**fields, "tools": state.tools})
        for name, check in checks.items():
            if options.get(name) is not None:
                check(options[name])
    except (ModelyardError, TypeError, ValueError, AttributeError, OverflowError) as error:
        said = error.message if isinstance(error, ModelyardError) else "it is of the wrong type"
        raise RunStateError(f"The state of a run has options that no call takes: {name}: {said}") from None

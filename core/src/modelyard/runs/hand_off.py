"""Matching the results a host brings with the calls of a suspended run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from modelyard.errors import InvalidRequestError
from modelyard.tools.errors import ToolResultsError
from modelyard.tools.results import to_result
from modelyard.types.content import ToolCall, ToolResult

if TYPE_CHECKING:
    from modelyard.runs.run import GivenResults
    from modelyard.runs.state import RunState

__all__ = ["match_results"]


def match_results(state: RunState, given: GivenResults) -> list[ToolResult]:
    """The results for the calls that wait, in their order.

    Raises ``ToolResultsError`` naming every id that is missing, doubled, answered before or unknown.
    """
    values = _by_id(given)
    waiting = {call.id: call for call in state.pending}
    counts = Counter(call_id for call_id, _ in values)
    answered = _answered(state)
    strange = [call_id for call_id in counts if call_id not in waiting]
    problems = {
        "missing": [call_id for call_id in waiting if call_id not in counts],
        "duplicate": [call_id for call_id, times in counts.items() if times > 1],
        "late": [call_id for call_id in strange if call_id in answered],
        "unknown": [call_id for call_id in strange if call_id not in answered],
    }
    if any(problems.values()):
        said = "; ".join(f"{name}: {', '.join(ids)}" for name, ids in problems.items() if ids)
        wanted = (
            f"Bring one result for each of: {', '.join(waiting)}." if waiting else "No call waits for a result."
        )
        raise ToolResultsError(
            f"The results do not answer the calls that wait ({said}).",
            hint=f"{wanted} The state can be used again.",
            **problems,
        )
    found = dict(values)
    return [_result(call, found[call_id]) for call_id, call in waiting.items()]


def _by_id(given: Any) -> list[tuple[str, Any]]:
    if isinstance(given, Mapping):
        return [(str(call_id), value) for call_id, value in given.items()]
    if isinstance(given, ToolResult) or not isinstance(given, Iterable) or isinstance(given, (str, bytes)):
        raise InvalidRequestError(
            f"results must be a list of ToolResult or a mapping of ids to values, not {type(given).__name__}."
        )
    found: list[tuple[str, Any]] = []
    for index, item in enumerate(given):
        try:
            result = item if isinstance(item, ToolResult) else ToolResult.model_validate(item)
        except ValidationError as error:
            raise InvalidRequestError(f"results[{index}] is no tool result: {error.errors()[0]['msg']}.") from None
        found.append((result.tool_call_id, result))
    return found


def _answered(state: RunState) -> set[str]:
    results = (part for message in state.messages for part in message.content if isinstance(part, ToolResult))
    return {result.tool_call_id for result in (*results, *state.results)}


def _result(call: ToolCall, value: Any) -> ToolResult:
    try:
        return to_result(call, value)
    except TypeError as error:
        raise InvalidRequestError(f"The result for {call.id} cannot be sent: {error}.") from None

"""The tool loop: model, tools, model, until there is an answer or a hand-off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.runs.limits import RunLimits
    from modelyard.runs.loop import Checkpoint
    from modelyard.runs.result import RunResult, RunStatus
    from modelyard.runs.run import GivenResults
    from modelyard.runs.run_stream import RunStream
    from modelyard.runs.state import RunState
    from modelyard.tools.errors import RunStateError, ToolResultsError
    from modelyard.tools.function import Approve

__all__ = [
    "Approve",
    "Checkpoint",
    "GivenResults",
    "RunLimits",
    "RunResult",
    "RunState",
    "RunStateError",
    "RunStatus",
    "RunStream",
    "ToolResultsError",
]

_EXPORTS = Exports(
    __name__,
    """
    runs.limits: RunLimits
    runs.loop: Checkpoint
    runs.result: RunResult RunStatus
    runs.run: GivenResults
    runs.run_stream: RunStream
    runs.state: RunState
    tools.errors: RunStateError ToolResultsError
    tools.function: Approve
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names

"""The tool loop: model, tools, model, until there is an answer or a hand-off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.runs.limits import RunLimits
    from modelyard.runs.result import RunResult, RunStatus
    from modelyard.runs.run_stream import RunStream
    from modelyard.runs.state import RunState
    from modelyard.tools.errors import RunStateError, ToolResultsError

__all__ = [
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
    runs.result: RunResult RunStatus
    runs.run_stream: RunStream
    runs.state: RunState
    tools.errors: RunStateError ToolResultsError
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names

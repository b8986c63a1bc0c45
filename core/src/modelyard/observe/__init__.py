"""Observers to hand to a runtime as ``hooks``: OpenTelemetry, and structured log records.

They see what the record of a call says, and nothing of its content unless told to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.observe.logs import LogObserver
    from modelyard.observe.otel import OpenTelemetryObserver

__all__ = [
    "LogObserver",
    "OpenTelemetryObserver",
]

_EXPORTS = Exports(
    __name__,
    """
    observe.logs: LogObserver
    observe.otel: OpenTelemetryObserver
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names

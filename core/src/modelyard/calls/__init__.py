"""One call: planned, attempted, retried, streamed, recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.calls.fallback import FallbackMode, FallbackPolicy
    from modelyard.calls.options import CallOptions, GenerateOptions, RunOptions
    from modelyard.calls.stream import CompletionStream
    from modelyard.calls.sync_stream import SyncStream
    from modelyard.deadlines import DeadlinesLike

__all__ = [  # noqa: RUF022  # grouped by subject
    # streams of answers
    "CompletionStream",
    "SyncStream",
    # what a call is told
    "CallOptions",
    "DeadlinesLike",
    "FallbackMode",
    "FallbackPolicy",
    "GenerateOptions",
    "RunOptions",
]

_EXPORTS = Exports(
    __name__,
    """
    calls.fallback: FallbackMode FallbackPolicy
    calls.options: CallOptions GenerateOptions RunOptions
    calls.stream: CompletionStream
    calls.sync_stream: SyncStream
    deadlines: DeadlinesLike
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names

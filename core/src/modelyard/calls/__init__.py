"""One call: planned, attempted, retried, streamed, recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.calls.fallback import FallbackPolicy
    from modelyard.calls.stream import CompletionStream
    from modelyard.calls.sync_stream import SyncStream

__all__ = [
    "CompletionStream",
    "FallbackPolicy",
    "SyncStream",
]

_EXPORTS = Exports(
    __name__,
    """
    calls.fallback: FallbackPolicy
    calls.stream: CompletionStream
    calls.sync_stream: SyncStream
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names

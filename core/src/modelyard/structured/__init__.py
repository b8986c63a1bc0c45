"""Structured output: a type or a schema in, a validated object out, whatever the provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.structured.errors import OutputError, OutputValidationError, RefusalError, TruncatedOutputError
    from modelyard.structured.generate import GenerateStream
    from modelyard.structured.generated import Generated
    from modelyard.structured.strategy import Strategy
    from modelyard.structured.sync_stream import SyncGenerateStream

__all__ = [  # noqa: RUF022  # grouped by subject
    # objects
    "GenerateStream",
    "Generated",
    "Strategy",
    "SyncGenerateStream",
    # what can go wrong
    "OutputError",
    "OutputValidationError",
    "RefusalError",
    "TruncatedOutputError",
]

_EXPORTS = Exports(
    __name__,
    """
    structured.errors: OutputError OutputValidationError RefusalError TruncatedOutputError
    structured.generate: GenerateStream
    structured.generated: Generated
    structured.strategy: Strategy
    structured.sync_stream: SyncGenerateStream
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names

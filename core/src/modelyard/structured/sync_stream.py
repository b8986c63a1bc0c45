"""A stream of an unfinished object for code without an event loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from modelyard.calls.sync_stream import SyncStream
from modelyard.structured.generate import GenerateStream
from modelyard.structured.generated import Generated

__all__ = ["SyncGenerateStream"]


class SyncGenerateStream:
    """A ``GenerateStream`` whose methods block; use it as ``with runtime.generate_stream(...) as stream``."""

    def __init__(self, stream: GenerateStream, spawn: Callable[[Coroutine[Any, Any, None]], Future[None]]) -> None:
        self._stream = stream
        self._values = SyncStream(stream, spawn)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop, and close the connection."""
        self._values.close()

    def partials(self) -> Iterator[Any]:
        """Yield each state of the unfinished object; see ``GenerateStream.partials``."""
        return iter(self._values)

    def collect(self) -> Generated[Any]:
        """Take what is left and return the result."""
        self._values.collect()
        return self.generated

    @property
    def generated(self) -> Generated[Any]:
        """The object with its answers; raises ``ModelyardError`` before the end."""
        return self._stream.generated

    @property
    def output(self) -> Any:
        """The validated object; raises ``ModelyardError`` before the end."""
        return self._stream.output

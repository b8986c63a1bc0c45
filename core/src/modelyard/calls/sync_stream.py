"""A stream for code without an event loop: events come from the loop's thread through a bounded buffer."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import Any, Protocol, Self

from modelyard.errors import ModelyardError, StreamInterruptedError
from modelyard.types.completion import Completion
from modelyard.types.events import ErrorEvent, Event, event_to_sse

__all__ = ["SyncStream"]

AHEAD = 256
"""Events fetched ahead of the consumer."""


class AsyncStream(Protocol):
    """An asynchronous stream of events that can be closed, to be wrapped."""

    def __aiter__(self) -> AsyncIterator[Event]: ...

    async def aclose(self) -> None:
        """Stop."""

    @property
    def completion(self) -> Completion:
        """The whole answer."""


class SyncStream:
    """The events of one answer; use it as ``with runtime.stream(...) as stream: for event in stream``.

    Leaving the block closes the connection. Anything else an asynchronous stream has, such as ``completion`` and
    ``partial``, is there under the same name. To be used by one thread.
    """

    def __init__(self, stream: AsyncStream, spawn: Callable[[Coroutine[Any, Any, None]], Future[None]]) -> None:
        self._stream = stream
        self._spawn = spawn
        self._buffer: deque[Event] = deque()
        self._changed = threading.Condition()
        self._room: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._over = False
        self._producer: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        if self._producer is None:
            self._producer = self._spawn(self._produce())
        with self._changed:
            while not self._buffer and not self._over:
                self._changed.wait()
            if not self._buffer:
                self._finish()
            event = self._buffer.popleft()
            if len(self._buffer) == AHEAD // 2:
                self._make_room()
        return event

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._stream, name)

    @property
    def completion(self) -> Completion:
        """The whole answer, once the last event has been taken."""
        return self._stream.completion

    def close(self) -> None:
        """Stop: close the connection, and wait until it is closed."""
        if self._producer is None:
            self._producer = self._spawn(self._stream.aclose())
        elif not self._over:
            self._spawn(self._stop()).result()
        self._buffer.clear()

    def collect(self) -> Completion:
        """Take all remaining events and return the whole answer."""
        with self:
            for _ in self:
                pass
        return self.completion

    def text(self) -> Iterator[str]:
        """Yield only the pieces of the answer's text."""
        for event in self:
            if event.type == "content_delta" and event.kind == "text" and event.text:
                yield event.text

    def to_sse(self) -> Iterator[str]:
        """Yield the events as server-sent events for a web response; an error becomes the last event."""
        try:
            with self:
                for event in self:
                    yield event_to_sse(event)
        except ModelyardError as error:
            yield event_to_sse(ErrorEvent(error.to_dict()))

    async def _produce(self) -> None:
        self._loop, self._room, self._task = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()
        try:
            async for event in self._stream:
                with self._changed:
                    self._buffer.append(event)
                    self._changed.notify()
                    full = len(self._buffer) >= AHEAD
                if full:
                    await self._room.wait()
                    self._room.clear()
        finally:
            try:
                await self._stream.aclose()
            finally:
                with self._changed:
                    self._over = True
                    self._changed.notify()

    async def _stop(self) -> None:
        """Cancel the producer and wait for its end; it has begun, for it was spawned before."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _make_room(self) -> None:
        if self._loop is not None and self._room is not None and not self._over:
            self._loop.call_soon_threadsafe(self._room.set)

    def _finish(self) -> None:
        """The producer is at its end: raise what it raised, else the end of the iteration."""
        assert self._producer is not None
        try:
            self._producer.result()
        except (CancelledError, asyncio.CancelledError):
            raise StreamInterruptedError("The stream was closed before its end.") from None
        raise StopIteration

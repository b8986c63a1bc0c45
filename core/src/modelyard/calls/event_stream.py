"""The interface that every stream of events offers its consumer, whatever makes the events."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Self

from modelyard.errors import ModelyardError
from modelyard.types.events import ErrorEvent, Event, event_to_sse

__all__ = ["EventStream"]


class EventStream:
    """Events, made in batches and taken one by one; leaving the ``async with`` block stops their making."""

    def __init__(self, batches: AsyncGenerator[list[Event], None]) -> None:
        self._batches = batches
        self._ready: deque[Event] = deque()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        ready = self._ready
        while not ready:
            ready.extend(await anext(self._batches))
        return ready.popleft()

    async def aclose(self) -> None:
        """Stop: close the connection and record the attempt as cancelled, unless it is over."""
        await self._batches.aclose()

    def batches(self) -> AsyncIterator[list[Event]]:
        """The events in the lists they arrive in, for those who hand on many; not to be mixed with iterating."""
        return self._batches

    async def text(self) -> AsyncIterator[str]:
        """Yield only the pieces of the answer's text."""
        async for event in self:
            if event.type == "content_delta" and event.kind == "text" and event.text:
                yield event.text

    async def to_sse(self) -> AsyncIterator[str]:
        """Yield the events as server-sent events for a web response; an error becomes the last event."""
        try:
            async with contextlib.aclosing(self):
                async for event in self:
                    yield event_to_sse(event)
        except ModelyardError as error:
            yield event_to_sse(ErrorEvent(error.to_dict()))

"""A streamed answer as the caller sees it."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Self

from modelyard.errors import ModelyardError
from modelyard.routing.call import Call
from modelyard.routing.engine import Engine
from modelyard.streaming.hedge import HedgedAttempt
from modelyard.streaming.stream_attempt import StreamAttempt
from modelyard.types.completion import Completion
from modelyard.types.events import ErrorEvent, Event, event_to_sse

__all__ = ["CompletionStream"]


class CompletionStream:
    """The events of one answer; use it as ``async with runtime.stream(...) as stream``.

    Iterating yields events and raises an error of Modelyard's with the partial answer on it. Leaving the
    block closes the connection. ``completion`` is the whole answer, once the last event has been taken.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._ready: deque[Event] = deque()
        self._batches = self._run()
        self._lane: StreamAttempt | None = None

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

    @property
    def completion(self) -> Completion:
        """The whole answer. Raises ``ModelyardError`` before the stream has reached its end."""
        completion = self._lane.completion if self._lane is not None else None
        if completion is None:
            raise ModelyardError(
                "The stream has not reached its end, so there is no completion yet.",
                hint="Take all events first, or look at stream.partial.",
            )
        return completion

    @property
    def partial(self) -> Completion | None:
        """What has arrived so far; ``None`` if nothing has."""
        return self._lane.partial() if self._lane is not None else None

    async def collect(self) -> Completion:
        """Take all remaining events and return the whole answer."""
        async with self:
            async for _ in self:
                pass
        return self.completion

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

    async def _run(self) -> AsyncGenerator[list[Event], None]:
        """Make attempts until one succeeds or the policy says stop."""
        call, engine = self._call, Engine(self._call)
        attempt, news = await engine.begin()
        while True:
            lane = self._lane = StreamAttempt(call, engine, attempt)
            if call.hedge_after is None:
                async with contextlib.aclosing(lane.batches(news)) as batches:
                    async for batch in batches:
                        yield batch
            else:
                hedged = HedgedAttempt(call, engine, lane, call.hedge_after)
                async with contextlib.aclosing(hedged.batches(news)) as batches:
                    async for batch in batches:
                        lane = self._lane = hedged.lane
                        yield batch
            if lane.failure is None:
                return
            plan = await engine.failed(lane.attempt, lane.failure, committed=lane.committed)
            yield list(plan.news)
            attempt, news = await engine.go(plan)

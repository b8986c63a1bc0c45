"""A streamed answer as the caller sees it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from modelyard.errors import ModelyardError, ProviderError, StreamInterruptedError
from modelyard.routing.attempt import Attempt
from modelyard.routing.call import Call
from modelyard.routing.engine import Engine
from modelyard.streaming.collect import Collector
from modelyard.streaming.watchdog import Watchdog
from modelyard.types.completion import Completion
from modelyard.types.events import Done, ErrorEvent, Event, ResponseInfo, Status, event_to_sse

__all__ = ["CompletionStream"]


class CompletionStream:
    """The events of one answer; use it as ``async with runtime.stream(...) as stream``.

    Iterating yields events and raises an error of Modelyard's with the partial answer on it. Leaving the
    block closes the connection. ``completion`` is the whole answer, once the last event has been taken.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._deployment = call.deployments[0]
        self._ready: deque[Event] = deque()
        self._batches = self._run()
        self._collector = Collector()
        self._info: ResponseInfo | None = None
        self._completion: Completion | None = None
        self._cancelled = False

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
        if self._completion is None:
            raise ModelyardError(
                "The stream has not reached its end, so there is no completion yet.",
                hint="Take all events first, or look at stream.partial.",
            )
        return self._completion

    @property
    def partial(self) -> Completion | None:
        """What has arrived so far; ``None`` if nothing has."""
        return self._completion or self._partial()

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

    def _partial(self) -> Completion | None:
        return self._collector.partial(
            provider=self._deployment.provider,
            model=self._deployment.model,
            info=self._info,
            finish_reason="cancelled" if self._cancelled else "error",
        )

    async def _run(self) -> AsyncGenerator[list[Event], None]:
        """Make attempts until one succeeds or the policy says stop."""
        engine = Engine(self._call)
        attempt, news = await engine.begin()
        while True:
            failure: ModelyardError | None = None
            async with contextlib.aclosing(self._attempt(engine, attempt, news)) as batches:
                async for item in batches:
                    if isinstance(item, ModelyardError):
                        failure = item
                    else:
                        yield item
            if failure is None:
                return
            if isinstance(failure, ProviderError):
                failure.partial = failure.partial or self._partial()
            step = await engine.failed(attempt, failure, committed=self._collector.seen)
            yield list(step.news)
            attempt, news = await engine.go(step)
            self._collector, self._info = Collector(), None

    async def _attempt(
        self, engine: Engine, attempt: Attempt, news: Sequence[Event]
    ) -> AsyncGenerator[list[Event] | ModelyardError, None]:
        """Yield the news of an attempt, the batches of its answer, and its error last if it failed.

        The connection is still open when the batch with ``Done`` is yielded, so that the consumer need not
        wait for its orderly end.
        """
        call, deployment = self._call, attempt.deployment
        self._deployment = deployment
        watchdog = Watchdog(call.deadlines, engine.remaining())
        source: AsyncIterator[ResponseInfo | Event | Sequence[Event]] | None = None
        try:
            yield list(news)
            session = await watchdog.wait(deployment.open_session())
            source = deployment.binding.stream(session, call.request_for(deployment), deployment.card)
            while self._completion is None:
                item = await watchdog.wait(anext(source, None))
                batch = self._take(item, attempt, watchdog)
                if self._collector.done is not None:
                    batch[-1:] = await self._finish(engine, attempt, self._collector.done)
                if batch:
                    yield batch
        except (asyncio.CancelledError, GeneratorExit):
            if self._completion is None:
                self._cancelled = True
                await engine.cancelled(attempt)
            raise
        except Exception as error:
            failure = deployment.to_error(error, answered=self._info is not None)
        else:
            return
        finally:
            watchdog.stop()
            if source is not None:
                await _close(source)
        yield failure

    def _take(
        self, item: ResponseInfo | Event | Sequence[Event] | None, attempt: Attempt, watchdog: Watchdog
    ) -> list[Event]:
        if isinstance(item, ResponseInfo):
            self._info = item
            attempt.request_id = item.request_id
            attempt.rate_limits = item.rate_limits
            return []
        if item is None:
            raise StreamInterruptedError("The stream ended before its terminator.")
        batch = list(item) if isinstance(item, Sequence) else [item]
        self._collector.extend(batch)
        if batch and self._collector.seen:
            attempt.output()
            watchdog.output()
        return batch

    async def _finish(self, engine: Engine, attempt: Attempt, done: Done) -> list[Event]:
        deployment = attempt.deployment
        done = replace(done, deployment=deployment.ref, request_id=done.request_id or attempt.request_id)
        self._collector.done = done
        completion = self._collector.completion(
            provider=deployment.provider, model=deployment.model, info=self._info
        )
        self._completion = await engine.succeeded(attempt, completion)
        return [Status("completed", deployment=deployment.ref), done]


async def _close(source: AsyncIterator[object]) -> None:
    """Close a plugin's iterator, whatever it is; what closing raises is of no use to anybody."""
    close = getattr(source, "aclose", None)
    if close is None:
        return
    with contextlib.suppress(Exception):
        await close()

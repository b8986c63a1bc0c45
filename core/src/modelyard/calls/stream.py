"""A streamed answer as the caller sees it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from modelyard.calls.attempt import Attempt
from modelyard.calls.call import Call
from modelyard.calls.engine import Engine
from modelyard.calls.event_stream import EventStream
from modelyard.calls.hedge import HedgedAttempt
from modelyard.calls.stream_attempt import StreamAttempt
from modelyard.errors import ModelyardError
from modelyard.types.completion import Completion
from modelyard.types.events import Event

__all__ = ["CompletionStream"]


class CompletionStream(EventStream):
    """The events of one answer; use it as ``async with runtime.stream(...) as stream``.

    Iterating yields events and raises an error of Modelyard's with the partial answer on it. Leaving the
    block closes the connection. ``completion`` is the whole answer, once the last event has been taken.
    """

    def __init__(self, call: Call) -> None:
        super().__init__(self._run())
        self._call = call
        self._source: StreamAttempt | HedgedAttempt | None = None

    @property
    def completion(self) -> Completion:
        """The whole answer. Raises ``ModelyardError`` before the stream has reached its end."""
        completion = self._source.winner.completion if self._source is not None else None
        if completion is None:
            raise ModelyardError(
                "The stream has not reached its end, so there is no completion yet.",
                hint="Take all events first, or look at stream.partial.",
            )
        return completion

    @property
    def partial(self) -> Completion | None:
        """The answer as far as it has arrived; ``None`` if nothing has."""
        return self._source.winner.partial() if self._source is not None else None

    async def collect(self) -> Completion:
        """Take all remaining events and return the whole answer."""
        async with self:
            async for _ in self:
                pass
        return self.completion

    async def _run(self) -> AsyncGenerator[list[Event], None]:
        """Make attempts until one succeeds or the policy says stop."""
        with Engine(self._call) as engine:
            attempt, statuses = await engine.start()
            while True:
                source = self._source = self._source_of(engine, attempt)
                async with contextlib.aclosing(source.batches(statuses)) as batches:
                    async for batch in batches:
                        yield batch
                winner = source.winner
                if winner.failure is None:
                    return
                plan = await engine.failed(winner.attempt, winner.failure, committed=winner.committed)
                yield list(plan.statuses)
                attempt, statuses = await engine.run_step(plan)

    def _source_of(self, engine: Engine, attempt: Attempt) -> StreamAttempt | HedgedAttempt:
        call, winner = self._call, StreamAttempt(self._call, engine, attempt)
        return winner if call.hedge_after is None else HedgedAttempt(call, engine, winner, call.hedge_after)

"""Hedging a stream: when the first word is late, a second attempt is made, and the one that speaks first is heard.

The other is cancelled, which closes its connection, and stays on the record as possibly billed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

from modelyard.calls.stream_attempt import StreamAttempt
from modelyard.types.events import Event, Status

if TYPE_CHECKING:
    from modelyard.calls.call import Call
    from modelyard.calls.engine import Engine

__all__ = ["HedgedAttempt"]


class _Runner:
    """An attempt and a task that reads it up to its first word, its end or its failure."""

    def __init__(self, stream: StreamAttempt) -> None:
        self.stream = stream
        self.batches = stream.batches([])
        self.early: list[list[Event]] = []
        self.task = asyncio.ensure_future(self._read())

    @property
    def speaks(self) -> bool:
        """Whether output has come."""
        return self.task.done() and self.stream.failure is None

    async def _read(self) -> None:
        async for batch in self.batches:
            self.early.append(batch)
            if self.stream.committed or self.stream.completion is not None:
                return

    async def aclose(self) -> None:
        """Cancel the reading and close the connection."""
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait([self.task])
        await self.batches.aclose()


class HedgedAttempt:
    """One or two ``StreamAttempt`` side by side; ``winner`` is the one whose events reach the caller."""

    def __init__(self, call: Call, engine: Engine, first: StreamAttempt, after: float) -> None:
        self.winner = first
        self._call = call
        self._engine = engine
        self._after = after

    async def batches(self, statuses: Sequence[Event]) -> AsyncGenerator[list[Event], None]:
        """Yield the batches of the attempt that speaks first; of the first one, if both fail."""
        runners: list[_Runner] = []
        try:
            yield list(statuses)
            runners.append(_Runner(self.winner))
            await asyncio.wait([runners[0].task], timeout=self._after)
            if not runners[0].task.done():
                await self._start_second(runners)
            heard = await self._listen(runners)
            async with contextlib.aclosing(self._deliver(heard, runners)) as batches:
                async for batch in batches:
                    yield batch
            await heard.aclose()
        except BaseException:
            await self._abandon(runners)
            raise

    async def _abandon(self, runners: list[_Runner]) -> None:
        """End everything; an attempt that had not even begun, or whose failure nobody asked for, was cancelled."""
        for runner in runners:
            await runner.aclose()
        for stream in [self.winner, *(runner.stream for runner in runners)]:
            await self._engine.cancelled(stream.attempt)

    async def _start_second(self, runners: list[_Runner]) -> None:
        attempt = await self._engine.hedge()
        if attempt is not None:
            runners.append(_Runner(StreamAttempt(self._call, self._engine, attempt)))

    async def _listen(self, runners: list[_Runner]) -> _Runner:
        """Wait until one speaks or all have failed."""
        pending = {runner.task for runner in runners}
        while pending and not any(runner.speaks for runner in runners):
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        return next((runner for runner in runners if runner.speaks), runners[0])

    async def _deliver(self, heard: _Runner, runners: list[_Runner]) -> AsyncGenerator[list[Event], None]:
        for other in runners:
            if other is heard:
                continue
            await other.aclose()
            if other.stream.failure is not None:
                await self._engine.record_loser(other.stream.attempt, other.stream.failure)
        heard.task.result()
        if heard is not runners[0]:
            self.winner = heard.stream
            self._engine.make_current(heard.stream.attempt)
            ref = heard.stream.attempt.deployment.ref
            yield [Status("selected_model", deployment=ref, reason="it answered first")]
        for batch in heard.early:
            yield batch
        async for batch in heard.batches:
            yield batch

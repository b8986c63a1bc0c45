"""Deadlines of a stream with one timer for all of it, none per event."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING, TypeVar

from modelyard.errors import DeadlineError, ProviderError, RuntimeClosedError
from modelyard.streaming.progress import listening

if TYPE_CHECKING:
    from modelyard.deadlines import Deadlines

__all__ = ["Watchdog"]

T = TypeVar("T")


class Watchdog:
    """Guards the waits of one attempt.

    Only time spent waiting for the provider counts, but for ``total``: a slow consumer breaks no deadline.
    Whatever does not reach the consumer as output, such as pings, does not reset a clock. ``remaining`` is what is
    left, in seconds, of the call's total deadline. A whole answer is its own first output.
    """

    def __init__(self, deadlines: Deadlines, remaining: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._first = deadlines.first_output
        self._between = deadlines.between_outputs
        self._total_due = None if remaining is None else self._loop.time() + remaining
        self._waited = 0.0
        self._got_output = False
        self._preparing = False
        self._since = 0.0
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._expired: str | None = None

    def output(self) -> None:
        """Note that output has come: the clock between outputs starts anew."""
        self._waited = 0.0
        if not self._got_output:
            self._got_output = True
            self.stop()  # armed for the first output; the next wait arms it for the shorter clock

    async def prepare(self, awaitable: Awaitable[T]) -> T:
        """Await something of our own, such as the opening of a session: only the total deadline counts."""
        self._preparing = True
        try:
            return await self.wait(awaitable)
        finally:
            self._preparing = False
            self._waited = 0.0
            self.stop()  # armed for the total deadline; the next wait arms it for the first output

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Await something of the provider's.

        Raises ``DeadlineError`` naming the deadline that passed, after cancelling what was awaited;
        ``RuntimeClosedError`` likewise.
        """
        if self.expired:
            _discard(awaitable)
            raise self._error()
        task = self._task = asyncio.current_task()
        cancelling = task.cancelling() if task is not None else 0
        self._since = self._loop.time()
        if self._timer is None:
            self._arm()
        try:
            return await awaitable
        except asyncio.CancelledError:
            # Ours only if the timer cancelled and nobody else did: then it must not travel further.
            if self._expired is None or task is None or task.uncancel() > cancelling:
                raise
            raise self._error() from None
        finally:
            self._waited += self._loop.time() - self._since
            self._task = None

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Let ``progress`` count as output in this context: for plugins that stream a whole answer inside."""
        with listening(self.output):
            yield

    @property
    def expired(self) -> bool:
        """True if a deadline has passed or the runtime was closed."""
        return self._expired is not None

    @property
    def waiting(self) -> bool:
        """True if somebody waits just now."""
        return self._task is not None

    def interrupt(self) -> None:
        """End the wait under way, and every later one at once, because the runtime is closed."""
        if self._expired is not None:
            return
        self._expired = "closed"
        if self._task is not None:
            self._task.cancel()

    def stop(self) -> None:
        """Disarm; the next wait arms again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> tuple[float | None, str]:
        if self._preparing:
            return self._total_due, "total"
        limit, phase = (self._between, "between_outputs") if self._got_output else (self._first, "first_output")
        due = None if limit is None else self._since + limit - self._waited
        if self._total_due is not None and (due is None or self._total_due < due):
            return self._total_due, "total"
        return due, phase

    def _arm(self) -> None:
        due, _ = self._due()
        if due is not None:
            self._timer = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._task is None or self._expired is not None:
            return  # the consumer is busy; its next wait arms the timer
        due, phase = self._due()
        if due is None or due > self._loop.time():
            self._arm()
            return
        self._expired = phase
        self._task.cancel()

    def _error(self) -> ProviderError:
        phase = self._expired or "total"
        if phase == "closed":
            return RuntimeClosedError("The runtime was closed before the call was over.")
        return DeadlineError(f"The {phase.replace('_', ' ')} deadline passed.", phase=phase)


def _discard(awaitable: Awaitable[object]) -> None:
    """Close what is not going to be awaited, so that nobody is warned of it."""
    close = getattr(awaitable, "close", None)
    if close is not None:
        close()

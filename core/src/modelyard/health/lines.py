"""Waiting in line for a place under a limit on requests under way: first come, first served."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from modelyard.health.state import FULL, Refusal

if TYPE_CHECKING:
    from modelyard.health.clock import Clock

__all__ = ["Lines"]

STEP: Final = 1.0
"""Seconds after which somebody in line looks at the time again, and the first asks again unless woken before."""


class Lines:
    """Queues for places at deployments, in order of arrival. Safe to use from several threads and loops.

    Only the first in line asks for a place. It asks when a place has become free, of which the state that owns the
    lines tells them; of a state that does not tell (``told=False``) it asks again as often as the state advises.
    """

    def __init__(self, *, told: bool = True) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._lines: dict[str, OrderedDict[_Turn, None]] = {}

    def taken(self, key: str) -> bool:
        """Return whether somebody waits already, so that who comes now has to go to the end of the line."""
        return key in self._lines

    def wake(self, key: str) -> None:
        """Say that a place may have become free."""
        if key in self._lines:
            with self._lock:
                self._wake_first(key)

    async def admit(
        self, key: str, ask: Callable[[], Awaitable[Refusal | None]], clock: Clock, patience: float | None
    ) -> Refusal | None:
        """Wait in line until ``ask`` gives a place or refuses for another reason; ``patience`` is in seconds."""
        turn = self._join(key)
        due = None if patience is None else clock.now() + patience
        refusal = FULL
        try:
            while True:
                if self._is_first(key, turn):
                    turn.woken = False  # before asking: whatever becomes free from here on wakes it again
                    answer = await ask()
                    if answer is None or answer.reason != "concurrency":
                        return answer
                    refusal = answer
                left = STEP if due is None else due - clock.now()
                if left <= 0:
                    return refusal
                await turn.wait(clock, min(left, STEP if self._told else max(refusal.wait, 0.01)))
        finally:
            self._leave(key, turn)

    def _join(self, key: str) -> _Turn:
        turn = _Turn()
        with self._lock:
            self._lines.setdefault(key, OrderedDict())[turn] = None
        return turn

    def _is_first(self, key: str, turn: _Turn) -> bool:
        with self._lock:
            line = self._lines[key]
            while (first := next(iter(line))) is not turn and first.loop.is_closed():
                del line[first]  # its loop ended under it: it never comes to ask
            return first is turn

    def _leave(self, key: str, turn: _Turn) -> None:
        with self._lock:
            line = self._lines.get(key)
            if line is None or turn not in line:
                return
            first = next(iter(line)) is turn
            del line[turn]
            if not line:
                del self._lines[key]
            elif first:
                self._wake_first(key)

    def _wake_first(self, key: str) -> None:
        line = self._lines.get(key)
        if line:
            next(iter(line)).wake()


class _Turn:
    """One who waits, in one event loop."""

    __slots__ = ("_thread", "_wait", "loop", "woken")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.woken = False
        self._wait: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """End the wait under way, or the next one at once; may be called from any thread."""
        if threading.get_ident() == self._thread:
            self._wake()
            return
        with contextlib.suppress(RuntimeError):  # its loop has been closed
            self.loop.call_soon_threadsafe(self._wake)

    async def wait(self, clock: Clock, seconds: float) -> None:
        """Wait to be woken, for so long at most."""
        if self.woken:
            return
        wait = self._wait = self.loop.create_future()
        timer = asyncio.ensure_future(clock.sleep(seconds))
        timer.add_done_callback(lambda _: _end(wait))
        try:
            await wait
        finally:
            self._wait = None
            timer.cancel()

    def _wake(self) -> None:
        self.woken = True
        if self._wait is not None:
            _end(self._wait)


def _end(wait: asyncio.Future[None]) -> None:
    if not wait.done():
        wait.set_result(None)

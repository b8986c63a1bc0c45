"""The calls of a runtime that are under way, so that closing it can wait for them or end them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from modelyard.errors import RuntimeClosedError

__all__ = ["Running", "RunningCalls"]

GRACE = 0.25
"""Seconds that calls get to close their connections themselves once they were told to end.

Closing one is a matter of milliseconds; whoever has not done it by now will not, and sessions are closed next.
"""


class _Wait(Protocol):
    @property
    def waiting(self) -> bool:
        """Whether somebody waits for the provider just now."""

    def interrupt(self) -> None:
        """End the wait under way, and every later one at once, with ``RuntimeClosedError``."""


class Running:
    """One call under way and everything it may wait for. Used by its event loop only."""

    __slots__ = ("_stopped", "_waits")

    def __init__(self) -> None:
        self._waits: list[_Wait] = []
        self._stopped = False

    @property
    def waiting(self) -> bool:
        """True if it waits for something; it does not while its consumer is busy."""
        return any(wait.waiting for wait in self._waits)

    def add(self, wait: _Wait) -> None:
        """Name something that the call may wait for."""
        self._waits.append(wait)
        if self._stopped:
            wait.interrupt()

    def stop(self) -> None:
        """End the call, now or as soon as its consumer asks for more."""
        self._stopped = True
        for wait in self._waits:
            wait.interrupt()


class _Loop:
    """What is under way in one event loop."""

    def __init__(self) -> None:
        self.calls: set[Running] = set()
        self.closing = 0
        self.idle = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Wait until nothing is under way, for so long at most."""
        self.idle.clear()
        if self.calls and seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self.idle.wait()
            except TimeoutError:
                return


class RunningCalls:
    """The calls under way in each event loop; while they are being ended, new ones are refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loops: dict[asyncio.AbstractEventLoop, _Loop] = {}

    def begin(self) -> Running:
        """Note a call that begins. Raises ``RuntimeClosedError`` while this loop's calls are being ended."""
        here = self._here()
        if here.closing:
            raise RuntimeClosedError("The runtime is being closed and takes no new calls.")
        running = Running()
        here.calls.add(running)
        return running

    def end(self, running: Running) -> None:
        """Note that a call is over."""
        here = self._here()
        here.calls.discard(running)
        if not here.calls:
            here.idle.set()

    @asynccontextmanager
    async def closing(self, drain: float) -> AsyncIterator[None]:
        """Give the calls of this loop so many seconds to finish, then end them; new ones are refused inside."""
        here = self._here()
        here.closing += 1
        try:
            await here.wait(drain)
            for running in here.calls:
                running.stop()
            if any(running.waiting for running in here.calls):
                await here.wait(GRACE)
            yield
        finally:
            here.closing -= 1

    def _here(self) -> _Loop:
        loop = asyncio.get_running_loop()
        found = self._loops.get(loop)
        if found is not None:
            return found
        with self._lock:
            self._loops = {other: calls for other, calls in self._loops.items() if not other.is_closed()}
            return self._loops.setdefault(loop, _Loop())

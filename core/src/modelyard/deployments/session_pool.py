"""Open sessions: made on first use, shared while in use, closed when nobody has used them for a while."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

from modelyard.errors import DeadlineError, RuntimeClosedError
from modelyard.log import logger
from modelyard.loop_end import at_loop_end

if TYPE_CHECKING:
    import asyncio

    from modelyard.bounds import Bounds
    from modelyard.session import Session

__all__ = ["OPEN_AT_LEAST", "SessionPool", "SessionUse", "Way"]

OPEN_AT_LEAST = 3.0
"""Seconds a session always gets to open: importing an SDK takes up to two of them on a busy machine (measured)."""
CLOSE_WITHIN = 2.0
"""Seconds all sessions of a loop together get to close; sockets need milliseconds, TLS one round trip."""

Way: TypeAlias = Hashable
"""Identity of a way to a provider: the secret itself, the address, and which settings."""
_Key: TypeAlias = tuple[str, Way]
_Opener: TypeAlias = "Callable[[], Awaitable[Session]]"


class SessionUse:
    """A session for as long as somebody uses it: ``with pool.use(...) as use: session = await use.session()``."""

    __slots__ = ("_here", "_kept")

    def __init__(self, here: _Sessions, kept: _Kept) -> None:
        self._here = here
        self._kept = kept

    async def session(self) -> Session:
        """The session; raises what opening it raised."""
        task = self._kept.task
        return task.result() if task.done() else await _opened(task)

    async def keep(self) -> Session:
        """The session, in use until the pool is closed."""
        try:
            return await self.session()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """End this use."""
        self._here.give_back(self._kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.release()


class SessionPool:
    """Sessions of a runtime, for each event loop its own; those of a closed loop are forgotten.

    ``bounds.sessions`` of a loop stay open at most, half of them without being used; whichever was unused for
    longest is closed first, one in use never. One that is not ``lasting`` is closed after ``bounds.session_idle``.
    ``open_within`` and ``close_within`` are in seconds: an opening that takes longer is given up, and a closing.
    """

    def __init__(
        self, bounds: Bounds, open_within: float | None = None, close_within: float = CLOSE_WITHIN
    ) -> None:
        self._bounds = bounds
        self._open_within = open_within
        self._close_within = close_within
        self._lock = threading.Lock()
        self._loops: dict[asyncio.AbstractEventLoop, _Sessions] = {}
        self._ends: dict[asyncio.AbstractEventLoop, AsyncGenerator[None, None]] = {}

    def use(self, provider: str, way: Way, opener: _Opener, *, lasting: bool = False) -> SessionUse:
        """Use the session for one way to a provider in this loop, opened once however many ask at a time."""
        here = self._of_this_loop()
        return SessionUse(here, here.take((provider, way), opener, lasting=lasting))

    async def aclose(self) -> None:
        """Close the sessions of this loop; one that fails to close, or takes too long, is logged."""
        import asyncio

        with self._lock:
            end = self._ends.pop(asyncio.get_running_loop(), None)
        if end is not None:
            await end.aclose()

    async def _close(self) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        with self._lock:
            here = self._loops.pop(loop, None)
            self._ends.pop(loop, None)
        if here is not None:
            await here.aclose(self._close_within)

    def _of_this_loop(self) -> _Sessions:
        import asyncio

        loop = asyncio.get_running_loop()
        found = self._loops.get(loop)
        if found is not None:
            return found
        with self._lock:
            self._loops = {other: here for other, here in self._loops.items() if not other.is_closed()}
            self._ends = {other: end for other, end in self._ends.items() if not other.is_closed()}
            found = self._loops[loop] = _Sessions(self._bounds, loop, self._open_within)
            self._ends[loop] = at_loop_end(self._close)
            return found


class _Kept:
    """One session, opened or being opened. Compared by identity, which costs no hash of a secret."""

    __slots__ = ("key", "lasting", "since", "task", "users")

    def __init__(self, key: _Key, task: asyncio.Task[Session], *, lasting: bool) -> None:
        self.key = key
        self.task = task
        self.lasting = lasting
        self.users = 0
        self.since = 0.0
        """When its last use ended."""


class _Sessions:
    """The sessions of one event loop, used by that loop only."""

    def __init__(self, bounds: Bounds, loop: asyncio.AbstractEventLoop, open_within: float | None) -> None:
        self._open_within = open_within
        self._most = bounds.sessions
        self._idle_seconds = bounds.session_idle
        self._loop = loop
        self._known: dict[_Key, _Kept] = {}
        self._idle: dict[_Kept, None] = {}
        """In the order in which their last uses ended."""
        self._closing: dict[_Kept, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def take(self, key: _Key, opener: _Opener, *, lasting: bool) -> _Kept:
        """Begin a use."""
        kept = self._known.get(key)
        if kept is None:
            opening = self._loop.create_task(_open(opener, self._open_within))
            kept = self._known[key] = _Kept(key, opening, lasting=lasting)
            kept.task.add_done_callback(lambda _: self._forget_failure(kept))
            self._trim()
        elif not kept.users:
            del self._idle[kept]
        kept.users += 1
        return kept

    def give_back(self, kept: _Kept) -> None:
        """End a use."""
        kept.users -= 1
        if kept.users or self._known.get(kept.key) is not kept:
            return
        kept.since = self._loop.time()
        self._idle[kept] = None
        if len(self._known) > 1:
            self._trim()
        if self._timer is None and not kept.lasting:
            self._timer = self._loop.call_later(self._idle_seconds, self._sweep)

    async def aclose(self, within: float) -> None:
        """Close all sessions, also those in use, and wait for those that are being closed, so long at most."""
        import asyncio

        if self._timer is not None:
            self._timer.cancel()
        left, self._known, self._idle = [*self._known.values()], {}, {}
        left += [kept for kept, task in self._closing.items() if task.cancelled()]
        self._closing |= {kept: self._loop.create_task(_shut(kept)) for kept in left}
        ends, self._closing = self._closing, {}
        if not ends:
            return
        try:
            await asyncio.wait(ends.values(), timeout=within)
        finally:
            for kept, end in ends.items():
                if end.cancel():
                    logger("sessions").warning("the session of %s did not close within %g s", kept.key[0], within)

    def _trim(self) -> None:
        """Close what was unused for longest until the bounds are kept."""
        room = min((self._most + 1) // 2, self._most - len(self._known) + len(self._idle))
        while len(self._idle) > max(room, 0):
            self._close_soon(next(iter(self._idle)))

    def _sweep(self) -> None:
        """Close what was unused for long enough, and come again for the rest."""
        self._timer = None
        due = self._loop.time() - self._idle_seconds
        passing = [kept for kept in self._idle if not kept.lasting]
        for kept in passing:
            if kept.since > due:
                self._timer = self._loop.call_at(kept.since + self._idle_seconds, self._sweep)
                return
            self._close_soon(kept)

    def _close_soon(self, kept: _Kept) -> None:
        del self._known[kept.key], self._idle[kept]
        task = self._closing[kept] = self._loop.create_task(_shut(kept))
        task.add_done_callback(lambda done: None if done.cancelled() else self._closing.pop(kept, None))

    def _forget_failure(self, kept: _Kept) -> None:
        failed = kept.task.cancelled() or kept.task.exception() is not None
        if failed and self._known.get(kept.key) is kept:
            del self._known[kept.key]
            self._idle.pop(kept, None)


async def _open(opener: _Opener, within: float | None) -> Session:
    import asyncio

    limit = asyncio.timeout(within)
    try:
        async with limit:
            session = await opener()
    except TimeoutError:
        if not limit.expired():
            raise
        raise DeadlineError(f"The session did not open within {within:g} s.", phase="connect") from None
    return session


async def _opened(task: asyncio.Task[Session]) -> Session:
    """Wait for a session that somebody opens; shielded, since one caller's giving up is not the others'."""
    import asyncio

    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        waiter = asyncio.current_task()
        if not task.cancelled() or waiter is None or waiter.cancelling():
            raise
        raise RuntimeClosedError("The runtime was closed while the session was being opened.") from None


async def _shut(kept: _Kept) -> None:
    """Close a session; one that is still being opened is given up. What goes wrong is logged."""
    if not kept.task.done():
        kept.task.cancel()
        return
    if kept.task.cancelled() or kept.task.exception() is not None:
        return
    try:
        await kept.task.result().aclose()
    except Exception as error:
        logger("sessions").warning("closing the session of %s failed: %s", kept.key[0], type(error).__name__)

"""Leases this process holds on places under a shared concurrency limit, and those still to be given back."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

__all__ = ["Keeper", "Lease", "Leases"]

Lease: TypeAlias = tuple[str, str]
"""The deployment, and the id of a place there."""


class Leases:
    """Redis concurrency slots held by this process; any slot of a deployment may be released.

    ``seconds`` is how long the server keeps one that is not renewed.
    """

    def __init__(self, process: str, seconds: float) -> None:
        self.seconds = seconds
        self._process = process
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._held: dict[str, dict[str, bool]] = {}
        self._returning: dict[Lease, float] = {}

    def new(self) -> str:
        """An id for a lease to be asked for."""
        return f"{self._process}-{next(self._numbers)}"

    def hold(self, key: str, lease: str, *, known: bool) -> None:
        """Note a lease that was given; ``known`` if the server may know of it."""
        with self._lock:
            self._held.setdefault(key, {})[lease] = known

    def release(self, key: str) -> tuple[str, bool]:
        """Give up a lease of a deployment, one the server knows if there is any; an empty id if none is held."""
        with self._lock:
            held = self._held.get(key)
            if not held:
                return "", False
            lease = next((each for each, known in held.items() if known), None) or next(iter(held))
            known = held.pop(lease)
            if not held:
                del self._held[key]
            return lease, known

    def held(self) -> list[Lease]:
        """Every lease held."""
        with self._lock:
            return [(key, lease) for key, leases in self._held.items() for lease in leases]

    def renewed(self, leases: Sequence[Lease]) -> None:
        """Note that the server may know these now."""
        with self._lock:
            for key, lease in leases:
                if lease in self._held.get(key, ()):
                    self._held[key][lease] = True

    def give_back_later(self, key: str, lease: str) -> None:
        """Note a lease that was given up while the server could not be told."""
        with self._lock:
            self._returning[key, lease] = time.monotonic() + self.seconds

    def returning(self) -> list[Lease]:
        """The leases to be given back, but for those that have lapsed by themselves."""
        now = time.monotonic()
        with self._lock:
            self._returning = {lease: lapses for lease, lapses in self._returning.items() if lapses > now}
            return list(self._returning)

    def returned(self, leases: Sequence[Lease]) -> None:
        """Note that these were given back."""
        with self._lock:
            for lease in leases:
                self._returning.pop(lease, None)


class Keeper:
    """Does something every so many seconds in the background of an event loop, for as long as it is needed."""

    def __init__(self, every: float, needed: Callable[[], object], do: Callable[[], Awaitable[None]]) -> None:
        self._every = every
        self._needed = needed
        self._do = do
        self._lock = threading.Lock()
        self._tasks: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Begin, in the running event loop, unless it has begun there."""
        loop = asyncio.get_running_loop()
        with self._lock:
            self._tasks = {other: task for other, task in self._tasks.items() if not task.done()}
            if loop not in self._tasks:
                self._tasks[loop] = loop.create_task(self._run())

    async def aclose(self) -> None:
        """End what runs in this loop."""
        with self._lock:
            task = self._tasks.pop(asyncio.get_running_loop(), None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while self._needed():
            await asyncio.sleep(self._every)
            await self._do()

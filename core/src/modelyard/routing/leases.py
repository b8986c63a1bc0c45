"""Leases this process holds on places under a shared concurrency limit, renewed while they are held."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable

__all__ = ["Leases"]


class Leases:
    """The leases of one process, by deployment; those of one deployment are as good as each other."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._held: dict[str, list[str]] = defaultdict(list)
        self._keepers: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}

    def new(self) -> str:
        """An id for a lease to be asked for."""
        return f"{self._process}-{next(self._numbers)}"

    def hold(self, key: str, lease: str) -> None:
        """Note a lease that was given."""
        with self._lock:
            self._held[key].append(lease)

    def release(self, key: str) -> str:
        """Give up a lease of a deployment; empty if none is held."""
        with self._lock:
            held = self._held.get(key)
            if not held:
                return ""
            lease = held.pop()
            if not held:
                del self._held[key]
            return lease

    def held(self) -> list[tuple[str, str]]:
        """Every deployment and lease."""
        with self._lock:
            return [(key, lease) for key, leases in self._held.items() for lease in leases]

    def keep(self, every: float, renew: Callable[[], Awaitable[None]]) -> None:
        """Renew the leases every so many seconds, from this loop, for as long as any are held."""
        loop = asyncio.get_running_loop()
        with self._lock:
            self._keepers = {other: task for other, task in self._keepers.items() if not task.done()}
            if loop not in self._keepers:
                self._keepers[loop] = loop.create_task(self._keep(every, renew))

    async def aclose(self) -> None:
        """End the renewal that runs in this loop."""
        with self._lock:
            keeper = self._keepers.pop(asyncio.get_running_loop(), None)
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait([keeper])

    async def _keep(self, every: float, renew: Callable[[], Awaitable[None]]) -> None:
        while self.held():
            await asyncio.sleep(every)
            await renew()

"""Allowance for fetching: bytes for one request, and URLs at the same time."""

from __future__ import annotations

import asyncio
import threading
import weakref

__all__ = ["Allowance", "FetchSlots"]


class Allowance:
    """The bytes a request may still fetch, shared by all its URLs."""

    def __init__(self, total: int) -> None:
        self._left = total

    def take(self, size: int) -> bool:
        """Set bytes aside that are about to be held; ``False`` when there are not so many left."""
        if size > self._left:
            return False
        self._left -= max(size, 0)
        return True


class FetchSlots:
    """Limit on the URLs a runtime fetches at the same time, in each event loop it is used in."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )

    def here(self) -> asyncio.Semaphore:
        """The slots of the running event loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            return self._loops.setdefault(loop, asyncio.Semaphore(self._count))

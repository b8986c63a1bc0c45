"""Closing what belongs to an event loop when the loop ends and nobody has closed it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

__all__ = ["at_loop_end"]


def at_loop_end(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
    """Call ``close`` when the running loop ends, as ``asyncio.run`` ends it, or when the result is let go.

    The end of a loop closes every asynchronous generator that has begun; the result is one, and waits for that.
    """
    waiting = _wait(close)
    with contextlib.suppress(StopIteration):
        waiting.asend(None).send(None)  # begun in this loop, which thereby knows it
    return waiting


async def _wait(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await close()

"""Standard error of a program: the last lines kept, the rest logged and let go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections import deque
from typing import Final, TextIO

from modelyard.log import logger

__all__ = ["Stderr"]

_LONGEST: Final = 2_000
"""Characters kept of a line."""
_LAST_WORDS_WITHIN: Final = 0.5
"""Seconds after a program's end in which what it wrote must have arrived; a child may hold the pipe longer."""


class Stderr:
    """A pipe to hand to a program as its standard error. Lines go to ``lines`` and, at DEBUG, to the log.

    A thread reads it: pipes that were not made by the event loop cannot be waited for on every platform.
    """

    def __init__(self, lines: deque[str]) -> None:
        reading, writing = os.pipe()
        self.file: TextIO = os.fdopen(writing, "w")
        self._ended = asyncio.Event()
        arguments = (reading, lines, asyncio.get_running_loop(), self._ended)
        threading.Thread(target=_read, args=arguments, name="modelyard-mcp-stderr", daemon=True).start()

    def handed_over(self) -> None:
        """Say that the program has it: the pipe ends when the program does."""
        self.file.close()

    async def aclose(self) -> None:
        """Wait for the last words of a program that has ended."""
        self.file.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_WITHIN):
                await self._ended.wait()


def _read(reading: int, lines: deque[str], loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    log = logger("mcp")
    with os.fdopen(reading, encoding="utf-8", errors="replace") as pipe:
        while line := pipe.readline(_LONGEST):
            if line.strip():
                lines.append(line.strip())
                log.log(logging.DEBUG, "%s", line.strip())
    with contextlib.suppress(RuntimeError):  # the loop may be closed
        loop.call_soon_threadsafe(ended.set)

"""Telling whoever waits for a whole answer that more of it has come."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

__all__ = ["listening", "progress"]

_listener: ContextVar[Callable[[], None] | None] = ContextVar("modelyard_progress", default=None)


def progress() -> None:
    """Tell the listener of this context, if there is one, that more of the answer has come."""
    listener = _listener.get()
    if listener is not None:
        listener()


@contextlib.contextmanager
def listening(listener: Callable[[], None]) -> Iterator[None]:
    """Call a function at each ``progress`` of this context: for plugins that stream a whole answer inside."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)

"""The run that the call being prepared is a step of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

__all__ = ["current_run", "step_of"]

_run: ContextVar[str | None] = ContextVar("modelyard_run", default=None)


def current_run() -> str | None:
    """The id of the run; ``None`` outside of one."""
    return _run.get()


@contextlib.contextmanager
def step_of(run_id: str | None) -> Iterator[None]:
    """Say that calls prepared inside are steps of a run. Not to be held across a ``yield``."""
    token = _run.set(run_id)
    try:
        yield
    finally:
        _run.reset(token)

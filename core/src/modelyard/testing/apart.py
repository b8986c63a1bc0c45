"""Running a coroutine apart from the loop of the test runner."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["run_apart"]

T = TypeVar("T")


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop and a thread of its own, and return what it returns.

    ``asyncio.run`` in the main thread of a test run takes away the loop that pytest-asyncio keeps there, which is
    then reported as never closed, in whatever test happens to run next.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(coroutine))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="run-apart")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]

"""Messages of failed cases: the rule, the event, what was found, and what to do about it."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from modelyard.streaming.grammar import GrammarError

__all__ = ["Violation", "case", "require"]

C = TypeVar("C", bound=Callable[..., Any])


class Violation(AssertionError):
    """A plugin breaks a rule of the kit."""


def require(condition: object, rule: str, found: object, fix: str, *, event: int | None = None) -> None:
    """Raise ``Violation`` unless a condition holds.

    ``found`` says what is there instead, ``event`` at which place of a stream, ``fix`` what the author can do.
    """
    __tracebackhide__ = True  # rule, found and fix stand alone
    if condition:
        return
    place = f"\n  event: {event}" if event is not None else ""
    raise Violation(f"\n  rule: {rule}{place}\n  found: {found}\n  fix: {fix}")


def case(function: C) -> C:
    """A standard case: may be a coroutine function, and tells what it was about when anything is raised."""
    why = inspect.cleandoc(function.__doc__ or "")
    rule = function.__name__.removeprefix("test_").replace("_", " ")

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        try:
            outcome = function(*args, **kwargs)
            if isinstance(outcome, Coroutine):
                asyncio.run(outcome)
        except (AssertionError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise Violation(_unexpected(rule, why, error)) from error

    run.__modelyard_case__ = True  # type: ignore[attr-defined]
    return run  # type: ignore[return-value]


def _unexpected(rule: str, why: str, error: Exception) -> str:
    found = f"{type(error).__name__}: {error}"
    if isinstance(error, GrammarError):
        rule = f"{rule} (rule {error.rule} of the event grammar)"
    return f"\n  rule: {rule}\n  found: {found}\n  fix: this must not be raised here. {why}"

"""Checks of what a hook returned, made where it leaves the plugin: what is wrong is that plugin's failure."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import TYPE_CHECKING, Any, cast

from modelyard.errors import InvalidResponseError

if TYPE_CHECKING:
    from modelyard.catalog.card import ModelCard
    from modelyard.types.completion import Completion
    from modelyard.types.events import StreamItem

__all__ = ["PLUGIN_FAULT", "PluginReturns", "has_method", "one_line"]

PLUGIN_FAULT = "plugin_fault"
"""The ``code`` of an error that is a plugin's bug and nothing a provider has said."""


def one_line(error: BaseException) -> str:
    """The class and message of an exception, in one line."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # an exception that cannot be printed
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class PluginReturns:
    """Checks what the hooks of one plugin return. ``provider`` and ``package`` go into the errors.

    Each method returns what it was given, or raises ``InvalidResponseError`` that names hook and plugin: another
    deployment may answer, the same plugin will not do better a second time.
    """

    __slots__ = ("_package", "_provider")

    def __init__(self, provider: str, package: str) -> None:
        self._provider = provider
        self._package = package

    def wrong(self, hook: str, value: object, wanted: str) -> InvalidResponseError:
        """The error for a hook that returned something else."""
        _discard(value)
        kind = "None (is a return missing?)" if value is None else f"a value of type {type(value).__name__}"
        return self._fault(f"{hook} of the plugin for {self._provider!r} returned {kind}, no {wanted}.")

    def broke(self, hook: str, error: BaseException, doing: str = "") -> InvalidResponseError:
        """The error for a hook that raised what it may not raise."""
        return self._fault(f"{hook} of the plugin for {self._provider!r} failed{doing} with {one_line(error)}.")

    def _fault(self, message: str) -> InvalidResponseError:
        hint = f"This is a bug of {self._package}: upgrade it, or tell its authors."
        return InvalidResponseError(
            message, provider=self._provider, code=PLUGIN_FAULT, retryable=False, hint=hint
        )

    async def awaited(self, hook: str, value: object) -> object:
        if not hasattr(type(value), "__await__"):
            raise self.wrong(hook, value, "awaitable: it must be an async def")
        try:
            return await cast("Awaitable[object]", value)
        except BaseException as error:
            own = self.cancelled(hook, error)
            if own is None:
                raise
        raise own

    def cancelled(self, hook: str, error: BaseException) -> InvalidResponseError | None:
        import asyncio  # not every process that lists plugins calls one

        if not isinstance(error, asyncio.CancelledError):
            return None
        task = asyncio.current_task()
        return None if task is None or task.cancelling() else self.broke(hook, error)

    def completion(self, hook: str, value: object) -> Completion:
        from modelyard.types.completion import Completion

        if not isinstance(value, Completion):
            raise self.wrong(hook, value, "Completion")
        return value

    def items(self, hook: str, value: object) -> AsyncIterator[StreamItem]:
        if hasattr(type(value), "__anext__"):
            return cast("AsyncIterator[StreamItem]", value)
        if hasattr(type(value), "__aiter__"):
            return cast("AsyncIterator[StreamItem]", aiter(cast("Any", value)))
        raise self.wrong(hook, value, "asynchronous iterator: it must be an async generator")

    def cards(self, hook: str, value: object) -> tuple[ModelCard, ...]:
        from modelyard.catalog.card import ModelCard

        if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
            raise self.wrong(hook, value, "list of model cards")
        strange = next((item for item in value if not isinstance(item, ModelCard)), None)
        if strange is not None or None in value:
            raise self.wrong(hook, strange, "list of model cards only")
        other = next((card.ref for card in value if card.provider != self._provider), None)
        if other is not None:
            raise self._fault(
                f"{hook} of the plugin for {self._provider!r} lists a card of another provider: {other}."
            )
        return tuple(value)

    def count(self, hook: str, value: object) -> int | None:
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        raise self.wrong(hook, value, "number of tokens")

    def answer(self, hook: str, value: object) -> bool | None:
        if value is None or isinstance(value, bool):
            return value
        raise self.wrong(hook, value, "True, False or None")

    def nothing(self, hook: str, value: object) -> None:
        if value is not None:
            raise self.wrong(hook, value, "result at all: it raises, or returns nothing")


def has_method(value: object, name: str) -> bool:
    """Return whether an object has a method; one that fails when asked has none."""
    try:
        return callable(getattr(value, name, None))
    except Exception:
        return False


def _discard(value: object) -> None:
    """Close a coroutine that nobody is going to await, so that nobody is warned of it."""
    if inspect.iscoroutine(value):
        value.close()

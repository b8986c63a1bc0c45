"""Kinds of plugins beside providers: the entry-point groups, and what each takes."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from modelyard.loading.discovery import PROVIDER_GROUP

__all__ = [
    "CATALOG",
    "COMMANDS",
    "CREDENTIALS",
    "KINDS",
    "OBSERVERS",
    "ORDERS",
    "TOOLS",
    "Kind",
    "word_of",
]

OBSERVERS: Final = "modelyard.observers"
CREDENTIALS: Final = "modelyard.credentials"
ORDERS: Final = "modelyard.orders"
CATALOG: Final = "modelyard.catalog"
TOOLS: Final = "modelyard.tools"
COMMANDS: Final = "modelyard.commands"


@dataclass(frozen=True, slots=True)
class Kind:
    """One entry-point group.

    ``word`` is what one of its plugins is called in lists and errors. ``accept`` turns what an entry point leads
    to into what is used, and raises for what cannot be. ``reserved`` are names of our own, which no package takes.
    """

    group: str
    word: str
    accept: Callable[[object], object]
    reserved: frozenset[str] = frozenset()


def word_of(group: str) -> str:
    """Name for a plugin of a group."""
    return "provider" if group == PROVIDER_GROUP else KINDS[group].word


def _observer(value: object) -> object:
    from modelyard.loading.observers import hooks_of

    return hooks_of(_made(value))


def _resolver(value: object) -> object:
    made = _made(value)
    return _plain_function(made, "a function of a scope and a query")


def _order(value: object) -> object:
    return _plain_function(value, "a function of candidates and needs")


def _overlay(value: object) -> object:
    given = value() if callable(value) else value
    if isinstance(given, (str, os.PathLike, Mapping)):
        return given
    if isinstance(given, Iterable) and not isinstance(given, bytes):
        return tuple(given)
    raise TypeError(f"it must be the path of a TOML file, a dict or cards, not {type(given).__name__}")


def _tool(value: object) -> object:
    from modelyard.tools.function import tool
    from modelyard.types.tools import Tool

    if isinstance(value, Tool):
        return value
    if inspect.isclass(value) or not callable(value):
        raise TypeError(f"it must be a tool or a function, not {_what(value)}")
    return tool(value)


def _command(value: object) -> object:
    typer: Any = sys.modules.get("typer")  # whoever made an application of it has imported it
    if typer is None or not isinstance(value, typer.Typer):
        raise TypeError(f"it must be a typer.Typer, not {_what(value)}")
    command: object = typer.main.get_command(value)
    return command


def _made(value: object) -> object:
    """An object: of a class that was named, one is made."""
    return value() if inspect.isclass(value) else value


def _plain_function(value: object, wanted: str) -> object:
    if inspect.iscoroutinefunction(value):
        raise TypeError(f"it must be {wanted}, not a coroutine function")
    if inspect.isclass(value) or not callable(value):
        raise TypeError(f"it must be {wanted}, not {_what(value)}")
    return value


def _what(value: object) -> str:
    return f"the class {value.__qualname__}" if inspect.isclass(value) else type(value).__name__


_KINDS = (
    Kind(OBSERVERS, "observer", _observer),
    Kind(CREDENTIALS, "credentials", _resolver),
    Kind(
        ORDERS, "order", _order, frozenset({"given", "default", "cheapest", "fastest", "weighted", "least_busy"})
    ),
    Kind(CATALOG, "catalog", _overlay),
    Kind(TOOLS, "tool", _tool),
    Kind(
        COMMANDS,
        "command",
        _command,
        frozenset({"models", "route", "doctor", "plugins", "chat", "demo", "new-provider"}),
    ),
)
KINDS: Final[Mapping[str, Kind]] = {kind.group: kind for kind in _KINDS}

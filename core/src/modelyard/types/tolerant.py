"""Data classes that a plugin for a newer core may make with fields this one does not know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar

__all__ = ["keeping_unknown"]

C = TypeVar("C", bound=type)


def keeping_unknown(made: C) -> C:
    """Let a data class with a field ``extra`` take unknown keyword arguments, and keep them there.

    Type checkers still refuse them: whoever writes for this core should hear of a misspelt name.
    """
    known = frozenset(field.name for field in fields(made))
    plain: Callable[..., None] = vars(made)["__init__"]

    @wraps(plain)
    def take(self: Any, *args: Any, **given: Any) -> None:
        unknown = given.keys() - known
        if unknown:
            kept = {name: given.pop(name) for name in sorted(unknown)}
            given["extra"] = {**given.get("extra", {}), **kept}
        plain(self, *args, **given)

    setattr(made, "__init__", take)  # noqa: B010 - a type checker takes the plain assignment for unsound
    return made

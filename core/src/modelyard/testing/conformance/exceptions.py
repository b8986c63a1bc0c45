"""One instance of every exception class of the libraries a plugin depends on."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator
from types import ModuleType

from modelyard.loading.discovery import discover
from modelyard.testing.conformance.subject import Subject

__all__ = ["library_exceptions", "library_names", "required_modules"]

_CORE = frozenset({"modelyard", "pydantic", "pydantic-core"})


def required_modules(subject: Subject) -> list[str]:
    """The top-level modules of the packages an installed plugin depends on, the core and its own apart."""
    from importlib.metadata import packages_distributions, requires

    if subject.plugin is not None:
        return []
    homes = packages_distributions()
    names: set[str] = set()
    for found in discover():
        if found.name != subject.provider:
            continue
        wanted = library_names(requires(found.distribution) or []) - _CORE
        names |= {module for module, owners in homes.items() if wanted & {_normal(one) for one in owners}}
    return sorted(name for name in names if name.isidentifier() and not name.startswith("_"))


def library_names(required: Iterable[str]) -> set[str]:
    """Read the names out of requirements, without those of extras: a tool for tests is no library of a plugin."""
    plain = [text for text in required if not re.search(r";.*\bextra\s*==", text)]
    return {_normal(re.split(r"[^\w.-]", text, maxsplit=1)[0]) for text in plain}


def library_exceptions(subject: Subject) -> Iterator[BaseException]:
    """An instance of each public exception class, made with a message where its class allows that."""
    for name in ("httpx", *required_modules(subject)):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        yield from _instances(module)


def _instances(module: ModuleType) -> Iterator[BaseException]:
    for name in dir(module):
        kind = getattr(module, name, None) if not name.startswith("_") else None
        if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, Warning):
            try:
                yield kind("It failed.")
            except Exception:
                yield kind.__new__(kind)  # a class that wants more: as bare as it can be


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

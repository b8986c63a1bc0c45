"""Names of a public module that are loaded when first used, so that importing the module costs nothing."""

from __future__ import annotations

import sys
from importlib import import_module

__all__ = ["Exports"]


class Exports:
    """The ``__getattr__`` and ``__dir__`` of a module whose names live in other modules (PEP 562).

    Each line of ``homes`` names a module of the core, without ``modelyard.``, a colon, and names it gives. Those
    of ``unlisted`` can be imported as well, and ``dir()`` does not show them.
    """

    def __init__(self, module: str, homes: str, *, unlisted: str = "") -> None:
        self._module = module
        self.homes = _read(homes)
        self.unlisted = _read(unlisted)

    def get(self, name: str) -> object:
        """Load a name and keep it in the module; raises ``AttributeError`` for one it does not export."""
        home = self.homes.get(name) or self.unlisted.get(name)
        if home is None:
            raise AttributeError(f"module {self._module!r} has no attribute {name!r}")
        value: object = getattr(import_module(f"modelyard.{home}"), name)
        vars(sys.modules[self._module])[name] = value
        return value

    def names(self) -> list[str]:
        """List the names of the module, loaded or not."""
        return sorted({*vars(sys.modules[self._module]), *self.homes} - self.unlisted.keys())


def _read(homes: str) -> dict[str, str]:
    """The home of each name."""
    lines = (line.strip().partition(": ") for line in homes.strip().splitlines())
    return {name: home for home, _, names in lines for name in names.split()}

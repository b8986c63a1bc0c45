"""Names of a public module that are loaded when first used, so that importing the module costs nothing."""

from __future__ import annotations

import sys
from importlib import import_module

__all__ = ["Exports"]


class Exports:
    """The ``__getattr__`` and ``__dir__`` of a module whose names live in other modules (PEP 562).

    Each line of ``homes`` names a module of the core, without ``modelyard.``, a colon, and names it defines.
    """

    def __init__(self, module: str, homes: str) -> None:
        self._module = module
        lines = (line.strip().partition(": ") for line in homes.strip().splitlines())
        self.homes = {name: home for home, _, names in lines for name in names.split()}

    def get(self, name: str) -> object:
        """Load a name and keep it in the module; raises ``AttributeError`` for one it does not export."""
        home = self.homes.get(name)
        if home is None:
            raise AttributeError(f"module {self._module!r} has no attribute {name!r}")
        value: object = getattr(import_module(f"modelyard.{home}"), name)
        vars(sys.modules[self._module])[name] = value
        return value

    def names(self) -> list[str]:
        """Every name of the module, loaded or not."""
        return sorted({*vars(sys.modules[self._module]), *self.homes})

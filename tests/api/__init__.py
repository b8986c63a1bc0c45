"""The public interface as text, a file for each public module, written by ``make api`` (``python -m tests.api``).

It is read from the sources and not from loaded objects, so that every version of Python gives the same text.
``test_api.py`` compares the files with the sources, which makes each change of a signature a visible decision.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

from .members import class_lines, function_lines
from .sources import Class, Definition, Function, Value, find

__all__ = ["FOLDER", "MODULES", "dump", "file_of", "files"]

FOLDER: Final = Path(__file__).parent

MODULES: Final = tuple(
    f"modelyard.{name}".removesuffix(".")
    for name in (
        *"types errors catalog credentials routing health calls runs structured tools media loading".split(),
        *"observe diagnosis".split(),
        "",
        "provider",
        "testing",
    )
)
"""The modules whose names are promised. A name of several is described in the first, the others refer to it."""


def file_of(module: str) -> Path:
    """The file that holds the interface of a module."""
    return FOLDER / f"{module}.txt"


def files() -> dict[Path, str]:
    """Every file of the dump with what it should hold."""
    homes = _homes()
    return {file_of(module): dump(module, homes) for module in MODULES}


def dump(module: str, homes: dict[Definition, str] | None = None) -> str:
    """The interface of a module: its names in alphabetical order, each with its members and signatures."""
    homes = _homes() if homes is None else homes
    blocks = [_block(module, name, homes) for name in sorted(import_module(module).__all__)]
    return f"# {module}: rewritten by `make api`\n\n" + "\n\n".join(blocks) + "\n"


def _homes() -> dict[Definition, str]:
    """For each public definition the first module that gives it."""
    homes: dict[Definition, str] = {}
    for module in MODULES:
        for name in import_module(module).__all__:
            homes.setdefault(find(module, name), module)
    return homes


def _block(module: str, name: str, homes: dict[Definition, str]) -> str:
    if name == "__version__":
        return f"{name}: str"  # its value is not part of the interface
    found = find(module, name)
    if homes[found] != module:
        return f"{name}: see {homes[found]}"
    match found:
        case Class():
            return "\n".join(class_lines(name, found, homes))
        case Function():
            return "\n".join(function_lines(found.nodes))
        case Value():
            return found.text

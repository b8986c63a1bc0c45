"""Public docstrings begin with a plain sentence: an order or a noun, and no clause that leaves the verb out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = (
    ROOT / "core/src",
    *sorted((ROOT / "plugins").glob("*/src")),
    *sorted((ROOT / "examples").glob("*/src")),
)
RIDDLE = re.compile(r"(?:What|Whether|That|Of|Itself)\b")
"""Beginnings of clauses that a reader has to complete before they say anything."""
WHOLE_SENTENCE = re.compile(r"[`\"'A-Z0-9]")


def _files() -> Iterator[Path]:
    for source in SOURCES:
        yield from (path for path in sorted(source.rglob("*.py")) if "templates" not in path.parts)


def _docstrings(node: ast.Module | ast.ClassDef, within: str) -> Iterator[tuple[str, str]]:
    """The docstrings of a module or class, of its public members and public names."""
    yield within, ast.get_docstring(node) or ""
    for number, child in enumerate(node.body):
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from _docstrings(child, f"{within}.{child.name}")
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and not child.name.startswith("_"):
            yield f"{within}.{child.name}", ast.get_docstring(child) or ""
        elif isinstance(child, (ast.Assign, ast.AnnAssign)):
            yield from _documented(child, node.body[number + 1 : number + 2], within)


def _documented(
    assigned: ast.Assign | ast.AnnAssign, after: list[ast.stmt], within: str
) -> Iterator[tuple[str, str]]:
    """The name assigned with the text that stands below it."""
    target = assigned.targets[0] if isinstance(assigned, ast.Assign) else assigned.target
    if isinstance(target, ast.Name) and not target.id.startswith("_") and after:
        text = after[0].value if isinstance(after[0], ast.Expr) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            yield f"{within}.{target.id}", text.value


@pytest.mark.parametrize("path", list(_files()), ids=lambda path: str(path.relative_to(ROOT)))
def test_public_docstrings_begin_plainly(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [(name, text.lstrip()) for name, text in _docstrings(tree, path.stem) if text]
    assert [f"{name}: {text.splitlines()[0]}" for name, text in found if RIDDLE.match(text)] == []
    assert [name for name, text in found if not WHOLE_SENTENCE.match(text)] == []

"""Where a public name is defined: its syntax tree, found by following imports from module to module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

__all__ = ["Class", "Definition", "Function", "FunctionNode", "Value", "find", "plain"]

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Class:
    """A class of the core and the module it stands in, by which its bases are found."""

    module: str
    node: ast.ClassDef


@dataclass(frozen=True)
class Function:
    """A function, in all its overloads."""

    nodes: tuple[FunctionNode, ...]


@dataclass(frozen=True)
class Value:
    """An alias, a constant, or a name of somebody else's package: the statement that binds it."""

    text: str


Definition: TypeAlias = Class | Function | Value


@cache
def find(module: str, name: str) -> Definition:
    """What a module's name stands for, whichever module defines it."""
    functions = []
    for node in _statements(_tree(module).body):
        match node:
            case ast.ClassDef() if node.name == name:
                return Class(module, node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name == name:
                functions.append(node)
            case ast.ImportFrom():
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return _imported(node.module or "", alias.name, name)
            case ast.Assign() | ast.AnnAssign() if name in _bound(node):
                return Value(_statement(node))
    if not functions:
        raise LookupError(f"{module} does not define {name}")
    return Function(tuple(functions))


def plain(annotation: ast.expr) -> str:
    """An annotation as text, with or without the quotes it is written in."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return ast.unparse(ast.parse(annotation.value, mode="eval").body)
    return ast.unparse(annotation)


@cache
def _tree(module: str) -> ast.Module:
    spec = find_spec(module)
    assert spec is not None, module
    assert spec.origin is not None, module
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those under ``if TYPE_CHECKING`` and ``try`` included."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try)):
            yield from _statements(node.body)


def _imported(module: str, original: str, name: str) -> Definition:
    if module.partition(".")[0] != "modelyard":
        return Value(f"{name}: {module}.{original}")
    return find(module, original)


def _bound(node: ast.Assign | ast.AnnAssign) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _statement(node: ast.Assign | ast.AnnAssign) -> str:
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return f"{ast.unparse(node.target)}: {plain(node.annotation)} = {plain(node.value)}"
    return ast.unparse(node)

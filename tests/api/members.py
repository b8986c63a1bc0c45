"""Classes and functions as lines of text: signatures, fields, properties, in alphabetical order."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from typing import Final

from .sources import Class, FunctionNode, find, plain

__all__ = ["class_lines", "function_lines"]

_WIDTH: Final = 110
_UNPROMISED: Final = frozenset(
    "__hash__ __init_subclass__ __post_init__ __reduce__ __repr__ __slots__ __str__".split()
    + "model_config model_rebuild".split()
)
"""Members that no caller names."""


def function_lines(nodes: Sequence[FunctionNode]) -> list[str]:
    """A function or method with its overloads."""
    return [line for node in nodes for line in _signature(node)]


def class_lines(name: str, found: Class, public: Container[object]) -> list[str]:
    """A class with its members; those of bases that are not public themselves count as its own."""
    members: dict[str, list[str]] = {}
    _collect(found, public, members)
    heads = [*_decorators(found.node), *_positions(found.node)]
    lines = [*heads, *(line for member in sorted(members) for line in members[member])]
    return [f"class {name}{_bases(found, public)}", *(f"  {line}" for line in lines)]


def _decorators(node: ast.ClassDef | FunctionNode) -> list[str]:
    return [f"@{ast.unparse(decorator)}" for decorator in node.decorator_list]


def _positions(node: ast.ClassDef) -> list[str]:
    """The order of the fields where they may be given by position."""
    if not (
        any("dataclass" in line for line in _decorators(node)) or "NamedTuple" in map(ast.unparse, node.bases)
    ):
        return []
    fields = [
        item.target.id
        for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    ]
    return [f"order: {' '.join(name for name in fields if not name.startswith('_'))}"]


def _bases(found: Class, public: Container[object]) -> str:
    given = [*dict.fromkeys(_known_bases(found, public))]
    given += [ast.unparse(keyword) for keyword in found.node.keywords]
    return f"({', '.join(given)})" if given else ""


def _known_bases(found: Class, public: Container[object]) -> Iterator[str]:
    """The bases a caller may rely on: public ones and somebody else's, those of bases in between included."""
    for base in found.node.bases:
        home = _class_of(found.module, base)
        if home is None or home in public:
            yield ast.unparse(base)
        else:
            yield from _known_bases(home, public)


def _collect(found: Class, public: Container[object], members: dict[str, list[str]]) -> None:
    own: dict[str, list[str]] = defaultdict(list)
    for member, lines in _own_members(found.node):
        own[member] += lines
    for member, lines in own.items():
        members.setdefault(member, lines)
    for base in found.node.bases:
        inherited = _class_of(found.module, base)
        if inherited is not None and inherited not in public:
            _collect(inherited, public, members)


def _class_of(module: str, base: ast.expr) -> Class | None:
    """A base as a class of the core; ``None`` for anybody else's."""
    if isinstance(base, ast.Subscript):
        base = base.value
    if not isinstance(base, ast.Name):
        return None
    try:
        found = find(module, base.id)
    except LookupError:  # a builtin
        return None
    return found if isinstance(found, Class) else None


def _own_members(node: ast.ClassDef) -> Iterator[tuple[str, list[str]]]:
    for item in node.body:
        match item:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if item.name == "__init__":
                    yield from _attributes(item)
                if _is_promised(item.name):
                    yield item.name, _method(item)
            case ast.AnnAssign(target=ast.Name(id=name)) if _is_promised(name):
                default = f" = {ast.unparse(item.value)}" if item.value is not None else ""
                yield name, [f"{name}: {plain(item.annotation)}{default}"]
            case ast.Assign(targets=[ast.Name(id=name)]) if _is_promised(name):
                yield name, [ast.unparse(item)]


def _is_promised(name: str) -> bool:
    return name not in _UNPROMISED and (not name.startswith("_") or name.endswith("__"))


def _attributes(init: FunctionNode) -> Iterator[tuple[str, list[str]]]:
    """What ``__init__`` binds on the object, with the type as far as the line says it."""
    types = {argument.arg: argument.annotation for argument in [*init.args.args, *init.args.kwonlyargs]}
    for node in ast.walk(init):
        match node:
            case ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                annotation: ast.expr | None = node.annotation
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
                annotation = types.get(node.value.id) if isinstance(node.value, ast.Name) else None
            case _:
                continue
        if not name.startswith("_"):
            yield name, [f"{name}: {plain(annotation)}" if annotation is not None else f"{name}: set by __init__"]


def _method(node: FunctionNode) -> list[str]:
    kinds = {*_decorators(node)}
    if "@case" in kinds:
        return [f"case {node.name}"]  # a suite names a case it waives; nobody calls one
    if any(kind.endswith(".setter") for kind in kinds):
        return [f"{node.name}: settable"]
    if kinds & {"@property", "@cached_property"}:
        return [f"{node.name}: {plain(node.returns) if node.returns else 'Any'} (property)"]
    return _signature(node)


def _signature(node: FunctionNode) -> list[str]:
    """The decorators and the signature, one parameter a line where it is long."""
    heads = _decorators(node)
    start = f"{'async ' if isinstance(node, ast.AsyncFunctionDef) else ''}def {node.name}("
    end = f") -> {plain(node.returns)}" if node.returns else ")"
    parameters = list(_parameters(node.args))
    line = start + ", ".join(parameters) + end
    if len(line) <= _WIDTH:
        return [*heads, line]
    return [*heads, start, *(f"  {parameter}," for parameter in parameters), end]


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    for number, (argument, default) in enumerate(zip(positional, defaults, strict=True), 1):
        yield _parameter(argument, default)
        if number == len(arguments.posonlyargs):
            yield "/"
    if arguments.vararg:
        yield f"*{_parameter(arguments.vararg, None)}"
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(argument, default)
    if arguments.kwarg:
        yield f"**{_parameter(arguments.kwarg, None)}"


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    if argument.annotation is None:
        return argument.arg if default is None else f"{argument.arg}={ast.unparse(default)}"
    typed = f"{argument.arg}: {plain(argument.annotation)}"
    return typed if default is None else f"{typed} = {ast.unparse(default)}"

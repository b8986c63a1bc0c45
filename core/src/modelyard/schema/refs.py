"""References of a schema: where they lead, and whether it contains itself."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from modelyard.types.base import JsonObject
from modelyard.types.schema_check import SCHEMA_KEYS, SCHEMA_LIST_KEYS, SCHEMA_MAP_KEYS

__all__ = ["Definitions", "find_cycle", "is_object"]


class Definitions:
    """The targets of a schema's references, each under the name it is sent with below ``$defs``."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()

    def find(self, reference: object) -> Any:
        """The schema a reference leads to; ``None`` for one that leaves the schema or leads nowhere."""
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            return None
        node: Any = self._root
        for token in reference[2:].split("/") if len(reference) > 1 else ():
            key = unquote(token).replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and key in node:
                node = node[key]
            elif isinstance(node, list) and key.isdigit() and int(key) < len(node):
                node = node[int(key)]
            else:
                return None
        return node

    def name(self, reference: str) -> str:
        """A name of its own for the target: that in the schema, where it has one there."""
        known = self._names.get(reference)
        if known is not None:
            return known
        last = reference.rpartition("/")[2] if reference != "#" else str(self._root.get("title", "root"))
        base = re.sub(r"[^a-zA-Z0-9_.-]", "_", unquote(last)) or "part"
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        self._names[reference] = name
        return name


def is_object(schema: JsonObject) -> bool:
    """Return whether the root of a schema, or what it refers to, is an object."""
    definitions, node = Definitions(schema), schema
    for _ in range(len(schema.get("$defs", ())) + len(schema.get("definitions", ())) + 1):
        if "$ref" not in node:
            break
        target = definitions.find(node["$ref"])
        node = target if isinstance(target, dict) else {}
    return bool(node.get("type") == "object" or ("properties" in node and "type" not in node))


def find_cycle(root: JsonObject, definitions: Definitions, *, required_only: bool) -> str | None:
    """The path of a reference by which a schema contains itself; ``None`` when it does not.

    With ``required_only`` references below an optional property do not count: a value may end there.
    """
    done: set[str] = set()
    open_refs: dict[str, None] = {"#": None}
    stack = [("#", iter(_references(root, "", required_only)))]
    while stack:
        current, rest = stack[-1]
        step = next(rest, None)
        if step is None:
            stack.pop()
            open_refs.pop(current, None)
            done.add(current)
            continue
        path, reference = step
        if reference in open_refs:
            return path
        if reference not in done:
            open_refs[reference] = None
            target = definitions.find(reference)
            stack.append((reference, iter(_references(target, _path_of(reference), required_only))))
    return None


def _path_of(reference: str) -> str:
    return reference[2:].replace("/", ".")


def _references(node: Any, path: str, required_only: bool) -> list[tuple[str, str]]:
    """The references of a schema's own tree, with their paths; definitions are not of the tree."""
    found: list[tuple[str, str]] = []
    pending: list[tuple[Any, str]] = [(node, path)]
    while pending:
        current, place = pending.pop()
        if not isinstance(current, dict):
            continue
        reference = current.get("$ref")
        if isinstance(reference, str):
            found.append((f"{place}.$ref" if place else "$ref", reference))
        pending += _children(current, f"{place}." if place else "", required_only)
    return found


def _children(node: JsonObject, prefix: str, required_only: bool) -> list[tuple[Any, str]]:
    found = [(node[key], f"{prefix}{key}") for key in SCHEMA_KEYS if key in node]
    for key in SCHEMA_LIST_KEYS:
        found += [(child, f"{prefix}{key}[{index}]") for index, child in enumerate(node.get(key, ()))]
    required = frozenset(node.get("required", ()))
    for key in SCHEMA_MAP_KEYS:
        if key in ("$defs", "definitions"):
            continue
        for name, child in node.get(key, {}).items():
            if not required_only or (key == "properties" and name in required):
                found.append((child, f"{prefix}{key}.{name}"))
    return found

"""A structural check of JSON Schemas, cheap enough to run on every tool a request names.

It finds what providers refuse and people mistype (an unknown type, properties that are no object, a
reference to nothing) and says where. It is not a validator of data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["SCHEMA_KEYS", "SCHEMA_LIST_KEYS", "SCHEMA_MAP_KEYS", "check_schema"]

TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
MAX_DEPTH = 200

SCHEMA_KEYS = ("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else")
SCHEMA_LIST_KEYS = ("anyOf", "oneOf", "allOf", "prefixItems")
SCHEMA_MAP_KEYS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


def check_schema(schema: object) -> str | None:
    """Say what is wrong with a JSON Schema and where, ``None`` when nothing is.

    The place is a path such as ``properties.city.type``. Schemas nested deeper than 200 levels are
    refused; time is linear in the size of the schema.
    """
    if not isinstance(schema, dict):
        return f"a schema must be an object, not {type(schema).__name__}"
    root = schema
    pending: list[tuple[object, str, int]] = [(root, "", 0)]
    while pending:
        node, path, depth = pending.pop()
        if isinstance(node, bool):
            continue
        if not isinstance(node, dict):
            return f"{path or 'the schema'} must be a schema object, not {type(node).__name__}"
        if depth > MAX_DEPTH:
            return f"{path} is nested deeper than {MAX_DEPTH} levels"
        problem = _check_node(node, path, root)
        if problem is not None:
            return problem
        pending.extend((child, child_path, depth + 1) for child, child_path in _children(node, path))
    return None


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _check_node(node: dict[str, Any], path: str, root: dict[str, Any]) -> str | None:
    for key, check in _CHECKS.items():
        if key in node:
            problem = check(node[key])
            if problem is not None:
                return f"{_join(path, key)} {problem}"
    if "$ref" in node and not _resolves(node["$ref"], root):
        return f"{_join(path, '$ref')} points to nothing: {node['$ref']!r}"
    return None


def _check_type(value: object) -> str | None:
    names = value if isinstance(value, list) else [value]
    if not names:
        return "must not be an empty list"
    unknown = [name for name in names if not isinstance(name, str) or name not in TYPES]
    return f"is {unknown[0]!r}, not one of {', '.join(sorted(TYPES))}" if unknown else None


def _check_required(value: object) -> str | None:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return None
    return "must be a list of property names"


def _check_enum(value: object) -> str | None:
    return None if isinstance(value, list) and value else "must be a list with at least one value"


def _check_map(value: object) -> str | None:
    return None if isinstance(value, dict) else f"must be an object, not {type(value).__name__}"


def _check_list(value: object) -> str | None:
    return None if isinstance(value, list) and value else "must be a list with at least one schema"


_CHECKS: dict[str, Callable[[object], str | None]] = {
    "type": _check_type,
    "required": _check_required,
    "enum": _check_enum,
    **dict.fromkeys(SCHEMA_MAP_KEYS, _check_map),
    **dict.fromkeys(SCHEMA_LIST_KEYS, _check_list),
}


def _children(node: dict[str, Any], path: str) -> list[tuple[object, str]]:
    found: list[tuple[object, str]] = [(node[key], _join(path, key)) for key in SCHEMA_KEYS if key in node]
    for key in SCHEMA_LIST_KEYS:
        found += [(child, _join(path, f"{key}[{index}]")) for index, child in enumerate(node.get(key, ()))]
    for key in SCHEMA_MAP_KEYS:
        found += [(child, _join(_join(path, key), name)) for name, child in node.get(key, {}).items()]
    return found


def _resolves(reference: object, root: dict[str, Any]) -> bool:
    """Whether a local reference leads somewhere; other references are left to the provider."""
    if not isinstance(reference, str):
        return False
    if not reference.startswith("#/"):
        return True
    node: Any = root
    for token in reference[2:].split("/"):
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and key in node:
            node = node[key]
        elif isinstance(node, list) and _is_index(key) and int(key) < len(node):
            node = node[int(key)]
        else:
            return False
    return True


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) < 10

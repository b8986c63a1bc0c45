"""Undoing, along the caller's schema, what fitting it to a provider did to the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelyard.schema.refs import Definitions
from modelyard.types.base import JsonObject

__all__ = ["restore"]

MOST_REFERENCES = 32
"""References followed in a row; a longer chain leads in a circle."""


def restore(value: Any, schema: JsonObject) -> Any:
    """The value in the terms of the schema; objects and lists are changed in place.

    A null for an optional property that may not be null is an omitted property: it is removed, so that its
    default counts. A text that stands for a number of an enum becomes that number.
    """
    definitions = Definitions(schema)
    holder = [value]
    pending: list[tuple[Any, Any, Any]] = [(holder, 0, schema)]
    while pending:
        container, key, node = pending.pop()
        for view in _views(node, container[key], definitions):
            container[key] = _restore_number(container[key], view)
            current = container[key]
            if isinstance(current, dict):
                pending += _restore_object(current, view, definitions)
            elif isinstance(current, list):
                pending += _items(current, view)
    return holder[0]


def _views(node: Any, value: Any, definitions: Definitions) -> Iterator[JsonObject]:
    """The schemas that speak of a value: the node, what it joins, and the branch the value is of."""
    pending = [(node, 0)]
    while pending:
        current, depth = pending.pop()
        if not isinstance(current, dict) or depth > MOST_REFERENCES:
            continue
        yield current
        if "$ref" in current:
            pending.append((definitions.find(current["$ref"]), depth + 1))
        pending += [(part, depth + 1) for part in current.get("allOf", ())]
        branches = [*current.get("anyOf", ()), *current.get("oneOf", ())]
        chosen = next((branch for branch in branches if _may_be(branch, value, definitions)), None)
        if chosen is not None:
            pending.append((chosen, depth + 1))


def _may_be(node: Any, value: Any, definitions: Definitions) -> bool:
    """Whether a branch could be the one a value is of, by its constants and the names it requires."""
    node = _resolved(node, definitions)
    if not isinstance(node, dict):
        return False
    if isinstance(value, dict):
        properties = node.get("properties", {})
        if node.get("type", "object") != "object" or any(name not in value for name in node.get("required", ())):
            return False
        if not properties.keys() >= value.keys() and node.get("additionalProperties") is False:
            return False
        return all(_constant_fits(properties[name], value[name]) for name in properties.keys() & value.keys())
    if isinstance(value, list):
        return node.get("type") == "array"
    return "enum" in node or "const" in node


def _constant_fits(node: Any, value: Any) -> bool:
    if not isinstance(node, dict):
        return True
    if "const" in node:
        return bool(node["const"] == value)
    return value in node["enum"] if "enum" in node and isinstance(value, str) else True


def _restore_number(value: Any, node: JsonObject) -> Any:
    if not isinstance(value, str):
        return value
    allowed = [node["const"]] if "const" in node else node.get("enum", ())
    if value in allowed:
        return value
    numbers = (one for one in allowed if isinstance(one, (int, float)) and not isinstance(one, bool))
    return next((one for one in numbers if str(one) == value), value)


def _restore_object(
    value: dict[str, Any], node: JsonObject, definitions: Definitions
) -> list[tuple[dict[str, Any], str, Any]]:
    """Remove the properties that stand for omitted ones; the rest is to be looked at."""
    properties, required = node.get("properties", {}), frozenset(node.get("required", ()))
    for name in properties.keys() - required:
        if name in value and value[name] is None and not _takes_null(properties[name], definitions):
            del value[name]
    further = node.get("additionalProperties")
    found = [(value, name, properties[name]) for name in properties if name in value]
    if isinstance(further, dict):
        found += [(value, name, further) for name in value if name not in properties]
    return found


def _items(value: list[Any], node: JsonObject) -> list[tuple[list[Any], int, Any]]:
    first: list[Any] = node.get("prefixItems", [])
    found = [(value, index, part) for index, part in enumerate(first[: len(value)])]
    if isinstance(node.get("items"), dict):
        found += [(value, index, node["items"]) for index in range(len(first), len(value))]
    return found


def _takes_null(node: Any, definitions: Definitions) -> bool:
    pending, looked_at = [node], 0
    while pending and looked_at < MOST_REFERENCES:
        looked_at += 1
        current = _resolved(pending.pop(), definitions)
        if not isinstance(current, dict):
            if current is True:
                return True
            continue
        kind = current.get("type")
        if kind == "null" or (isinstance(kind, list) and "null" in kind) or None in current.get("enum", ()):
            return True
        branches = [*current.get("anyOf", ()), *current.get("oneOf", ()), *current.get("allOf", ())]
        if not branches and not current.keys() & {"type", "enum", "const", "properties", "items", "$ref"}:
            return True
        pending += branches
    return False


def _resolved(node: Any, definitions: Definitions) -> Any:
    for _ in range(MOST_REFERENCES):
        if not isinstance(node, dict) or "$ref" not in node:
            return node
        node = definitions.find(node["$ref"])
    return None

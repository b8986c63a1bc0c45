"""Saying one thing in another form: what a provider lacks in words it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from modelyard.schema.changes import ChangeKind
from modelyard.schema.rules import SchemaRules
from modelyard.types.base import JsonObject

__all__ = ["allows_null", "in_plain_forms", "without"]

Note: TypeAlias = Callable[[ChangeKind, str, str], None]
"""Writes a change down: its kind, the keyword, the reason."""

NULL: JsonObject = {"type": "null"}

_NUMERIC = frozenset("minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split())
_OF_TYPE: dict[str, frozenset[str]] = {
    "object": frozenset(
        "properties required additionalProperties patternProperties propertyNames minProperties maxProperties "
        "dependentRequired dependentSchemas".split()
    ),
    "array": frozenset("items prefixItems minItems maxItems uniqueItems contains minContains maxContains".split()),
    "string": frozenset("minLength maxLength pattern format".split()),
    "integer": _NUMERIC,
    "number": _NUMERIC,
}
_TYPED = frozenset().union(*_OF_TYPE.values())
_JSON_TYPES: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    list: "array",
    dict: "object",
}


def in_plain_forms(node: JsonObject, rules: SchemaRules, note: Note) -> JsonObject:
    """The node with constants, unions, tuples and lists of types in the forms the provider takes."""
    if "const" in node and not rules.takes("const"):
        node = _const_as_enum(node, note)
    if "oneOf" in node and not rules.takes("oneOf"):
        node = _one_of_as_any_of(node, note)
    if "prefixItems" in node and not rules.takes("prefixItems"):
        node = _tuple_as_list(node, note)
    if "enum" in node and rules.enum_types is not None:
        node = _fit_enum(node, rules, note)
    if isinstance(node.get("type"), list):
        node = _fit_types(node, rules, note)
    if rules.typed and not node.keys() & {"type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"}:
        node = _with_type(node, note)
    return node


def without(node: JsonObject, *keys: str) -> JsonObject:
    """A copy lacking some keywords."""
    return {key: value for key, value in node.items() if key not in keys}


def allows_null(node: object) -> bool:
    """Return whether a schema says of itself that null fits; one behind a reference is not looked at."""
    if not isinstance(node, dict):
        return node is True
    kind = node.get("type")
    if kind == "null" or (isinstance(kind, list) and "null" in kind):
        return "enum" not in node or None in node["enum"]
    if kind is None and ("enum" in node or "const" in node):
        return None in node.get("enum", ()) or ("const" in node and node["const"] is None)
    return kind is None and any(child.get("type") == "null" for child in _branches(node))


def _branches(node: JsonObject) -> list[JsonObject]:
    found = [*node.get("anyOf", ()), *node.get("oneOf", ())]
    return [child for child in found if isinstance(child, dict)]


def _const_as_enum(node: JsonObject, note: Note) -> JsonObject:
    note("converted", "const", "const is sent as an enum of one value")
    return {**without(node, "const"), "enum": [node["const"]]}


def _one_of_as_any_of(node: JsonObject, note: Note) -> JsonObject:
    if "anyOf" in node:
        note("relaxed", "oneOf", "oneOf is left out beside anyOf")
        return without(node, "oneOf")
    note("converted", "oneOf", "oneOf is sent as anyOf")
    return {"anyOf" if key == "oneOf" else key: value for key, value in node.items()}


def _tuple_as_list(node: JsonObject, note: Note) -> JsonObject:
    """A list of any of the tuple's types, as long as the tuple."""
    parts: list[Any] = []
    for part in node["prefixItems"]:
        if part not in parts:
            parts.append(part)
    note("relaxed", "prefixItems", "a tuple is sent as a list of its types in any order")
    length = len(node["prefixItems"])
    sizes = {"minItems": length, "maxItems": length} if node.get("items", False) is False else {}
    if node.get("items", False) is not False:
        parts.append(node["items"])
    items = parts[0] if len(parts) == 1 else {"anyOf": parts}
    return {**sizes, **without(node, "prefixItems", "items"), "items": items}


def _fit_enum(node: JsonObject, rules: SchemaRules, note: Note) -> JsonObject:
    assert rules.enum_types is not None
    values = node["enum"]
    kept = [value for value in values if type(value) in rules.enum_types and value != ""]
    if "" in values and kept:
        note("converted", "enum", "the empty text cannot be chosen from an enum")
    if len(kept) == len(values):
        return node
    if any(type(value) not in rules.enum_types and value is not None for value in values) or not kept:
        note("relaxed", "enum", "enum may list only texts and numbers")
        kinds = list(dict.fromkeys(_JSON_TYPES[type(value)] for value in values))
        plain = without(node, "enum")
        return plain if "type" in plain else {**plain, "type": kinds[0] if len(kinds) == 1 else kinds}
    if None not in values:
        return {**node, "enum": kept}
    note("converted", "enum", "null in an enum is sent as a branch of anyOf")
    kind = node.get("type")
    single = [name for name in kind if name != "null"] if isinstance(kind, list) else kind
    branch = {**({"type": single} if single else {}), "enum": kept}
    return {**without(node, "enum", "type"), "anyOf": [branch, NULL]}


def _fit_types(node: JsonObject, rules: SchemaRules, note: Note) -> JsonObject:
    kinds: list[str] = list(dict.fromkeys(node["type"]))
    if len(kinds) == 1:
        return {**node, "type": kinds[0]}
    if rules.type_lists:
        return node
    if "anyOf" in node:
        note("relaxed", "type", "a list of types is left out beside anyOf")
        return without(node, "type")
    branches = [branch for kind in kinds if (branch := _branch(node, kind)) is not None]
    if not branches:
        note("relaxed", "type", "types that no value of the enum has are left out")
        return without(node, "type")
    note("converted", "type", "a list of types is sent as anyOf")
    shared = {key: value for key, value in node.items() if key not in _TYPED and key not in ("type", "enum")}
    return {**shared, "anyOf": branches}


def _branch(node: JsonObject, kind: str) -> JsonObject | None:
    """What a node with several types says of one; ``None`` when its enum has no value of it."""
    branch = {key: node[key] for key in node if key in _OF_TYPE.get(kind, ())}
    if "enum" not in node:
        return {"type": kind, **branch}
    accepted = {kind, "integer"} if kind == "number" else {kind}
    values = [value for value in node["enum"] if _JSON_TYPES[type(value)] in accepted]
    return {"type": kind, "enum": values, **branch} if values else None


def _with_type(node: JsonObject, note: Note) -> JsonObject:
    """A node that names no type, of the only type its keywords speak of."""
    kinds = [kind for kind, keywords in _OF_TYPE.items() if kind != "integer" and node.keys() & keywords]
    if len(kinds) != 1:
        return node
    note("converted", "type", "the type that the other keywords imply is added")
    return {**node, "type": kinds[0]}

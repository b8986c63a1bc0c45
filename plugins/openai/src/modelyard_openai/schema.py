"""Fitting a JSON Schema to OpenAI's strict rules, property names and all values untouched.

Strict means: every object closed, every property required, no keyword outside a list, ``$ref`` alone
(OpenAI's structured outputs guide and the helper in its SDK). A property that was optional becomes nullable.
"""

from __future__ import annotations

from typing import Any

from modelyard.types.base import JsonObject

__all__ = ["LOOSE", "fit_schema"]

LOOSE = frozenset({"additionalProperties", "patternProperties", "any", "root"})
"""Losses after which a strict schema no longer says what the caller's says: send the caller's, not strict."""

_KEPT = frozenset(
    "$defs definitions $ref type title description enum const anyOf items properties additionalProperties "
    "required pattern format multipleOf minimum maximum exclusiveMinimum exclusiveMaximum minItems "
    "maxItems".split()
)
_ANNOTATIONS = frozenset(
    "$schema $id $anchor $comment default example examples deprecated readOnly writeOnly "
    "contentEncoding contentMediaType title description discriminator".split()
)
_FORMATS = frozenset("date-time time date duration email hostname ipv4 ipv6 uuid".split())
_SHAPES = frozenset({"type", "$ref", "anyOf", "enum", "const"})


def fit_schema(schema: JsonObject) -> tuple[JsonObject, set[str]]:
    """A strict copy of a schema, and the keywords whose constraints were lost by it.

    ``any`` stands for a schema that allows any value, ``root`` for one whose root is no object; neither can
    be strict. Annotations such as ``default`` go without mention: they constrain nothing.
    """
    lost: set[str] = set()
    fitted = _fit(_rooted(schema), lost)
    if fitted.get("type") != "object":
        lost.add("root")
    return fitted, lost


def _rooted(schema: JsonObject) -> JsonObject:
    """A schema whose root is no reference, as that of a recursive type is, but what it points to."""
    reference = schema.get("$ref")
    for key in ("$defs", "definitions"):
        name = reference.removeprefix(f"#/{key}/") if isinstance(reference, str) else ""
        target = schema.get(key, {}).get(name)
        if isinstance(target, dict):
            return {**target, key: schema[key]}
    return schema


def _fit(node: Any, lost: set[str]) -> JsonObject:
    if not isinstance(node, dict):  # the schemas true and false
        lost.add("any" if node else "false")
        return {}
    node = _renamed(node)
    if "$ref" in node and len(node) > 1:
        return _beside_reference(node, lost)
    fitted: JsonObject = {}
    for key, value in node.items():
        if key not in _KEPT:
            if key not in _ANNOTATIONS:
                lost.add(key)
        elif key == "format" and value not in _FORMATS:
            lost.add(key)
        else:
            fitted[key] = _fit_value(key, value, lost)
    if not _SHAPES & fitted.keys():
        lost.add("any")
    if _is_object(fitted):
        _close(node, fitted, lost)
    return fitted


def _fit_value(key: str, value: Any, lost: set[str]) -> Any:
    if key == "items":
        return _fit(value, lost)
    if key == "anyOf":
        return [_fit(child, lost) for child in value]
    if key in ("properties", "$defs", "definitions"):
        return {name: _fit(child, lost) for name, child in value.items()}
    return value


def _is_object(node: JsonObject) -> bool:
    kind = node.get("type")
    return kind == "object" or "properties" in node or (isinstance(kind, list) and "object" in kind)


def _close(node: JsonObject, fitted: JsonObject, lost: set[str]) -> None:
    """Close an object and require all its properties, those that were optional as nullable ones."""
    if node.get("additionalProperties") not in (None, False) or (
        "additionalProperties" not in node and "properties" not in node
    ):
        lost.add("additionalProperties")
    fitted.setdefault("type", "object")
    properties = fitted.setdefault("properties", {})
    required = set(node.get("required", ()))
    for name in properties:
        if name not in required:
            properties[name] = _nullable(properties[name])
    fitted["required"] = list(properties)
    fitted["additionalProperties"] = False


def _nullable(node: JsonObject) -> JsonObject:
    kind = node.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if kind is None or "const" in node or "$ref" in node or "anyOf" in node:
        options = node.get("anyOf")
        if isinstance(options, list) and len(node.keys() - _ANNOTATIONS) == 1:
            if any(option.get("type") == "null" for option in options):
                return node
            return {**node, "anyOf": [*options, {"type": "null"}]}
        return {"anyOf": [node, {"type": "null"}]}
    if "null" in kinds:
        return node
    values = {"enum": [*node["enum"], None]} if "enum" in node else {}
    return {**node, "type": [*kinds, "null"], **values}


def _beside_reference(node: JsonObject, lost: set[str]) -> JsonObject:
    """A reference stands alone: what was said beside it moves around it."""
    lost.update(node.keys() - _ANNOTATIONS - {"$ref", "$defs", "definitions"})
    told: JsonObject = {key: node[key] for key in ("title", "description") if key in node}
    kept: JsonObject = {key: _fit_value(key, node[key], lost) for key in ("$defs", "definitions") if key in node}
    alone: JsonObject = {"$ref": node["$ref"]}
    return {**kept, **told, "anyOf": [alone]} if told or kept else alone


def _renamed(node: JsonObject) -> JsonObject:
    """A node with what OpenAI lacks said in words it has."""
    parts = node.get("allOf")
    if isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], dict):
        node = {**parts[0], **{key: value for key, value in node.items() if key != "allOf"}}
    if "oneOf" in node and "anyOf" not in node:
        node = {("anyOf" if key == "oneOf" else key): value for key, value in node.items()}
    if "prefixItems" in node and "items" not in node:
        node = {**node, "items": {"anyOf": list(node["prefixItems"])}}
    return node

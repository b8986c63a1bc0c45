"""Fitting a JSON Schema to the keywords Gemini accepts, property names and all values untouched.

The list is that of ``parametersJsonSchema`` and ``responseJsonSchema`` in Google's API reference. There ``$ref``
stands alone among keywords without ``$``, and ``oneOf`` is read as ``anyOf``.
"""

from __future__ import annotations

from typing import Any

from modelyard.types.base import JsonObject

__all__ = ["fit_schema"]

_KEPT = frozenset(
    "$id $defs $ref $anchor type format title description enum items prefixItems minItems maxItems "
    "minimum maximum anyOf oneOf properties additionalProperties required propertyOrdering".split()
)
_ANNOTATIONS = frozenset(
    "$schema $comment default example examples deprecated readOnly writeOnly "
    "contentEncoding contentMediaType".split()
)
_SCHEMAS = ("items", "additionalProperties")
_LISTS = ("anyOf", "oneOf", "prefixItems")
_MAPS = ("properties", "$defs")


def fit_schema(schema: JsonObject) -> tuple[JsonObject, set[str]]:
    """A copy of a schema with only the keywords Gemini takes, and the constraints that were lost by it.

    ``const`` becomes an ``enum`` of one value, ``definitions`` become ``$defs``, an ``allOf`` of one schema that
    schema. Annotations such as ``default`` go without mention: they constrain nothing.
    """
    lost: set[str] = set()
    return _fit(schema, lost), lost


def _fit(node: Any, lost: set[str]) -> JsonObject:
    if not isinstance(node, dict):  # the schemas true and false
        if node is False:
            lost.add("false")
        return {}
    node = _renamed(node)
    if "$ref" in node:
        lost.update(node.keys() - _ANNOTATIONS - {"title", "description"} - _dollar(node))
        node = {key: node[key] for key in node if key in _dollar(node)}
    fitted: JsonObject = {}
    for key, value in node.items():
        if key in _KEPT:
            # Gemini refuses an object whose list of properties is empty.
            if value or key not in _MAPS:
                fitted[key] = _fit_value(key, value, lost)
        elif key not in _ANNOTATIONS:
            lost.add(key)
    return fitted


def _fit_value(key: str, value: Any, lost: set[str]) -> Any:
    if key in _SCHEMAS:
        return value if isinstance(value, bool) else _fit(value, lost)
    if key in _LISTS:
        return [_fit(child, lost) for child in value]
    if key in _MAPS:
        return {name: _fit(child, lost) for name, child in value.items()}
    return value


def _dollar(node: JsonObject) -> set[str]:
    return {key for key in node if key.startswith("$")}


def _renamed(node: JsonObject) -> JsonObject:
    """A node with what Gemini lacks said in words it has."""
    parts = node.get("allOf")
    if isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], dict):
        node = {**parts[0], **{key: value for key, value in node.items() if key != "allOf"}}
    if "const" in node and "enum" not in node:
        node = {**{key: value for key, value in node.items() if key != "const"}, "enum": [node["const"]]}
    if "definitions" in node:
        definitions = {**node["definitions"], **node.get("$defs", {})}
        node = {**{key: value for key, value in node.items() if key != "definitions"}, "$defs": definitions}
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/definitions/"):
        node = {**node, "$ref": reference.replace("#/definitions/", "#/$defs/", 1)}
    return node

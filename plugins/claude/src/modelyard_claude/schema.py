"""Fitting a JSON Schema to what Claude holds answers and strict tools to; property names and all values untouched.

The list follows the structured-output documentation and ``anthropic.lib`` 2.12.0: objects are closed, ``oneOf`` is
read as ``anyOf``, an array may only say whether it may be empty, strings know a few formats, and nothing recurs.
"""

from __future__ import annotations

from typing import Any

from modelyard.errors import UnsupportedFeatureError
from modelyard.types.base import JsonObject

__all__ = ["fit_schema"]

_KEPT = frozenset(
    "$defs $ref type format title description default enum const items minItems anyOf allOf "
    "properties additionalProperties required".split()
)
_ANNOTATIONS = frozenset(
    "$schema $id $anchor $comment example examples deprecated readOnly writeOnly "
    "contentEncoding contentMediaType".split()
)
_FORMATS = frozenset("date-time time date duration email hostname uri ipv4 ipv6 uuid".split())
_LISTS = ("anyOf", "allOf")
_MAPS = ("properties", "$defs")


def fit_schema(schema: JsonObject) -> tuple[JsonObject, set[str]]:
    """A copy of a schema with only the keywords Claude takes, and the constraints that were lost by it.

    ``definitions`` become ``$defs``, and every object is closed. Annotations such as ``examples`` go without
    mention: they constrain nothing. Raises ``UnsupportedFeatureError`` for a schema that refers to itself.
    """
    lost: set[str] = set()
    fitted = _fit(schema, lost)
    _refuse_recursion(fitted)
    return fitted, lost


def _fit(node: Any, lost: set[str]) -> JsonObject:
    if not isinstance(node, dict):  # the schemas true and false
        if node is False:
            lost.add("false")
        return {}
    fitted: JsonObject = {}
    for key, value in _renamed(node, lost).items():
        if key in _KEPT:
            fitted[key] = _fit_value(key, value, lost)
        elif key not in _ANNOTATIONS:
            lost.add(key)
    return _closed(_within_limits(fitted, lost), lost)


def _fit_value(key: str, value: Any, lost: set[str]) -> Any:
    if key == "items":
        return _fit(value, lost)
    if key in _LISTS:
        return [_fit(child, lost) for child in value]
    if key in _MAPS:
        return {name: _fit(child, lost) for name, child in value.items()}
    return value


def _renamed(node: JsonObject, lost: set[str]) -> JsonObject:
    """A node with what Claude calls by another name under that name."""
    node = dict(node)
    if "oneOf" in node and "anyOf" not in node:
        node["anyOf"] = node.pop("oneOf")
        lost.add("oneOf")
    if "definitions" in node:
        node["$defs"] = {**node.pop("definitions"), **node.get("$defs", {})}
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/definitions/"):
        node["$ref"] = reference.replace("#/definitions/", "#/$defs/", 1)
    return node


def _within_limits(node: JsonObject, lost: set[str]) -> JsonObject:
    """A node without a format or a number of items that is refused."""
    if "format" in node and node["format"] not in _FORMATS:
        lost.add("format")
        del node["format"]
    if node.get("minItems", 0) > 1:
        lost.add("minItems")
        node["minItems"] = 1
    return node


def _closed(node: JsonObject, lost: set[str]) -> JsonObject:
    """A node that, being an object, allows no property but those it names."""
    kinds = node.get("type")
    is_object = kinds == "object" or (isinstance(kinds, list) and "object" in kinds) or "properties" in node
    if node.pop("additionalProperties", False) not in (False, None):
        lost.add("additionalProperties")
    if is_object:
        node["additionalProperties"] = False
    return node


def _refuse_recursion(root: JsonObject) -> None:
    """Raise for a definition that leads back to itself."""
    definitions = root.get("$defs", {})
    uses = {name: _references(node) for name, node in definitions.items()}
    if "#" in _references(root):
        raise _recursive("#")
    for name in definitions:
        seen: set[str] = set()
        pending = [name]
        while pending:
            for used in uses.get(pending.pop(), ()):
                target = used.removeprefix("#/$defs/").replace("~1", "/").replace("~0", "~")
                if target == name:
                    raise _recursive(f"#/$defs/{name}")
                if target not in seen:
                    seen.add(target)
                    pending.append(target)


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return {found for child in node for found in _references(child)}
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return own | {found for key, child in node.items() if key != "$ref" for found in _references(child)}


def _recursive(where: str) -> UnsupportedFeatureError:
    return UnsupportedFeatureError(
        f"Claude takes no schema that refers to itself, as this one does at {where}.",
        feature="output",
        hint="Unroll it to the depth you need.",
    )

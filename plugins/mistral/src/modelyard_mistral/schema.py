"""Fitting a JSON Schema to Mistral's ``json_schema`` format, property names and all values untouched."""

from __future__ import annotations

from typing import Any

from modelyard.types.base import JsonObject

__all__ = ["fit_schema"]

_SCHEMAS = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


def fit_schema(schema: JsonObject) -> tuple[JsonObject, set[str]]:
    """A copy of a schema as Mistral holds answers to it, and the constraints that were lost by it.

    An object that says nothing of further properties allows none: the official client (mistralai 3.7.0,
    ``extra/utils/_pydantic_helper.py``) closes every object so. One that does, such as a map, keeps its word.
    """
    return _fit(schema), set()


def _fit(node: Any) -> Any:
    if not isinstance(node, dict):  # the schemas true and false
        return node
    fitted = {key: _fit_value(key, value) for key, value in node.items()}
    if node.get("type") == "object" and "properties" in node:
        fitted.setdefault("additionalProperties", False)
    return fitted


def _fit_value(key: str, value: Any) -> Any:
    if key in _SCHEMAS:
        return _fit(value)
    if key in _LISTS and isinstance(value, list):
        return [_fit(child) for child in value]
    if key in _MAPS and isinstance(value, dict):
        return {name: _fit(child) for name, child in value.items()}
    return value

"""Two schemas that must both hold, written as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelyard.schema.rules import ANNOTATIONS
from modelyard.types.base import JsonObject

__all__ = ["merge"]


class _Conflict(Exception):
    """There is no single form for both."""


def merge(first: JsonObject, second: JsonObject) -> JsonObject | str:
    """A schema for the values that fit both, or the keyword there is no common form of.

    Annotations of ``second`` win. Neither argument is changed.
    """
    merged = dict(first)
    for key, value in second.items():
        if key not in merged or key in ANNOTATIONS:
            merged[key] = value
        elif merged[key] != value or type(merged[key]) is not type(value):
            try:
                merged[key] = _BOTH.get(key, _never)(merged[key], value)
            except (_Conflict, TypeError):
                return key
    return merged


def _never(first: Any, second: Any) -> Any:
    raise _Conflict


def _types(first: Any, second: Any) -> Any:
    one, other = ([value] if isinstance(value, str) else value for value in (first, second))
    both = [name for name in one if name in other or (name == "integer" and "number" in other)]
    both += [name for name in other if name == "integer" and "number" in one and name not in both]
    if not both:
        raise _Conflict
    return both[0] if len(both) == 1 else both


def _common(first: list[Any], second: list[Any]) -> list[Any]:
    both = [value for value in first if value in second]
    if not both:
        raise _Conflict
    return both


def _properties(first: JsonObject, second: JsonObject) -> JsonObject:
    merged = dict(first)
    for name, schema in second.items():
        merged[name] = {"allOf": [merged[name], schema]} if name in merged else schema
    return merged


def _closed(first: Any, second: Any) -> Any:
    if first is False or second is False:
        return False
    if first is True or second is True:
        return second if first is True else first
    return {"allOf": [first, second]}


def _both_schemas(first: Any, second: Any) -> JsonObject:
    return {"allOf": [first, second]}


_BOTH: dict[str, Callable[[Any, Any], Any]] = {
    "type": _types,
    "enum": _common,
    "required": lambda first, second: list(dict.fromkeys((*first, *second))),
    "properties": _properties,
    "patternProperties": _properties,
    "$defs": lambda first, second: {**second, **first},
    "definitions": lambda first, second: {**second, **first},
    "additionalProperties": _closed,
    "items": _both_schemas,
    "allOf": lambda first, second: [*first, *second],
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
    "uniqueItems": lambda first, second: first or second,
}

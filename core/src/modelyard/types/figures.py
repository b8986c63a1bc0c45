"""Numbers of the wire that can be meant; all others count as not sent."""

from __future__ import annotations

import math
from typing import Any

from modelyard.types.base import JsonObject

__all__ = ["MOST", "finite", "whole", "without_infinite"]

MOST = 10**12
"""The largest count believed: a million times the largest context window there is (1 million tokens, 2026)."""


def whole(value: Any) -> int | None:
    """A count or a place: a whole number from 0 up to ``MOST``; ``None`` for anything else."""
    return value if type(value) is int and 0 <= value <= MOST else None


def without_infinite(value: JsonObject) -> JsonObject:
    """A JSON object with ``None`` for numbers too large for a float, as ``1e999``; itself where there are none."""
    return {name: _finite_json(item) for name, item in value.items()} if _holds_infinite(value) else value


def _holds_infinite(value: Any) -> bool:
    for item in value.values() if type(value) is dict else value:
        kind = type(item)
        if kind is int or kind is str:
            continue  # nearly all there is in an object of counts
        if kind is float and not math.isfinite(item):
            return True
        if (kind is dict or kind is list) and _holds_infinite(item):
            return True
    return False


def _finite_json(value: Any) -> Any:
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, list):
        return [_finite_json(item) for item in value]
    return {name: _finite_json(item) for name, item in value.items()} if isinstance(value, dict) else value


def finite(value: Any) -> float | None:
    """A number that is one; ``None`` for NaN, infinities and what no float holds."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    return float(value) if type(value) is int and abs(value) <= MOST else None

"""JSON in and out, at the speed of pydantic's parser, with the standard library as the forgiving second.

What a provider sends must be fit to be written again, or a stored conversation could not be read: half of a
surrogate pair, a number that is none and nesting without end are set right on the way in (RFC 8259 leaves them to
the receiver, in sections 8.2, 6 and 9).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pydantic_core

from modelyard.errors import InvalidRequestError
from modelyard.surrogates import mend_json

if TYPE_CHECKING:
    from modelyard.types.base import JsonObject

__all__ = ["MAX_DEPTH", "depth_over", "encode_json", "parse_json", "parse_odd", "parse_plain", "parse_stored"]

MAX_DEPTH = 150
"""Levels of nesting kept of what is read; pydantic reads 200 (2.50), and a stored run adds some of its own."""

_LEAST_DEEP = 2 * MAX_DEPTH
"""The shortest JSON that is nested deeper: brackets, and their ends."""


def encode_json(body: JsonObject) -> bytes:
    """The body of a request as JSON; raises ``InvalidRequestError`` for what JSON cannot carry."""
    try:
        # A number that overflowed in a provider's own data comes back to it as null: `Infinity` is no JSON.
        return pydantic_core.to_json(body, inf_nan_mode="null")
    except (ValueError, TypeError) as error:
        raise InvalidRequestError(f"The request cannot be written as JSON: {error}.") from None


def parse_json(data: bytes | str, tell: Callable[[str], None] | None = None, *, pieces: bool = False) -> Any:
    """The value a JSON text says, set right where it could not be written again.

    ``tell`` and ``pieces`` are those of ``parse_odd``. Raises ``ValueError`` for text that is no JSON.
    """
    try:
        return parse_plain(data)
    except ValueError:
        return parse_odd(data, tell, pieces=pieces)


def parse_stored(data: bytes | str) -> Any:
    """The value of a JSON text of our own, as it was written; raises ``ValueError`` for text that is no JSON."""
    try:
        return pydantic_core.from_json(data)
    except ValueError:
        pass
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def parse_plain(data: bytes | str) -> Any:
    """The value of a JSON text with nothing odd about it; raises ``ValueError`` for any other."""
    value = pydantic_core.from_json(data, allow_inf_nan=False)
    if len(data) > _LEAST_DEEP and depth_over(value, MAX_DEPTH, data):
        raise ValueError("the JSON is nested too deeply")
    return value


def parse_odd(data: bytes | str, tell: Callable[[str], None] | None = None, *, pieces: bool = False) -> Any:
    """The value of a JSON text that ``parse_plain`` refused, set right.

    With ``pieces``, halves of surrogate pairs stay where the next event may bring the other one. ``tell`` is
    called with ``"depth"`` or ``"surrogates"``.
    """
    try:
        value = json.loads(data, parse_constant=_absent, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    if _cut(value, MAX_DEPTH) and tell is not None:
        tell("depth")
    mended = mend_json(value)
    if mended is value:
        return value
    if tell is not None:
        tell("surrogates")
    return mend_json(value, pieces=True) if pieces else mended


def depth_over(value: Any, limit: int, text: bytes | str) -> bool:
    """Return whether a value, read of a text, is nested deeper than a limit. Cheap for texts of few brackets."""
    marks: tuple[Any, Any] = ("{", "[") if isinstance(text, str) else (b"{", b"[")
    brackets = text.count(marks[0]) + text.count(marks[1])
    return brackets > limit and bool(_at_depth(value, limit))


def _at_depth(value: Any, depth: int) -> list[Any]:
    """The containers that lie below so many others, without recursion."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(depth):
        if not level:
            break
        level = [
            child
            for holder in level
            for child in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(child, (dict, list))
        ]
    return level


def _cut(value: Any, depth: int) -> bool:
    """Empty what is nested deeper; returns whether anything was."""
    deep = _at_depth(value, depth)
    for holder in deep:
        holder.clear()
    return bool(deep)


def _absent(_: str) -> None:
    """``NaN`` and ``Infinity``, which Python writes and JSON does not have."""


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:  # more digits than Python converts (4,300)
        return None

"""Arguments of a tool call that arrive value by value, each under a JSON path.

Vertex AI streams calls so when asked to (``streamFunctionCallArguments``); the Gemini API sends them whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from modelyard.provider import JsonObject

__all__ = ["PartialArguments"]

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")\]")
_ESCAPED = re.compile(r"\\(.)")
_VALUES = ("stringValue", "numberValue", "boolValue")


class PartialArguments:
    """Collects the pieces; ``value`` is the object so far, ``deep`` says that one lay deeper than ``depth``."""

    def __init__(self, depth: int) -> None:
        self.deep = False
        self._depth = depth
        self._value: JsonObject = {}
        self._growing: _Growing | None = None

    @property
    def value(self) -> JsonObject:
        """The object as far as it has come."""
        self._settle()
        return self._value

    def take(self, piece: JsonObject) -> None:
        """Take one ``partialArgs`` entry; raises ``ValueError`` for a path that leads nowhere."""
        path = piece["jsonPath"]
        value = next((piece[name] for name in _VALUES if name in piece), None)
        growing = self._growing
        if growing is not None and isinstance(value, str) and growing.path == path:
            growing.pieces.append(value)
        else:
            self._settle()
            growing = self._put(path, value)
        self._growing = growing
        if not piece.get("willContinue"):
            self._settle()

    def _put(self, path: str, value: Any) -> _Growing | None:
        """Put a value in its place; returns where it may go on growing."""
        steps = _steps(path)
        if len(steps) > self._depth:
            self.deep = True
            return None
        last = steps[-1]
        holder: Any = self._value
        for step, following in pairwise(steps):
            holder = _enter(holder, step, [] if isinstance(following, int) else {})
        _enter(holder, last, None)
        holder[last] = value
        return _Growing(path, holder, last, [value]) if isinstance(value, str) else None

    def _settle(self) -> None:
        """Join the pieces of a text that has grown, once: each by itself would copy what came before."""
        growing, self._growing = self._growing, None
        if growing is not None:
            growing.holder[growing.last] = "".join(growing.pieces)


@dataclass(slots=True)
class _Growing:
    path: str
    holder: Any
    last: str | int
    pieces: list[str]


def _steps(path: str) -> list[str | int]:
    """The names and positions of a path in the normalised form of RFC 9535, such as ``$.items[0].name``."""
    steps: list[str | int] = []
    at = 1
    while path.startswith("$") and at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            break
        name, position, single, double = found.groups()
        quoted = single if single is not None else double
        steps.append(int(position) if position else name or _ESCAPED.sub(r"\1", quoted or ""))
        at = found.end()
    if not steps or at < len(path):
        raise ValueError(f"{path!r} is no path to an argument")
    return steps


def _enter(holder: Any, step: str | int, empty: Any) -> Any:
    """What stands at a step, put there first if nothing does. Lists grow by one at a time only."""
    if isinstance(step, str):
        return holder.setdefault(step, empty)
    if step == len(holder):
        holder.append(empty)
    return holder[step]

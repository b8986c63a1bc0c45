"""Arguments of a tool call that arrive value by value, each under a JSON path.

Vertex AI streams calls so when asked to (``streamFunctionCallArguments``); the Gemini API sends them whole.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from modelyard.types.base import JsonObject

__all__ = ["PartialArguments"]

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")\]")
_ESCAPED = re.compile(r"\\(.)")
_VALUES = ("stringValue", "numberValue", "boolValue")


class PartialArguments:
    """Collects the pieces; ``value`` is the object they make so far."""

    def __init__(self) -> None:
        self.value: JsonObject = {}
        self._unfinished: str | None = None

    def take(self, piece: JsonObject) -> None:
        """Take one ``partialArgs`` entry; raises ``ValueError`` for a path that leads nowhere."""
        path = piece["jsonPath"]
        value = next((piece[name] for name in _VALUES if name in piece), None)
        steps = _steps(path)
        last = steps[-1]
        holder: Any = self.value
        for step, following in pairwise(steps):
            holder = _enter(holder, step, [] if isinstance(following, int) else {})
        if isinstance(value, str) and self._unfinished == path:
            holder[last] += value
        else:
            _enter(holder, last, None)
            holder[last] = value
        self._unfinished = path if piece.get("willContinue") else None


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

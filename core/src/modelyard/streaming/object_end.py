"""Finding where a JSON object that arrives in pieces is whole, looking at each piece once."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["ObjectEnd"]

_MARK = re.compile(r'["{}\[\]]|\\\\.?', re.DOTALL)
"""What decides: quotes, brackets, and a backslash with what it stands before."""


class ObjectEnd:
    """Follows the brackets of one text; whether what they hold is JSON is not asked."""

    __slots__ = ("_depth", "_escaping", "_quoted", "_reached", "_seen")

    def __init__(self) -> None:
        self._seen = 0
        self._depth = 0
        self._quoted = False
        self._escaping = False
        self._reached = False

    def reached(self, pieces: Sequence[str]) -> bool:
        """Return whether the first object is closed in the pieces that came so far."""
        while not self._reached and self._seen < len(pieces):
            self._take(pieces[self._seen])
            self._seen += 1
        return self._reached

    def _take(self, piece: str) -> None:
        at = 1 if self._escaping and piece else 0
        self._escaping = self._escaping and not piece
        for found in _MARK.finditer(piece, at):
            mark = found[0]
            if mark[0] == "\\":
                self._escaping = len(mark) == 1
            elif mark == '"':
                self._quoted = not self._quoted
            elif not self._quoted:
                self._depth += 1 if mark in "{[" else -1
                self._reached = self._reached or self._depth <= 0

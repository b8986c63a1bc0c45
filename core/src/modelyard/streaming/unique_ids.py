"""Ids of the calls of one answer: each once, whatever the provider sent."""

from __future__ import annotations

from modelyard.errors import InvalidResponseError

__all__ = ["UniqueIds"]


class UniqueIds:
    """Gives each call an id of its own. ``most`` bounds the calls."""

    __slots__ = ("_most", "_used")

    def __init__(self, most: int) -> None:
        self._most = most
        self._used: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """The id wanted, or the same with a suffix; raises ``InvalidResponseError`` for a call too many."""
        used = self._used
        if len(used) >= self._most:
            raise InvalidResponseError(
                f"The answer holds more than {self._most} tool calls.",
                hint="Raise the bound tool_calls if it may.",
            )
        found = wanted
        if wanted in used:
            number = used[wanted]
            while found in used:
                number += 1
                found = f"{wanted}_{number}"
            used[wanted] = number
        used[found] = 1
        return found

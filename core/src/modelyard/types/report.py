"""Report of changes between the request a caller made and the one a provider got."""

from __future__ import annotations

from typing import Literal, TypeAlias

from modelyard.types.base import Frozen

__all__ = ["Note", "Report"]

Action: TypeAlias = Literal["dropped", "renamed", "clamped", "relaxed", "converted", "repaired"]


class Note(Frozen):
    """One change: ``field`` of the request, what happened to it, and why in a sentence."""

    field: str
    action: Action
    reason: str


class Report(Frozen):
    """Every change made to one request, in the order made; empty when it went out as asked."""

    notes: tuple[Note, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.notes)

    def about(self, field: str) -> tuple[Note, ...]:
        """The notes on one field of the request, and on what is within it: ``tools`` has ``tools.f`` too."""
        return tuple(note for note in self.notes if note.field == field or note.field.startswith(f"{field}."))

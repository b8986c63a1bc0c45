"""Changes made in fitting a schema, path by path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from modelyard.types.reporter import Reporter

__all__ = ["SchemaChange", "SchemaChanges"]

ChangeKind: TypeAlias = Literal["relaxed", "converted", "dropped"]

MOST_PATHS = 8


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One change to the schema at ``path``, such as ``properties.city``; the empty path is the schema itself.

    ``relaxed``: a constraint was lost, the provider lets through what the schema does not. ``converted``: said
    in another form, which lets nothing further through. ``dropped``: an annotation went, which constrains
    nothing. ``reason`` begins with the keyword concerned.
    """

    path: str
    kind: ChangeKind
    keyword: str
    reason: str

    @property
    def place(self) -> str:
        """The path with the keyword."""
        return f"{self.path}.{self.keyword}" if self.path else self.keyword


class SchemaChanges:
    """The changes of one fit, in the order made.

    Iterating gives the places whose constraint was lost; it is true when there is one.
    """

    __slots__ = ("all",)

    def __init__(self, changes: tuple[SchemaChange, ...] = ()) -> None:
        self.all = changes

    def __iter__(self) -> Iterator[str]:
        return (change.place for change in self.all if change.kind == "relaxed")

    def __bool__(self) -> bool:
        return any(change.kind == "relaxed" for change in self.all)

    def __repr__(self) -> str:
        return f"<SchemaChanges {[(change.place, change.kind) for change in self.all]}>"

    def report(self, reporter: Reporter, field: str, *, checked: bool = False) -> None:
        """Write the changes down, those alike in one note with all their places.

        With ``on_unsupported="error"`` a lost constraint raises ``UnsupportedFeatureError``, unless what comes
        will be ``checked`` against the schema in any case.
        """
        alike: dict[tuple[ChangeKind, str], list[str]] = {}
        for change in self.all:
            alike.setdefault((change.kind, change.reason), []).append(change.place)
        for (kind, reason), places in alike.items():
            said = f"{reason} (at {_listed(places)})"
            if kind == "relaxed" and not checked:
                reporter.relax(field, said)
            else:
                reporter.note(field, kind, said)


def _listed(places: list[str]) -> str:
    shown = ", ".join(places[:MOST_PATHS])
    return f"{shown} and {len(places) - MOST_PATHS} more" if len(places) > MOST_PATHS else shown

"""Traces of a wish in the request that arrived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelyard.testing.conformance.samples import Mark
from modelyard.testing.server import Received
from modelyard.types.report import Note

__all__ = ["Sent", "leaves", "named"]


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it arrived, and the notes of its answer."""

    received: Received
    notes: tuple[Note, ...] = ()

    @property
    def body(self) -> Any:
        """The body as data, or as text where it is no JSON."""
        try:
            return self.received.json
        except ValueError:
            return self.received.body.decode(errors="replace")

    def shows(self, mark: Mark, plain: Sent) -> bool:
        """Return whether a value stands in the request more often than in one that did not ask for it."""
        return self.count(mark) > plain.count(mark)

    def count(self, mark: Mark) -> int:
        """Count a value in the body, at any depth and under any name, in headers or in the query."""
        found = [*leaves(self.body), *self.received.headers.values(), self.received.query]
        if isinstance(mark, str):
            return sum(mark.lower() in text.lower() for text in found if isinstance(text, str))
        return sum(value == mark for value in found if type(value) in (int, float))

    def new_notes(self, plain: Sent) -> list[Note]:
        """The notes that the request without the wish did not get."""
        return [note for note in self.notes if note not in plain.notes]


def leaves(value: Any) -> Iterator[Any]:
    """Every key and every plain value inside JSON data."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def named(value: Any, name: str) -> Iterator[Any]:
    """The values under a name, at any depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == name:
                yield item
            yield from named(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from named(item, name)

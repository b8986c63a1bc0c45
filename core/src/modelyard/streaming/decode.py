"""Turning the JSON of an answer, whole or in pieces, into events: what every decoder of a plugin shares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

from modelyard.bounds import Bounds
from modelyard.errors import InvalidResponseError
from modelyard.jsonio import parse_odd, parse_plain
from modelyard.streaming.joining import Joiner
from modelyard.streaming.unique_ids import UniqueIds
from modelyard.types.base import JsonObject
from modelyard.types.content import read_arguments
from modelyard.types.events import Event
from modelyard.types.report import Action, Note
from modelyard.versioned import VersionedBase

__all__ = ["Emit", "StreamDecoder"]

Emit: TypeAlias = Callable[[Event], None]


class StreamDecoder(VersionedBase, ABC):
    """Turns the answer to one request into events, streamed or whole; a fresh one for each answer.

    A subclass sets ``finished`` when it emits ``Done``. A provider whose stream simply ends after its last
    event, with no terminator of its own, emits ``Done`` in ``on_end`` instead.
    """

    BASE_VERSION = 1
    finished: bool = False
    bounds: Bounds = Bounds()
    """Bounds on the answer: its session sets what the host has set."""
    taken: int = 0
    """Bytes of the answer read so far, over all its responses."""
    notes: tuple[Note, ...] = ()
    """Notes on what was set right in the answer so that the conversation can go on."""
    joiner: Joiner | None = None
    """Set once the answer has shown half of a surrogate pair."""
    _ids: UniqueIds | None = None

    def feed(self, data: bytes, emit: Emit) -> None:
        """Take the data of one server-sent event."""
        try:
            value = parse_plain(data)
        except ValueError:
            value = self._parse_odd(data)
        self.feed_value(value, emit)

    def feed_value(self, value: Any, emit: Emit) -> None:
        """Take one wire event that is JSON already; ``null`` is ignored."""
        if type(value) is dict:
            try:
                self.on_json(value, emit)
            except _MISSHAPEN as error:
                raise _misshapen("An event of the stream", error) from None
        elif value is not None:
            raise InvalidResponseError(f"An event of the stream is a JSON {type(value).__name__}.")

    def feed_body(self, body: JsonObject, emit: Emit) -> None:
        """Take a whole answer."""
        try:
            self.on_body(body, emit)
        except _MISSHAPEN as error:
            raise _misshapen("The answer", error) from None

    def joined(self, events: list[Event]) -> list[Event]:
        """The events of a batch, halves of surrogate pairs joined or replaced once the answer has shown any."""
        return events if self.joiner is None else self.joiner.mend(events)

    def set_right(self, what: str) -> None:
        """Note what was odd about the JSON of the answer, in the words of ``parse_odd``."""
        if what == "surrogates":
            self.joiner = self.joiner or Joiner()
        self.note("answer", "repaired", _ODD[what])

    def note(self, field: str, action: Action, reason: str) -> None:
        """Say what was set right; said again, it is noted once."""
        note = Note(field=field, action=action, reason=reason)
        if note not in self.notes:
            self.notes = (*self.notes, note)

    def new_call_id(self, wanted: str) -> str:
        """An id for a call that begins: the one wanted, with a suffix where the answer has used it already.

        Raises ``InvalidResponseError`` for more calls than are taken.
        """
        ids = self._ids = self._ids or UniqueIds(self.bounds.tool_calls)
        found = ids.take(wanted)
        if found != wanted:
            self.note("answer.tool_calls", "renamed", "the answer used an id twice; the later calls got a suffix")
        return found

    def arguments(self, text: str) -> JsonObject | None:
        """The arguments a text says; ``None`` for no valid ones, and for those nested too deeply."""
        found, deep = read_arguments(text, self.bounds.argument_depth)
        if deep:
            self.note(
                "answer.tool_calls", "dropped", f"arguments are nested deeper than {self.bounds.argument_depth}"
            )
        return found

    def _parse_odd(self, data: bytes) -> Any:
        try:
            return parse_odd(data, self.set_right, pieces=True)
        except ValueError:
            shown = data[:100].decode("utf-8", "replace")
            raise InvalidResponseError(f"An event of the stream is no JSON: {shown}") from None

    @abstractmethod
    def on_json(self, event: JsonObject, emit: Emit) -> None:
        """Take one decoded wire event; unknown types are ignored, providers add them at will."""

    @abstractmethod
    def on_body(self, body: JsonObject, emit: Emit) -> None:
        """Take a whole answer, asked for without streaming, and emit the events a stream would have had."""

    def on_end(self, emit: Emit) -> None:
        """The input has ended, cleanly or not: emit ``Done`` if the answer is complete without more."""


_MISSHAPEN = (KeyError, TypeError, AttributeError, IndexError, ValueError, ArithmeticError, RecursionError)
"""What reading a value of an unexpected shape raises."""


_ODD = {
    "surrogates": "halves of surrogate pairs were joined where both came, and replaced by U+FFFD where not",
    "depth": "JSON nested without end was cut off",
}


def _misshapen(what: str, error: Exception) -> InvalidResponseError:
    return InvalidResponseError(f"{what} has an unexpected shape ({type(error).__name__}: {error}).")

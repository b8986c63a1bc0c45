"""Joining the halves of surrogate pairs that come in two events, and replacing those that stay alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, TypeAlias

from modelyard.surrogates import ends_in_half, mend_json, mend_text
from modelyard.types.base import Frozen
from modelyard.types.events import ContentDelta, Done, Event, ReasoningDelta, ToolCallDelta, ToolCallEnd

__all__ = ["Joiner"]

_Piece: TypeAlias = ContentDelta | ReasoningDelta | ToolCallDelta


class Joiner:
    """Mends the events of one answer; used from the first event on that held a half.

    A first half at the end of a text is held back until more of the same part or call comes, or its end.
    """

    def __init__(self) -> None:
        self._held: dict[object, tuple[str, _Piece]] = {}

    def mend(self, events: Iterable[Event]) -> list[Event]:
        """The events with nothing left in them that UTF-8 cannot say."""
        mended: list[Event] = []
        for event in events:
            if isinstance(event, (ContentDelta, ReasoningDelta)):
                mended.append(self._join(event.index, event, event.text))
            elif isinstance(event, ToolCallDelta):
                mended.append(self._join(event.id, event, event.arguments))
            else:
                mended += self._left(event)
                mended.append(_clean(event))
        return mended

    def _join(self, key: object, event: _Piece, text: str) -> Event:
        held, _ = self._held.pop(key, ("", event))
        text = held + text
        if ends_in_half(text):
            text, half = text[:-1], text[-1]
            self._held[key] = half, _bare(event)
        return _clean(_saying(event, text))

    def _left(self, event: Event) -> list[Event]:
        """What is held back of the call, or at the end of everything, and stays alone."""
        keys = (
            [event.id] if isinstance(event, ToolCallEnd) else list(self._held) if isinstance(event, Done) else []
        )
        found = [self._held.pop(key) for key in keys if key in self._held]
        return [_clean(_saying(piece, half)) for half, piece in found]


def _bare(event: _Piece) -> _Piece:
    """The same place in the answer without what rode on the event."""
    if isinstance(event, ContentDelta):
        return ContentDelta(event.index, "", event.kind)
    return ReasoningDelta(event.index, "", event.kind) if isinstance(event, ReasoningDelta) else event


def _saying(event: _Piece, text: str) -> _Piece:
    return ToolCallDelta(event.id, text) if isinstance(event, ToolCallDelta) else replace(event, text=text)


def _clean(event: Event) -> Event:
    for entry in fields(event):
        value = getattr(event, entry.name)
        mended = _mended(value)
        if mended is not value:
            setattr(event, entry.name, mended)
    return event


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return mend_text(value)
    if isinstance(value, (dict, list)):
        return mend_json(value)
    if isinstance(value, tuple):
        return tuple([_mended(item) for item in value])
    if isinstance(value, Frozen):
        found = {name: _mended(getattr(value, name)) for name in type(value).model_fields}
        return value.model_copy(update=found)
    return value

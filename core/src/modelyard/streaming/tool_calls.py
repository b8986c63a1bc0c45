"""Putting streamed tool-call fragments together, for wires that number, name or repeat them as they like.

Fragments belong to the call of their index, else of their id, else to the last call; a new id or, where ids
are missing, a new name at the same index begins another call. Calls end when the turn does, never because
their text happens to be valid JSON already.
"""

from __future__ import annotations

import hashlib
import json

from modelyard.streaming.decode import Emit
from modelyard.types.base import JsonObject, Opaque
from modelyard.types.content import parse_arguments
from modelyard.types.events import ToolCallDelta, ToolCallEnd, ToolCallStart

__all__ = ["ToolCallTracker", "emit_call", "make_call_id"]


def make_call_id(seed: str | None, position: int) -> str:
    """An id for a call the provider gave none, the same each time an answer is decoded.

    ``seed`` is the id of the response, which keeps ids of different turns apart.
    """
    digest = hashlib.sha256(f"{seed}:{position}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"call_{digest[:24]}"


def emit_call(
    emit: Emit,
    call_id: str,
    name: str,
    arguments: JsonObject | str | None,
    opaque: Opaque | None = None,
) -> None:
    """Emit the three events of a call that arrived whole."""
    if isinstance(arguments, str):
        text, parsed = arguments, parse_arguments(arguments)
    else:
        parsed, text = arguments or {}, _as_text(arguments or {})
    emit(ToolCallStart(call_id, name))
    if text:
        emit(ToolCallDelta(call_id, text))
    emit(ToolCallEnd(call_id, name, parsed, text, opaque))


class _Open:
    __slots__ = ("id", "index", "name", "pieces", "wire_id")

    def __init__(self, call_id: str, wire_id: str | None, name: str, index: int | None) -> None:
        self.id = call_id
        self.wire_id = wire_id
        self.name = name
        self.index = index
        self.pieces: list[str] = []


class ToolCallTracker:
    """The open calls of one answer. ``seed`` makes ids for calls that come without one."""

    def __init__(self) -> None:
        self.seed: str | None = None
        self._calls: list[_Open] = []
        self._begun = 0

    def __bool__(self) -> bool:
        return bool(self._calls)

    def fragment(
        self, emit: Emit, *, index: int | None, wire_id: str | None, name: str | None, arguments: object
    ) -> None:
        """Take a fragment as the wire gives it; anything may be missing.

        ``arguments`` is a piece of JSON text, or the whole object where a server sends that.
        """
        call = self._find(index, wire_id, name)
        if call is None:
            if not name:
                return  # nothing to attach it to: a stray fragment before any call began
            call = self._begin(emit, index, wire_id, name)
        piece = arguments if isinstance(arguments, str) else _as_text(arguments)
        if piece:
            call.pieces.append(piece)
            emit(ToolCallDelta(call.id, piece))

    def end_all(self, emit: Emit, *, cut_off: bool = False) -> None:
        """End every call. ``cut_off`` says the output limit struck, maybe before the last one's arguments."""
        for position, call in enumerate(self._calls):
            text = "".join(call.pieces)
            last = position == len(self._calls) - 1
            arguments = None if cut_off and last and not text.strip() else parse_arguments(text)
            emit(ToolCallEnd(call.id, call.name, arguments, text))
        self._calls = []

    def _find(self, index: int | None, wire_id: str | None, name: str | None) -> _Open | None:
        if wire_id:
            for call in self._calls:
                if call.wire_id == wire_id and (index is None or call.index in (None, index)):
                    return call
        same_index = [call for call in self._calls if index is None or call.index == index]
        last = same_index[-1] if same_index else None
        if last is None or (not wire_id and not name):
            return last
        if wire_id:
            return last if last.wire_id is None and name in (None, "", last.name) else None
        return last if name == last.name and not _complete(last) else None

    def _begin(self, emit: Emit, index: int | None, wire_id: str | None, name: str) -> _Open:
        call_id = wire_id or make_call_id(self.seed, self._begun)
        if any(call.id == call_id for call in self._calls):
            call_id = make_call_id(call_id, self._begun)
        self._begun += 1
        call = _Open(call_id, wire_id, name, index)
        self._calls.append(call)
        emit(ToolCallStart(call_id, name))
        return call


def _complete(call: _Open) -> bool:
    """Whether a call repeated by name, without ids, must be a second one: the first is whole already."""
    return bool(call.pieces) and parse_arguments("".join(call.pieces)) is not None


def _as_text(arguments: object) -> str:
    return "" if arguments is None else json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))

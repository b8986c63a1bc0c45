"""Putting streamed tool-call fragments together, for wires that number, name or repeat them as they like.

Fragments belong to the call of their index, else of their id, else to the last call; a new id or, where ids
are missing, a new name at the same index begins another call. Calls end when the turn does, never because
their text happens to be valid JSON already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

from modelyard.bounds import Bounds
from modelyard.streaming.decode import Emit
from modelyard.streaming.object_end import ObjectEnd
from modelyard.streaming.unique_ids import UniqueIds
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
        text = _as_text(arguments or {})
        parsed = (arguments or {}) if len(text) < 2 * Bounds().argument_depth else parse_arguments(text)
    emit(ToolCallStart(call_id, name))
    if text:
        emit(ToolCallDelta(call_id, text))
    emit(ToolCallEnd(call_id, name, parsed, text, opaque))


class _Open:
    __slots__ = ("end", "id", "index", "name", "pieces", "wire_id")

    def __init__(self, call_id: str, wire_id: str | None, name: str, index: int | None) -> None:
        self.id = call_id
        self.wire_id = wire_id
        self.name = name
        self.index = index
        self.pieces: list[str] = []
        self.end = ObjectEnd()

    @property
    def complete(self) -> bool:
        """Whether the arguments are a whole object, so that more of them must belong to another call."""
        return self.end.reached(self.pieces)


class ToolCallTracker:
    """The open calls of one answer. ``seed`` makes ids for calls that come without one.

    ``new_id`` gives a call its id, different from all others of the answer; ``parse`` reads its arguments. Linear
    in the number of calls and fragments.
    """

    def __init__(
        self,
        new_id: Callable[[str], str] | None = None,
        parse: Callable[[str], JsonObject | None] = parse_arguments,
    ) -> None:
        self.seed: str | None = None
        self._new_id = new_id or UniqueIds(Bounds().tool_calls).take
        self._parse = parse
        self._calls: list[_Open] = []
        self._by_id: dict[tuple[str, int | None], _Open] = {}
        self._last_of_id: dict[str, _Open] = {}
        self._last_at: dict[int | None, _Open] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def fragment(
        self,
        emit: Emit,
        *,
        index: int | None,
        wire_id: str | None,
        name: str | None,
        arguments: object,
        begins: bool = False,
    ) -> None:
        """Take a fragment as the wire gives it; anything may be missing.

        ``arguments`` is a piece of JSON text, or the whole object where a server sends that. ``begins`` says that
        this is no part of a call that came before, as in an answer that is not streamed.
        """
        piece = arguments if isinstance(arguments, str) else _as_text(arguments)
        call = None if begins else self._find(index, wire_id, name, piece)
        if call is None:
            if not name:
                return  # nothing to attach it to: a stray fragment before any call began
            call = self._begin(emit, index, wire_id, name)
        if piece:
            call.pieces.append(piece)
            emit(ToolCallDelta(call.id, piece))

    def end_all(self, emit: Emit, *, cut_off: bool = False) -> None:
        """End every call. ``cut_off`` says the output limit struck, maybe before the last one's arguments."""
        for position, call in enumerate(self._calls):
            text = "".join(call.pieces)
            last = position == len(self._calls) - 1
            arguments = None if cut_off and last and not text.strip() else self._parse(text)
            emit(ToolCallEnd(call.id, call.name, arguments, text))
        self._calls = []

    def _find(self, index: int | None, wire_id: str | None, name: str | None, piece: str) -> _Open | None:
        if wire_id:
            found = self._of_id(wire_id, index)
            if found is not None:
                return None if _is_another(found, name, piece) else found
        last = self._last_at.get(index)
        if last is None or (not wire_id and not name):
            return last
        if wire_id:
            return last if last.wire_id is None and name in (None, "", last.name) else None
        return last if name == last.name and not last.complete else None

    def _of_id(self, wire_id: str, index: int | None) -> _Open | None:
        if index is None:
            return self._last_of_id.get(wire_id)
        return self._by_id.get((wire_id, index)) or self._by_id.get((wire_id, None))

    def _begin(self, emit: Emit, index: int | None, wire_id: str | None, name: str) -> _Open:
        call_id = self._new_id(wire_id or make_call_id(self.seed, len(self._calls)))
        call = _Open(call_id, wire_id, name, index)
        self._calls.append(call)
        self._last_at[index] = self._last_at[None] = call
        if wire_id:
            self._by_id[wire_id, index] = self._last_of_id[wire_id] = call
        emit(ToolCallStart(call_id, name))
        return call


def _is_another(call: _Open, name: str | None, piece: str) -> bool:
    """Whether a fragment with the id of a call is a second call all the same: ids are doubled by some servers."""
    if not name:
        return False
    return name != call.name or (piece.lstrip()[:1] == "{" and call.complete)


def _as_text(arguments: object) -> str:
    return "" if arguments is None else json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))

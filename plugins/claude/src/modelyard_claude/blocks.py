"""The content blocks of an answer as they arrive: each turns its deltas into events.

A block of a whole answer begins complete and has no deltas, so one class serves both.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from modelyard.provider import (
    CitationPart,
    ContentDelta,
    Emit,
    JsonObject,
    Opaque,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    parse_arguments,
    parse_json,
)

__all__ = ["Block", "CallBlock", "begin_block", "citation_of"]

_CALL_FIELDS = frozenset({"type", "id", "name", "input"})


class _TextBlock:
    """Text; its citations go back with it."""

    __slots__ = ("_citations", "_index")

    def __init__(self, index: int, raw: JsonObject, model: str, emit: Emit) -> None:
        self._index = index
        self._citations: list[Any] = []
        self.delta(raw, emit)
        for citation in raw.get("citations") or ():
            self._cite(citation, emit)

    def delta(self, delta: JsonObject, emit: Emit) -> None:
        text = _text(delta, "text")
        if text:
            emit(ContentDelta(self._index, text))
        elif delta.get("citation") is not None:
            self._cite(delta["citation"], emit)

    def end(self, emit: Emit, *, cut_off: bool = False) -> None:
        if self._citations:
            opaque = Opaque(provider="claude", kind="text", data={"citations": self._citations})
            emit(ContentDelta(self._index, "", opaque=opaque))

    def _cite(self, citation: JsonObject, emit: Emit) -> None:
        # Answers name the file, requests may not: the API refuses its own field (SDK 2.12.0, the params types).
        self._citations.append({key: value for key, value in citation.items() if key != "file_id"})
        emit(ContentDelta(self._index, "", citations=(citation_of(citation),)))


class _ThinkingBlock:
    """Thinking. Only with its signature can it go back, and only to the model that made it."""

    __slots__ = ("_index", "_model", "_pieces", "_raw", "_signature")

    def __init__(self, index: int, raw: JsonObject, model: str, emit: Emit) -> None:
        self._index = index
        self._model = model
        self._raw = raw
        self._pieces: list[str] = []
        self._signature = ""
        self.delta(raw, emit)

    def delta(self, delta: JsonObject, emit: Emit) -> None:
        text = _text(delta, "thinking")
        if text:
            self._pieces.append(text)
            emit(ReasoningDelta(self._index, text))
        self._signature = _text(delta, "signature") or self._signature

    def end(self, emit: Emit, *, cut_off: bool = False) -> None:
        if not self._signature:
            return
        data = {**self._raw, "thinking": "".join(self._pieces), "signature": self._signature}
        opaque = Opaque(provider="claude", model=self._model, kind="thinking", data=data)
        # With the display "omitted" there is a signature and no text.
        emit(ReasoningDelta(self._index, "", "text" if self._pieces else "hidden", opaque))


class _RedactedBlock:
    """Thinking that is encrypted as a whole."""

    __slots__ = ()

    def __init__(self, index: int, raw: JsonObject, model: str, emit: Emit) -> None:
        opaque = Opaque(provider="claude", model=model, kind="redacted_thinking", data=raw)
        emit(ReasoningDelta(index, "", "hidden", opaque))

    def delta(self, delta: JsonObject, emit: Emit) -> None:
        pass

    def end(self, emit: Emit, *, cut_off: bool = False) -> None:
        pass


class CallBlock:
    """A call of one of the host's tools."""

    __slots__ = ("_extras", "_id", "_input", "_name", "_pieces", "read")

    def __init__(self, index: int, raw: JsonObject, model: str, emit: Emit) -> None:
        self._id, self._name = str(raw["id"]), str(raw["name"])
        self._input = raw.get("input")
        self.read: Callable[[str], JsonObject | None] = parse_arguments
        self._extras = {key: value for key, value in raw.items() if key not in _CALL_FIELDS}
        self._pieces: list[str] = []
        emit(ToolCallStart(self._id, self._name))

    @property
    def undecided(self) -> bool:
        """True if nothing of the arguments has streamed: either there are none, or they were cut off."""
        return not self._pieces

    def delta(self, delta: JsonObject, emit: Emit) -> None:
        piece = _text(delta, "partial_json")
        if piece:
            self._pieces.append(piece)
            emit(ToolCallDelta(self._id, piece))

    def end(self, emit: Emit, *, cut_off: bool = False) -> None:
        """End the call; with ``cut_off`` and nothing streamed, it must not be taken for one without arguments."""
        text = "".join(self._pieces)
        if not text and self._input:
            text = json.dumps(self._input, ensure_ascii=False, separators=(",", ":"))
            emit(ToolCallDelta(self._id, text))
        arguments = None if cut_off and self.undecided else self.read(text)
        opaque = Opaque(provider="claude", kind="tool_use", data=self._extras) if self._extras else None
        emit(ToolCallEnd(self._id, self._name, arguments, text, opaque))


class _OtherBlock:
    """A block of the provider's own tools, or one not known yet: kept as it is and sent back in its place."""

    __slots__ = ("_data", "_index", "_json", "_texts")

    def __init__(self, index: int, raw: JsonObject, model: str, emit: Emit) -> None:
        self._index = index
        self._data = dict(raw)
        self._json: list[str] = []
        self._texts: dict[str, list[str]] = {}

    def delta(self, delta: JsonObject, emit: Emit) -> None:
        for key, value in delta.items():
            if key == "partial_json":
                self._json.append(_text(delta, key))
            elif key != "type":
                self._grow(key, value)

    def _grow(self, key: str, value: Any) -> None:
        """Text grows by text, in a list so that it takes linear time; anything else is replaced."""
        old = self._data.get(key)
        if not isinstance(value, str) or not isinstance(old, str):
            self._texts.pop(key, None)
            self._data[key] = value
        else:
            self._texts.setdefault(key, [old]).append(value)

    def end(self, emit: Emit, *, cut_off: bool = False) -> None:
        self._data.update((key, "".join(pieces)) for key, pieces in self._texts.items())
        if any(self._json):
            try:
                self._data["input"] = parse_json("".join(self._json))
            except ValueError:
                return  # cut off in the middle: half a block cannot go back
        opaque = Opaque(provider="claude", kind=str(self._data.get("type")), data=self._data)
        emit(ContentDelta(self._index, "", opaque=opaque))


Block: TypeAlias = _TextBlock | _ThinkingBlock | _RedactedBlock | CallBlock | _OtherBlock

_KINDS: Final[dict[str, Callable[[int, JsonObject, str, Emit], Block]]] = {
    "text": _TextBlock,
    "thinking": _ThinkingBlock,
    "redacted_thinking": _RedactedBlock,
    "tool_use": CallBlock,
}


def begin_block(index: int, raw: JsonObject, model: str, emit: Emit) -> Block:
    """Begin a block as the wire gives it; ``index`` is ours, ``model`` the one the answer was asked of."""
    return _KINDS.get(str(raw.get("type")), _OtherBlock)(index, raw, model, emit)


def citation_of(raw: JsonObject) -> CitationPart:
    """A citation of any of the API's five kinds. Its offsets lie in the source, not in the answer: see ``raw``.

    ``source`` is a page's or search result's own, else the id of the file, else the number of the document.
    """
    source = raw.get("source") or raw.get("file_id") or raw.get("document_index")
    url = raw.get("url") or (source if str(source).startswith(("http://", "https://")) else None)
    return CitationPart(
        url=_known(url),
        title=_known(raw.get("title") or raw.get("document_title")),
        quote=_known(raw.get("cited_text")),
        source=None if source is None else str(source),
        raw=raw,
    )


def _known(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _text(delta: JsonObject, key: str) -> str:
    """The text under a key, empty without any; raises ``TypeError`` for what is no text."""
    value = delta.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{key} is a {type(value).__name__}")
    return value

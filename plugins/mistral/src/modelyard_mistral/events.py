"""Decoding chat completions, streamed or whole.

The content is text, or a list of chunks; one stream may change from one to the other and back. Thinking comes as
chunks whose text is spread over many deltas; put together again they go back with the turn, unchanged. Some
models write it as text instead, between tags, and have it back so.
"""

from __future__ import annotations

from typing import Any

from modelyard.provider import (
    ChatDecoder,
    ContentDelta,
    Emit,
    FinishReason,
    JsonObject,
    Opaque,
    ProviderError,
    ReasoningDelta,
    ThinkTags,
    Usage,
)
from modelyard_mistral.chunks import citations_in, text_chunk
from modelyard_mistral.errors import error_in_answer
from modelyard_mistral.finish import finish_reason
from modelyard_mistral.usage import chat_usage

__all__ = ["MistralDecoder"]


class _Thinking:
    """A thinking chunk, growing: its fields as last sent, and its items with their text in pieces."""

    __slots__ = ("_fields", "_items")

    def __init__(self) -> None:
        self._fields: JsonObject = {}
        self._items: list[tuple[JsonObject, list[str]]] = []

    def add(self, chunk: JsonObject) -> str:
        """Take a fragment and return the text it adds."""
        added: list[str] = []
        for position, item in enumerate(_items(chunk.get("thinking"))):
            text = item.get("text") if item.get("type", "text") == "text" else None
            if not isinstance(text, str):
                self._items.append((item, []))
                continue
            added.append(text)
            # Only the first item of a fragment goes on where the last one stopped.
            if position == 0 and self._items and self._items[-1][1]:
                self._items[-1][1].append(text)
            else:
                self._items.append((item, [text]))
        self._fields.update((key, value) for key, value in chunk.items() if value is not None)
        return "".join(added)

    def whole(self) -> JsonObject:
        """The chunk to send back."""
        items = [{**item, "text": "".join(pieces)} if pieces else item for item, pieces in self._items]
        return {**self._fields, "thinking": items}


class MistralDecoder(ChatDecoder):
    """Decodes one answer of a model; ``think_tags`` says that its text may begin with tagged reasoning."""

    def __init__(self, model: str, *, think_tags: bool = False) -> None:
        super().__init__()
        self._asked = model
        self._thinking: dict[int, _Thinking] = {}
        self._tags = ThinkTags() if think_tags else None
        self._tagged: list[str] = []
        self._tagged_index = 0

    def finish(self, raw: str | None, *, called: bool, refused: bool) -> FinishReason:
        if raw == "error":
            raise _failed()
        return finish_reason(raw, called=called)

    def usage(self, raw: JsonObject) -> Usage:
        tier = raw.get("service_tier")
        self._service_tier = tier if isinstance(tier, str) else None
        return chat_usage(raw)

    def fail(self, error: Any) -> Exception:
        return error_in_answer(error)

    def on_json(self, event: JsonObject, emit: Emit) -> None:
        more = _only_text(event)
        if more is not None and self._open is not None and self._open[0] == "text":
            # Nearly every event of a stream is more text of the same part.
            emit(ContentDelta(self._open[1], more))
            return
        if "choices" not in event and _is_error(event):
            raise self.fail(event)
        super().on_json(event, emit)
        if self._raw_finish == "error":
            raise _failed()

    def on_body(self, body: JsonObject, emit: Emit) -> None:
        if "choices" not in body and _is_error(body):
            raise self.fail(body)
        super().on_body(body, emit)

    def content(self, content: Any, emit: Emit) -> None:
        if not isinstance(content, list):
            super().content(content, emit)
        for position, chunk in enumerate(content):
            if not isinstance(chunk, dict):
                continue
            kind = chunk.get("type")
            if kind == "text":
                text = chunk.get("text")
                if isinstance(text, str) and text:
                    self.text("text", text, emit)
            elif kind == "thinking":
                self._think(chunk, emit, new=position > 0)
            elif citations_in(chunk):
                self._cite(chunk, emit)
            else:
                self._keep(str(kind), chunk, emit)

    def text(self, kind: str, text: str, emit: Emit) -> None:
        if self._tags is None or kind != "text":
            super().text(kind, text, emit)
            return
        for said, piece in self._tags.feed(text):
            self._piece(said, piece, emit)
        if self._tags.over:
            self._end_tags(emit)

    def ending(self, emit: Emit) -> None:
        if self._tags is not None:
            for said, piece in self._tags.end():
                self._piece(said, piece, emit)
            self._end_tags(emit)
        for index, thinking in self._thinking.items():
            emit(ReasoningDelta(index, "", opaque=self._opaque("thinking", thinking.whole())))

    def _think(self, chunk: JsonObject, emit: Emit, *, new: bool) -> None:
        """Take thinking; first in its list, it continues the open chunk, later ones begin another."""
        index = self.part("reasoning text", new=new)
        thinking = self._thinking.get(index)
        if thinking is None:
            thinking = self._thinking[index] = _Thinking()
        emit(ReasoningDelta(index, thinking.add(chunk)))

    def _piece(self, said: str, text: str, emit: Emit) -> None:
        if said == "text":
            super().text("text", text, emit)
        else:
            self._tagged.append(text)
            self._tagged_index = self.part("tagged reasoning")
            emit(ReasoningDelta(self._tagged_index, text))

    def _end_tags(self, emit: Emit) -> None:
        """Tagged reasoning is over: say as what it goes back, the text that it was."""
        closed, self._tags = self._tags is not None and self._tags.over, None
        if self._tagged:
            whole = f"<think>{''.join(self._tagged)}{'</think>' if closed else ''}"
            opaque = self._opaque("think_tags", text_chunk(whole))
            emit(ReasoningDelta(self._tagged_index, "", opaque=opaque))

    def _cite(self, chunk: JsonObject, emit: Emit) -> None:
        """Attach a reference to the text before it; what follows is a text of its own."""
        index = self._open[1] if self._open is not None and self._open[0] in ("text", "citation") else None
        if index is None:
            index = self.part("citation", new=True)
        self._open = ("citation", index)
        emit(ContentDelta(index, "", citations=citations_in(chunk)))

    def _keep(self, kind: str, chunk: JsonObject, emit: Emit) -> None:
        """Keep a chunk of a kind not known here in its place."""
        emit(ContentDelta(self.part(kind, new=True), "", opaque=self._opaque(kind, chunk)))

    def _opaque(self, kind: str, data: JsonObject) -> Opaque:
        return Opaque(provider="mistral", model=self._asked, kind=kind, data=data)


def _only_text(event: JsonObject) -> str | None:
    """The text of an event that says nothing but text; ``None`` for any other."""
    choices = event.get("choices")
    if type(choices) is not list or len(choices) != 1 or "usage" in event or "error" in event:
        return None
    choice = choices[0]
    if type(choice) is not dict or choice.get("finish_reason") is not None or choice.get("index"):
        return None
    if choice.get("logprobs") is not None:
        return None
    delta = choice.get("delta")
    if type(delta) is not dict or len(delta) != 1:
        return None
    text = delta.get("content")
    return text if type(text) is str and text else None


def _items(thinking: Any) -> list[JsonObject]:
    if isinstance(thinking, str):
        return [{"type": "text", "text": thinking}]
    return [item for item in thinking if isinstance(item, dict)] if isinstance(thinking, list) else []


def _is_error(event: JsonObject) -> bool:
    """Whether an object without choices is an error; Mistral's stand at the root, under no key of their own."""
    return event.get("object") == "error" or "detail" in event or "message" in event


def _failed() -> ProviderError:
    return error_in_answer({"message": "The model broke off with an error of its own.", "type": "server_error"})

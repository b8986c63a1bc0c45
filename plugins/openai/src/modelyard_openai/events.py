"""Decoding the Responses API, streamed or whole.

An answer is a list of items: messages, function calls, reasoning, calls of built-in tools. A stream adds an
item, streams its content, then gives it again complete; the whole answer has only the complete items. So one
rule serves both: finish an item by emitting what has not been emitted of it yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeAlias

from modelyard.provider import (
    Completion,
    ContentDelta,
    Done,
    Emit,
    InvalidResponseError,
    JsonObject,
    Message,
    Opaque,
    ProviderError,
    ReasoningDelta,
    ReasoningKind,
    StreamDecoder,
    TokenLogprob,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    token_logprobs,
)
from modelyard_openai.citations import responses_citation
from modelyard_openai.errors import empty_answer, error_in_answer
from modelyard_openai.finish import responses_finish
from modelyard_openai.usage import responses_usage

__all__ = ["ResponsesDecoder"]

_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}


_Key: TypeAlias = tuple[Any, ...]


class _Part:
    """A part of ours: its index, and how many characters, citations and log probabilities have been emitted."""

    __slots__ = ("cited", "emitted", "index", "weighed")

    def __init__(self, index: int) -> None:
        self.index = index
        self.emitted = 0
        self.cited = 0
        self.weighed = 0


class _Call:
    __slots__ = ("id", "name", "pieces")

    def __init__(self, call_id: str, name: str) -> None:
        self.id = call_id
        self.name = name
        self.pieces: list[str] = []


class ResponsesDecoder(StreamDecoder):
    """Decodes one answer of a model."""

    def __init__(self, model: str) -> None:
        self._asked = model
        self._parts: dict[_Key, _Part] = {}
        self._calls: dict[Any, _Call] = {}
        self._finished_items: Counter[Any] = Counter()
        self._called = False
        self._refused = False
        self._handlers: dict[str, Callable[[JsonObject, Emit], None]] = {
            "response.refusal.delta": self._refusal_delta,
            "response.output_text.annotation.added": self._annotation,
            "response.reasoning_summary_text.delta": self._summary_delta,
            "response.reasoning_text.delta": self._reasoning_delta,
            "response.function_call_arguments.delta": self._arguments_delta,
            "response.custom_tool_call_input.delta": self._arguments_delta,
            "response.output_item.added": self._item_added,
            "response.output_item.done": self._item_done,
            "response.completed": self._end,
            "response.incomplete": self._end,
            "response.failed": self._end,
            "response.cancelled": self._end,
            "error": self._error,
        }

    def on_json(self, event: JsonObject, emit: Emit) -> None:
        if event.get("type") == "response.output_text.delta":  # nearly every event of a stream
            self._text_delta(event, emit)
            return
        handler = self._handlers.get(event.get("type", ""))
        if handler is not None:
            handler(event, emit)
        elif event.get("error"):
            raise error_in_answer(event["error"])

    def on_body(self, body: JsonObject, emit: Emit) -> None:
        if "output" not in body and "status" not in body:
            raise (
                error_in_answer(body["error"])
                if body.get("error")
                else InvalidResponseError("The answer holds neither output nor status.")
            )
        self._finish_response(body, emit)

    def _text_delta(self, event: JsonObject, emit: Emit) -> None:
        key = ("text", event.get("output_index"), event.get("content_index"))
        part = self._parts.get(key) or self._part(key)
        text = _delta(event)
        part.emitted += len(text)
        if event.get("logprobs"):
            emit(ContentDelta(part.index, text, logprobs=_weigh(part, event["logprobs"])))
        else:
            emit(ContentDelta(part.index, text))

    def _annotation(self, event: JsonObject, emit: Emit) -> None:
        part = self._part(("text", event.get("output_index"), event.get("content_index")))
        if isinstance(event.get("annotation"), dict):
            part.cited += 1
            emit(ContentDelta(part.index, "", citations=(responses_citation(event["annotation"]),)))

    def _refusal_delta(self, event: JsonObject, emit: Emit) -> None:
        self._refused = True
        part = self._part(("refusal", event.get("output_index"), event.get("content_index")))
        text = _delta(event)
        part.emitted += len(text)
        emit(ContentDelta(part.index, text, "refusal"))

    def _summary_delta(self, event: JsonObject, emit: Emit) -> None:
        part = self._part(("summary", event.get("output_index"), event.get("summary_index")))
        text = _delta(event)
        part.emitted += len(text)
        emit(ReasoningDelta(part.index, text, "summary"))

    def _reasoning_delta(self, event: JsonObject, emit: Emit) -> None:
        part = self._part(("text", event.get("output_index"), event.get("content_index"), "reasoning"))
        text = _delta(event)
        part.emitted += len(text)
        emit(ReasoningDelta(part.index, text, "text"))

    def _arguments_delta(self, event: JsonObject, emit: Emit) -> None:
        call = self._calls.get(event.get("output_index"))
        if call is not None and event.get("delta"):
            text = _delta(event)
            call.pieces.append(text)
            emit(ToolCallDelta(call.id, text))

    def _item_added(self, event: JsonObject, emit: Emit) -> None:
        item = event.get("item")
        if isinstance(item, dict) and item.get("type") in _CALLS:
            self._start_call(item, event.get("output_index"), emit)

    def _item_done(self, event: JsonObject, emit: Emit) -> None:
        item = event.get("item")
        if isinstance(item, dict):
            self._finish_item(item, event.get("output_index"), emit)

    def _end(self, event: JsonObject, emit: Emit) -> None:
        response = event.get("response")
        if not isinstance(response, dict):
            raise InvalidResponseError(f"The event {event['type']} holds no response.")
        self._finish_response(response, emit)

    def _error(self, event: JsonObject, emit: Emit) -> None:
        inner = event.get("error")
        raise error_in_answer(inner if isinstance(inner, dict) else event)

    def _finish_response(self, response: JsonObject, emit: Emit) -> None:
        status = response.get("status")
        if status == "failed" or response.get("error"):
            raise self._failure(response)
        output = response.get("output")
        streamed = self._finished_items.copy()
        for index, item in enumerate(output if isinstance(output, list) else ()):
            if not isinstance(item, dict):
                continue
            key = _item_key(item, index)
            if streamed[key]:
                streamed[key] -= 1  # a second item of the same id is another item
            else:
                self._finish_item(item, index, emit)
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        if status == "completed" and not self._parts and not self._called:
            raise empty_answer()
        usage, tier = response.get("usage"), response.get("service_tier")
        self.finished = True
        emit(
            Done(
                finish_reason=responses_finish(status, reason, called=self._called, refused=self._refused),
                raw_finish_reason=reason or status,
                usage=responses_usage(usage) if isinstance(usage, dict) else None,
                response_id=response.get("id"),
                model=response.get("model"),
                service_tier=tier if isinstance(tier, str) else None,
            )
        )

    def _finish_item(self, item: JsonObject, index: Any, emit: Emit) -> None:
        self._finished_items[_item_key(item, index)] += 1
        kind = item.get("type")
        if kind == "message":
            self._finish_message(item, index, emit)
        elif kind == "reasoning":
            self._finish_reasoning(item, index, emit)
        elif kind in _CALLS:
            self._finish_call(item, index, emit)
        else:
            emit(ContentDelta(self._part(("item", index)).index, "", opaque=self._opaque(str(kind), item)))

    def _finish_message(self, item: JsonObject, index: Any, emit: Emit) -> None:
        kept = {key: item[key] for key in ("id", "phase", "status") if item.get(key) is not None}
        opaque = self._opaque("message", kept) if kept else None
        for number, content in enumerate(_objects(item.get("content"))):
            if content.get("type") == "refusal":
                self._refused = True
                part = self._part(("refusal", index, number))
                emit(ContentDelta(part.index, _rest(part, content.get("refusal")), "refusal"))
            else:
                emit(_rest_of_text(self._part(("text", index, number)), content, opaque))

    def _finish_reasoning(self, item: JsonObject, index: Any, emit: Emit) -> None:
        """Emit what is missing of a reasoning item; it goes back whole, in the place of its last part."""
        parts: list[tuple[_Part, ReasoningKind, Any]] = []
        for number, summary in enumerate(_objects(item.get("summary"))):
            parts.append((self._part(("summary", index, number)), "summary", summary.get("text")))
        for number, content in enumerate(_objects(item.get("content"))):
            parts.append((self._part(("text", index, number, "reasoning")), "text", content.get("text")))
        if not parts:
            parts.append((self._part(("hidden", index)), "hidden", ""))
        opaque = self._opaque("reasoning", item)
        for part, kind, text in parts:
            last = part is parts[-1][0]
            emit(ReasoningDelta(part.index, _rest(part, text), kind, opaque if last else None))

    def _failure(self, response: JsonObject) -> ProviderError:
        """The error of a failed response, with the usage it is billed for."""
        error = error_in_answer(response.get("error") or {"message": "The response failed."})
        if isinstance(response.get("usage"), dict):
            error.partial = Completion(
                message=Message.model_construct(role="assistant", content=(), name=None),
                finish_reason="error",
                usage=responses_usage(response["usage"]),
                provider="openai",
                model=self._asked,
            )
        return error

    def _start_call(self, item: JsonObject, index: Any, emit: Emit) -> None:
        wanted, name = str(item.get("call_id") or item.get("id") or ""), str(item.get("name") or "")
        call_id = self.new_call_id(wanted) if wanted else ""
        self._called = True
        self._calls[index] = _Call(call_id, name)
        emit(ToolCallStart(call_id, name))

    def _finish_call(self, item: JsonObject, index: Any, emit: Emit) -> None:
        if index not in self._calls:
            self._start_call(item, index, emit)
        call = self._calls.pop(index)
        text = "".join(call.pieces)
        if not text:
            found = item.get(_CALLS[item["type"]])
            text = found if isinstance(found, str) else ""
            if text:
                emit(ToolCallDelta(call.id, text))
        custom = item["type"] == "custom_tool_call"
        whole = not custom and item.get("status") != "incomplete"
        arguments = self.arguments(text) if whole else None
        opaque = self._opaque(item["type"], item) if custom else None
        emit(ToolCallEnd(call.id, call.name, arguments, text, opaque))

    def _part(self, key: _Key) -> _Part:
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = _Part(len(self._parts))
        return part

    def _opaque(self, kind: str, data: JsonObject) -> Opaque:
        return Opaque(provider="openai", model=self._asked, kind=kind, data=data)


def _item_key(item: JsonObject, index: Any) -> Any:
    """What an item is known by in the stream and in the whole answer."""
    return item.get("id", index)


def _delta(event: JsonObject) -> str:
    """The text of a delta; what else stands there is an event of an unexpected shape."""
    text = event["delta"]
    if not isinstance(text, str):
        raise TypeError(f"delta is a {type(text).__name__}")
    return text


def _rest(part: _Part, whole: Any) -> str:
    """What of a part's whole text the deltas have not brought."""
    text = whole if isinstance(whole, str) else ""
    rest = text[part.emitted :]
    part.emitted = max(part.emitted, len(text))
    return rest


def _rest_of_text(part: _Part, content: JsonObject, opaque: Opaque | None) -> ContentDelta:
    """What of a whole text part has not been emitted, citations and log probabilities included."""
    logprobs = content.get("logprobs")
    weights = _weigh(part, logprobs[part.weighed :]) if isinstance(logprobs, list) else ()
    found = _objects(content.get("annotations"))[part.cited :]
    part.cited += len(found)
    cited = tuple(responses_citation(annotation) for annotation in found)
    return ContentDelta(part.index, _rest(part, content.get("text")), "text", opaque, cited, weights)


def _weigh(part: _Part, entries: Any) -> tuple[TokenLogprob, ...]:
    weights = token_logprobs({"content": entries})
    part.weighed += len(weights)
    return weights


def _objects(value: Any) -> list[JsonObject]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []

"""Decoding the Chat Completions format: OpenAI's, Mistral's and that of many compatible servers.

``data:`` events hold one choice's delta each; ``[DONE]`` ends the stream. A whole answer has the same choice
with a ``message`` in the place of the ``delta``.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from modelyard.errors import InvalidResponseError
from modelyard.streaming.decode import Emit, StreamDecoder
from modelyard.streaming.tool_calls import ToolCallTracker
from modelyard.types.base import JsonObject
from modelyard.types.content import ReasoningKind
from modelyard.types.events import ContentDelta, Done, ReasoningDelta
from modelyard.types.finish import FinishReason
from modelyard.types.logprobs import TokenLogprob
from modelyard.types.usage import Usage
from modelyard.wire.logprobs import token_logprobs

__all__ = ["ChatDecoder"]

_DONE = b"[DONE]"


class ChatDecoder(StreamDecoder):
    """Decodes one answer. Only the first choice is read.

    A subclass says what finish reasons, usage and errors mean for its provider, and may read more of a
    delta in ``content`` and ``extras``.
    """

    def __init__(self) -> None:
        self._calls = ToolCallTracker(self.new_call_id, self.arguments)
        self._next_index = 0
        self._whole = False
        self._open: tuple[str, int] | None = None
        self._called = False
        self._refused = False
        self._raw_finish: str | None = None
        self._usage: Usage | None = None
        self._response_id: str | None = None
        self._model: str | None = None
        self._service_tier: str | None = None
        self._logprobs: list[TokenLogprob] = []

    @abstractmethod
    def finish(self, raw: str | None, *, called: bool, refused: bool) -> FinishReason:
        """The finish reason for the provider's word; ``called`` and ``refused`` say what the answer held."""

    @abstractmethod
    def usage(self, raw: JsonObject) -> Usage:
        """The usage a usage object says."""

    @abstractmethod
    def fail(self, error: Any) -> Exception:
        """The error to raise for an error object inside an answer."""

    def content(self, content: Any, emit: Emit) -> None:
        """Take the ``content`` of a delta or message that is not plain text."""
        raise InvalidResponseError(f"The content of the answer is a JSON {type(content).__name__}.")

    def extras(self, delta: JsonObject, emit: Emit) -> None:
        """Take what a delta or message holds beside the common fields; called before the content."""

    def ending(self, emit: Emit) -> None:
        """The answer is complete: emit what was held back until now, such as opaque data of a whole part."""

    def feed(self, data: bytes, emit: Emit) -> None:
        if data == _DONE:
            self._done(emit)
        else:
            super().feed(data, emit)

    def on_json(self, event: JsonObject, emit: Emit) -> None:
        choices = event.get("choices")
        if event.get("error"):
            raise self.fail(event["error"])
        self._head(event)
        for choice in choices if isinstance(choices, list) else ():
            self._choice(choice, "delta", emit)

    def on_body(self, body: JsonObject, emit: Emit) -> None:
        if body.get("error"):
            raise self.fail(body["error"])
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices:
            raise InvalidResponseError("The answer holds no choices.")
        self._whole = True
        self._head(body)
        self._choice(choices[0], "message", emit)
        self._done(emit)

    def text(self, kind: str, text: str, emit: Emit) -> None:
        """Emit text of a kind (``text`` or ``refusal``), beginning a new part when the kind changes."""
        logprobs: tuple[TokenLogprob, ...] = ()
        if self._logprobs:
            logprobs, self._logprobs = tuple(self._logprobs), []
        if kind == "refusal":
            self._refused = True
            emit(ContentDelta(self.part(kind), text, "refusal", logprobs=logprobs))
        else:
            emit(ContentDelta(self.part(kind), text, logprobs=logprobs))

    def reasoning(self, text: str, emit: Emit, kind: ReasoningKind = "text") -> None:
        """Emit reasoning."""
        emit(ReasoningDelta(self.part(f"reasoning {kind}"), text, kind))

    def part(self, kind: str, *, new: bool = False) -> int:
        """The index of the open part of a kind; a new one when another kind was open, or when asked to."""
        if self._open is None or self._open[0] != kind or new:
            self._open = (kind, self._next_index)
            self._next_index += 1
        return self._open[1]

    def _head(self, event: JsonObject) -> None:
        if self._response_id is None and isinstance(event.get("id"), str):
            self._response_id = self._calls.seed = event["id"]
        if self._model is None and event.get("model"):
            self._model = str(event["model"])
        if isinstance(event.get("service_tier"), str):
            self._service_tier = event["service_tier"]
        usage = event.get("usage")
        if isinstance(usage, dict):
            self._usage = self.usage(usage)

    def _choice(self, choice: Any, key: str, emit: Emit) -> None:
        if not isinstance(choice, dict) or choice.get("index") not in (0, None):
            return
        if choice.get("logprobs") is not None:
            self._logprobs += token_logprobs(choice["logprobs"])
        delta = choice.get(key)
        if isinstance(delta, dict):
            self._delta(delta, emit)
        if choice.get("finish_reason") is not None:
            self._raw_finish = str(choice["finish_reason"])

    def _delta(self, delta: JsonObject, emit: Emit) -> None:
        self.extras(delta, emit)
        content = delta.get("content")
        if isinstance(content, str):
            if content:
                self.text("text", content, emit)
        elif content is not None:
            self.content(content, emit)
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            self.text("refusal", refusal, emit)
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            self._listed(calls, emit)
        if isinstance(delta.get("function_call"), dict):  # the form before tools, still sent by some servers
            self._call({"function": delta["function_call"]}, emit, set())

    def _listed(self, calls: list[Any], emit: Emit) -> None:
        """Take the calls of a message, or fragments of a delta: two that are named in one list are two calls."""
        named: set[tuple[int | None, str | None]] = set()
        for call in calls:
            if isinstance(call, dict):
                self._call(call, emit, named)

    def _call(self, call: JsonObject, emit: Emit, named: set[tuple[int | None, str | None]]) -> None:
        function = call.get("function")
        if not isinstance(function, dict):
            custom = call.get("custom")
            function = (
                {"name": custom.get("name"), "arguments": custom.get("input")} if isinstance(custom, dict) else {}
            )
        index, wire_id, name = call.get("index"), call.get("id"), function.get("name")
        index = index if type(index) is int else None
        wire_id = wire_id if isinstance(wire_id, str) and wire_id not in ("", "null") else None
        name = name if isinstance(name, str) and name else None
        begins = self._whole or (name is not None and (index, wire_id) in named)
        if name is not None:
            named.add((index, wire_id))
        self._called = True
        self._open = None
        self._calls.fragment(
            emit, index=index, wire_id=wire_id, name=name, arguments=function.get("arguments"), begins=begins
        )

    def _done(self, emit: Emit) -> None:
        reason = self.finish(self._raw_finish, called=self._called, refused=self._refused)
        if self._logprobs:  # of tokens without text, such as the one that ends an answer
            self.text("text", "", emit)
        self.ending(emit)
        self._calls.end_all(emit, cut_off=reason == "length")
        self.finished = True
        emit(
            Done(
                finish_reason=reason,
                raw_finish_reason=self._raw_finish,
                usage=self._usage,
                response_id=self._response_id,
                model=self._model,
                service_tier=self._service_tier,
            )
        )

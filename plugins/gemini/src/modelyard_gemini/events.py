"""Decoding ``generateContent`` and ``streamGenerateContent``.

Each event of a stream is a whole response with the parts that are new, so one rule serves both. A part that
carries a thought signature is never joined with another: it must go back to Google as it came.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from modelyard.provider import (
    CitationPart,
    Completion,
    ContentDelta,
    ContentFilterError,
    Done,
    Emit,
    InvalidResponseError,
    JsonObject,
    Message,
    Opaque,
    ReasoningDelta,
    StreamDecoder,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    depth_over,
    encode_json,
    make_call_id,
    mend_json,
)
from modelyard_gemini.citations import Said, find_citations, find_logprobs
from modelyard_gemini.errors import error_in_answer
from modelyard_gemini.finish import gemini_finish
from modelyard_gemini.partial_args import PartialArguments
from modelyard_gemini.usage import add_usage, gemini_usage, service_tier

__all__ = ["GeminiDecoder", "Segments"]

_MEDIA = frozenset({"inlineData", "fileData"})
_PLAIN = frozenset({"content", "index", "finishReason"})
_CITED = ("groundingChunks", "groundingSupports")
_KEPT = ("safetyRatings", "finishMessage", "urlContextMetadata", "avgLogprobs")


class Segments:
    """Following of a long answer: Google ends its parts with ``CONTINUATION`` and a token for the next.

    ``left`` is how many more parts may be asked for, ``tokens`` how much output the caller wants in all.
    """

    __slots__ = ("left", "tokens")

    def __init__(self, left: int = 0, tokens: int | None = None) -> None:
        self.left = left
        self.tokens = tokens

    def more(self, used: int | None) -> bool:
        """Return whether the next part may be asked for."""
        return self.left > 0 and (self.tokens is None or used is None or used < self.tokens)


class _OpenCall:
    """A call whose arguments arrive in pieces."""

    def __init__(self, call_id: str, name: str, depth: int) -> None:
        self.id = call_id
        self.name = name
        self.arguments = PartialArguments(depth)
        self.kept: JsonObject = {}


class GeminiDecoder(StreamDecoder):
    """Decodes one answer of a model. Only the first candidate is read.

    The stream has no terminator: it is complete when it ends after a finish reason. An answer in several
    segments is one: ``next_segment`` gives the token to ask for the rest with.
    """

    def __init__(self, model: str, segments: Segments | None = None) -> None:
        self.model = model
        self._segments = segments or Segments()
        self._next_index = 0
        self._open_text: str | None = None
        self._open_call: _OpenCall | None = None
        self._calls = 0
        self._raw_finish: str | None = None
        self._usage: JsonObject | None = None
        self._used_before: JsonObject | None = None
        self._token: str | None = None
        self._said: Said = []
        self._pieces: list[str] = []
        self._annotated: list[JsonObject] = []
        self._kept: JsonObject = {}
        self._response_id: str | None = None
        self._response_model: str | None = None

    def on_json(self, event: JsonObject, emit: Emit) -> None:
        if event.get("error"):
            raise error_in_answer(event["error"])
        self._head(event)
        candidates = event.get("candidates")
        if candidates:
            for candidate in candidates:
                if candidate.get("index") in (0, None):
                    self._candidate(candidate, emit)
                    break
        else:
            self._check_prompt(event)

    def on_body(self, body: JsonObject, emit: Emit) -> None:
        self.on_json(body, emit)
        if not body.get("candidates"):
            raise InvalidResponseError("The answer holds no candidates.")
        self._end_segment(emit)

    def on_end(self, emit: Emit) -> None:
        if self._raw_finish is not None and not self.finished:
            self._end_segment(emit)

    def next_segment(self) -> str | None:
        """The token that continues the answer, ``None`` when it is whole; makes ready for what follows."""
        token, self._token = self._token, None
        if token is None:
            return None
        self.finished = False
        self._segments.left -= 1
        self._raw_finish = None
        self._used_before, self._usage = self._total_usage(), None
        return token

    def _end_segment(self, emit: Emit) -> None:
        if self._raw_finish == "CONTINUATION":
            used = gemini_usage(self._total_usage() or {}).output_tokens
            if self._token is not None and self._segments.more(used):
                self.finished = True
                return
        self._token = None
        self._finish(emit)

    def _total_usage(self) -> JsonObject | None:
        """The usage of all segments: each is a request of its own that Google counts, and bills, alone."""
        if self._used_before is None or self._usage is None:
            return self._usage or self._used_before
        return add_usage(self._used_before, self._usage)

    def _head(self, event: JsonObject) -> None:
        self._response_id = self._response_id or _name(event.get("responseId"))
        self._response_model = self._response_model or _name(event.get("modelVersion"))
        usage = event.get("usageMetadata")
        if isinstance(usage, dict):
            self._usage = usage  # cumulative: the last one counts
        if "modelStatus" in event:
            self._kept["modelStatus"] = event["modelStatus"]

    def _check_prompt(self, event: JsonObject) -> None:
        """Raise for a prompt Google refused: status 200, a reason, and no candidates."""
        feedback = event.get("promptFeedback") or {}
        reason = feedback.get("blockReason")
        if not reason:
            return
        message = feedback.get("blockReasonMessage") or f"Google refused the prompt: {reason}."
        rated = _rated(feedback.get("safetyRatings"))
        message = f"{message} ({rated})" if rated else message
        error = ContentFilterError(message, status=400, code=str(reason))
        if self._usage is not None and not self._next_index:  # else the core keeps what was said
            error.partial = Completion(
                message=Message.model_construct(role="assistant", content=(), name=None),
                finish_reason="content_filter",
                raw_finish_reason=str(reason),
                usage=gemini_usage(self._usage),
                provider="gemini",
                model=self.model,
                response_model=self._response_model,
                response_id=self._response_id,
            )
        raise error

    def _candidate(self, candidate: JsonObject, emit: Emit) -> None:
        content = candidate.get("content") or {}
        for part in content.get("parts") or ():
            self._part(part, emit)
        if candidate.get("finishReason"):
            self._raw_finish = str(candidate["finishReason"])
        if not candidate.keys() <= _PLAIN:
            self._beside_content(candidate, emit)

    def _beside_content(self, candidate: JsonObject, emit: Emit) -> None:
        self._token = _name(candidate.get("continuationToken")) or self._token
        if candidate.get("groundingMetadata") or candidate.get("citationMetadata"):
            self._annotated.append(candidate)
        logprobs = candidate.get("logprobsResult")
        if logprobs:
            emit(ContentDelta(self._index("text"), "", logprobs=find_logprobs(logprobs)))
        self._kept.update({name: candidate[name] for name in _KEPT if candidate.get(name)})

    def _part(self, part: JsonObject, emit: Emit) -> None:
        if "functionCall" in part:
            self._call(part, emit)
        elif part.get("thought") is True:
            self._thought(part, emit)
        elif isinstance(part.get("text"), str):
            self._text(part, emit)
        elif part:
            # Code that Google ran, media it made, calls of its built-in tools, whatever comes next.
            emit(ContentDelta(self._fresh(), "", opaque=self._opaque("part", part)))

    def _text(self, part: JsonObject, emit: Emit) -> None:
        text = part["text"]
        if len(part) > 1 and part.keys() - {"text", "thought"}:
            index = self._fresh()
            self._said.append((index, [text]))
            emit(ContentDelta(index, text, opaque=self._opaque("text", _beside_text(part))))
        elif text:
            emit(ContentDelta(self._index("text"), text))
            self._pieces.append(text)

    def _thought(self, part: JsonObject, emit: Emit) -> None:
        text = part.get("text", "")
        if not isinstance(text, str):
            raise InvalidResponseError("The text of a thought is no text.")
        if part.keys() - {"text", "thought"}:
            opaque = self._opaque("thought", _beside_text(part))
            emit(ReasoningDelta(self._fresh(), text, "summary" if text else "hidden", opaque))
        elif text:
            emit(ReasoningDelta(self._index("thought"), text, "summary"))

    def _call(self, part: JsonObject, emit: Emit) -> None:
        call = part["functionCall"]
        name = _name(call.get("name"))
        kept = {key: value for key, value in part.items() if key != "functionCall"}
        if name is not None:
            self._end_call(emit)
            self._start_call(call, name, kept, emit)
        elif self._open_call is not None:  # an empty part ends a call in pieces; without one open it says nothing
            self._continue_call(call, kept, emit)

    def _start_call(self, call: JsonObject, name: str, kept: JsonObject, emit: Emit) -> None:
        arguments = call.get("args") or {}
        self._open_text = None
        call_id, kept = self._identify(call, kept)
        if call.get("willContinue"):
            self._open_call = _OpenCall(call_id, name, self.bounds.argument_depth)
            emit(ToolCallStart(call_id, name))
            self._continue_call(call, kept, emit)
        else:
            self._whole_call(call_id, name, arguments, kept, emit)

    def _whole_call(self, call_id: str, name: str, arguments: Any, kept: JsonObject, emit: Emit) -> None:
        text = json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
        # `1e999` has become infinite, which is no number of JSON.
        odd = (
            not isinstance(arguments, dict)
            or "Infinity" in text
            or depth_over(arguments, self.bounds.argument_depth, text)
        )
        emit(ToolCallStart(call_id, name))
        emit(ToolCallDelta(call_id, text))
        opaque = self._opaque("function_call", kept) if kept else None
        emit(ToolCallEnd(call_id, name, self.arguments(text) if odd else arguments, text, opaque))

    def _continue_call(self, call: JsonObject, kept: JsonObject, emit: Emit) -> None:
        assert self._open_call is not None
        self._open_call.kept.update(kept)
        for piece in call.get("partialArgs") or ():
            self._open_call.arguments.take(piece)
        if not call.get("willContinue"):
            self._end_call(emit)

    def _end_call(self, emit: Emit, *, cut_off: bool = False) -> None:
        call, self._open_call = self._open_call, None
        if call is None:
            return
        value = mend_json(call.arguments.value)
        text = encode_json(value).decode()
        if call.arguments.deep:
            self.note("answer.tool_calls", "dropped", "arguments are nested too deeply")
        if cut_off or call.arguments.deep:
            text, value = text[:-1], None  # no whole object, so that nobody takes half a call for one
        emit(ToolCallDelta(call.id, text))
        opaque = self._opaque("function_call", call.kept) if call.kept else None
        emit(ToolCallEnd(call.id, call.name, value, text, opaque))

    def _identify(self, call: JsonObject, kept: JsonObject) -> tuple[str, JsonObject]:
        """The id of a call, and what must go back with it: Google's own id only if it sent one."""
        wire_id = _name(call.get("id"))
        if wire_id:
            kept = {**kept, "id": wire_id}
        call_id = wire_id or make_call_id(self._response_id or uuid.uuid4().hex, self._calls)
        self._calls += 1
        return self.new_call_id(call_id), kept

    def _finish(self, emit: Emit) -> None:
        reason = gemini_finish(self._raw_finish, called=bool(self._calls))
        self._end_call(emit, cut_off=reason != "tool_calls")
        self._annotate(emit)
        self.finished = True
        usage = self._total_usage()
        emit(
            Done(
                finish_reason=reason,
                raw_finish_reason=self._raw_finish,
                usage=gemini_usage(usage) if usage is not None else None,
                response_id=self._response_id,
                model=self._response_model,
                service_tier=service_tier(usage),
            )
        )

    def _annotate(self, emit: Emit) -> None:
        """What is said of the whole answer: citations in their parts, the rest in a part that is not replayed."""
        if self._annotated:
            cited: dict[int, list[CitationPart]] = {}
            for index, citation in find_citations(self._annotated, self._said):
                cited.setdefault(index if self._said else self._index("text"), []).append(citation)
            for index, citations in cited.items():
                emit(ContentDelta(index, "", citations=tuple(citations)))
            grounding = self._annotated[-1].get("groundingMetadata")
            grounding = grounding if isinstance(grounding, dict) else {}
            found = {key: value for key, value in grounding.items() if key not in _CITED}
            self._kept.update({"groundingMetadata": found} if found else {})
        if self._kept:
            opaque = Opaque(provider="gemini", kind="metadata", data=self._kept)
            emit(ContentDelta(self._fresh(), "", opaque=opaque))

    def _index(self, kind: str) -> int:
        """The index of the open part of a kind; a new one when something else came between."""
        if self._open_text != kind:
            index = self._fresh()
            self._open_text = kind
            if kind == "text":
                self._pieces = []
                self._said.append((index, self._pieces))
        return self._next_index - 1

    def _fresh(self) -> int:
        """The index of a part that stands alone."""
        self._open_text = None
        self._next_index += 1
        return self._next_index - 1

    def _opaque(self, kind: str, data: JsonObject) -> Opaque:
        # Google refuses a signature made by another model; media it made goes to any of its models.
        model = None if data.keys() <= _MEDIA else self.model
        return Opaque(provider="gemini", model=model, kind=kind, data=data)


def _name(value: Any) -> str | None:
    """Text that says something; ``None`` for anything else."""
    return value if isinstance(value, str) and value else None


def _rated(ratings: Any) -> str:
    """The categories of harm that blocked, in words."""
    blocked = [entry.get("category") for entry in ratings or () if entry.get("blocked")]
    return f"blocked for {', '.join(map(str, blocked))}" if blocked else ""


def _beside_text(part: JsonObject) -> dict[str, Any]:
    """A part without its text, which the event carries; with it when it is empty, so that it goes back too."""
    return {key: value for key, value in part.items() if key != "text" or not value}

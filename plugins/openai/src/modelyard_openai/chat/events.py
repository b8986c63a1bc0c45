"""Decoding Chat Completions of OpenAI and of compatible servers."""

from __future__ import annotations

from typing import Any

from modelyard.provider import ChatDecoder, ContentDelta, Emit, FinishReason, JsonObject, Usage
from modelyard_openai.citations import chat_citation
from modelyard_openai.errors import empty_answer, error_in_answer
from modelyard_openai.finish import chat_finish
from modelyard_openai.usage import chat_usage

__all__ = ["OpenAIChatDecoder"]


class OpenAIChatDecoder(ChatDecoder):
    """Decodes one answer. Reasoning text is not OpenAI's but common among compatible servers."""

    def __init__(self) -> None:
        super().__init__()
        self._spoke = False

    def finish(self, raw: str | None, *, called: bool, refused: bool) -> FinishReason:
        return chat_finish(raw, called=called, refused=refused)

    def usage(self, raw: JsonObject) -> Usage:
        return chat_usage(raw)

    def fail(self, error: Any) -> Exception:
        return error_in_answer(error)

    def extras(self, delta: JsonObject, emit: Emit) -> None:
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(reasoning, str):
            self.reasoning(reasoning, emit)
        if delta.get("annotations"):
            self._cite(delta["annotations"], emit)
        if delta.get("audio"):
            self._spoke = True

    def ending(self, emit: Emit) -> None:
        if self._raw_finish == "stop" and not (self._next_index or self._called or self._spoke):
            raise empty_answer()

    def _cite(self, annotations: Any, emit: Emit) -> None:
        found = [chat_citation(entry) for entry in annotations if isinstance(entry, dict)]
        cited = tuple(citation for citation in found if citation is not None)
        if cited:
            emit(ContentDelta(self.part("text"), "", citations=cited))

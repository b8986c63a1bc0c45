"""Decoding the Messages API, streamed or whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelyard.provider import (
    ContentDelta,
    Done,
    Emit,
    InvalidResponseError,
    JsonObject,
    Opaque,
    StreamDecoder,
    make_call_id,
)
from modelyard_claude.blocks import Block, CallBlock, begin_block
from modelyard_claude.errors import error_in_answer
from modelyard_claude.finish import finish_reason
from modelyard_claude.usage import claude_usage, merge_usage

__all__ = ["ClaudeDecoder"]

_FIELDS = (("id", str), ("model", str), ("stop_reason", str), ("stop_details", dict))
"""What is kept of a message, and the only form in which it means anything."""


class ClaudeDecoder(StreamDecoder):
    """Decodes one answer.

    A stream has a beginning, blocks one after another, a ``message_delta`` with the stop reason, and
    ``message_stop``; pings and types not known here may stand anywhere.
    """

    def __init__(self, model: str) -> None:
        self._asked = model
        self._open: dict[Any, Block] = {}
        self._held: CallBlock | None = None
        self._begun = 0
        self._called = False
        self._message: JsonObject = {}
        self._usage: JsonObject = {}
        self._handlers: dict[Any, Callable[[JsonObject, Emit], None]] = {
            "message_start": self._message_start,
            "content_block_start": self._block_start,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
            "error": self._error,
        }

    def on_json(self, event: JsonObject, emit: Emit) -> None:
        kind = event.get("type")
        if kind == "content_block_delta":
            block = self._open.get(event["index"])
            if block is not None:
                block.delta(event["delta"], emit)
            return
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(event, emit)
        elif event.get("error"):
            raise error_in_answer(event)

    def on_body(self, body: JsonObject, emit: Emit) -> None:
        if body.get("type") == "error" or body.get("error"):
            raise error_in_answer(body)
        content = body.get("content")
        if not isinstance(content, list):
            raise InvalidResponseError("The answer holds no list of content blocks.")
        self._note(body, body)
        for raw in content:
            self._end_block(self._begin_block(raw, emit), emit)
        self._message_stop(body, emit)

    def _message_start(self, event: JsonObject, emit: Emit) -> None:
        self._note(event["message"], event["message"])

    def _block_start(self, event: JsonObject, emit: Emit) -> None:
        self._block_stop(event, emit)  # one that was left open at the same place is over
        self._open[event["index"]] = self._begin_block(event["content_block"], emit)

    def _block_stop(self, event: JsonObject, emit: Emit) -> None:
        block = self._open.pop(event.get("index"), None)
        if block is not None:
            self._end_block(block, emit)

    def _message_delta(self, event: JsonObject, emit: Emit) -> None:
        self._note(event.get("delta") or {}, event)

    def _message_stop(self, event: JsonObject, emit: Emit) -> None:
        raw = self._message.get("stop_reason")
        reason = finish_reason(raw, called=self._called)
        cut_off = reason == "length"
        self._settle(emit, cut_off=cut_off)
        for block in self._open.values():
            block.end(emit, cut_off=cut_off)
        self._explain_refusal(emit)
        self.finished = True
        tier = self._usage.get("service_tier")
        emit(
            Done(
                finish_reason=reason,
                raw_finish_reason=raw,
                usage=claude_usage(self._usage) if self._usage else None,
                response_id=self._message.get("id"),
                model=self._message.get("model"),
                service_tier=tier if isinstance(tier, str) else None,
            )
        )

    def _error(self, event: JsonObject, emit: Emit) -> None:
        raise error_in_answer(event)

    def _note(self, fields: JsonObject, holder: JsonObject) -> None:
        """Keep what is known of the message so far; later events leave out or null what they do not change."""
        for key, kind in _FIELDS:
            if isinstance(fields.get(key), kind):
                self._message[key] = fields[key]
        usage = holder.get("usage")
        if isinstance(usage, dict):
            merge_usage(self._usage, usage)

    def _begin_block(self, raw: JsonObject, emit: Emit) -> Block:
        self._settle(emit)
        if raw.get("type") == "tool_use":
            raw = {**raw, "id": self.new_call_id(self._id_of(raw))}
        block = begin_block(self._begun, raw, self._asked, emit)
        if isinstance(block, CallBlock):
            block.read = self.arguments
        self._begun += 1
        self._called = self._called or isinstance(block, CallBlock)
        return block

    def _id_of(self, call: JsonObject) -> str:
        """The id of a call; one is made where a server behind a gateway leaves it empty."""
        call_id = call["id"]
        return str(call_id) if call_id else make_call_id(self._message.get("id"), self._begun)

    def _end_block(self, block: Block, emit: Emit) -> None:
        """End a block, but hold back a call without arguments until it is known whether it was cut off."""
        if isinstance(block, CallBlock) and block.undecided:
            self._held = block
        else:
            block.end(emit)

    def _settle(self, emit: Emit, *, cut_off: bool = False) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.end(emit, cut_off=cut_off)

    def _explain_refusal(self, emit: Emit) -> None:
        """Say what the API says of a refusal: its explanation as the refusal, its category beside it."""
        details = self._message.get("stop_details")
        if details is None or self._message.get("stop_reason") != "refusal":
            return
        explanation = details.get("explanation")
        if explanation and isinstance(explanation, str):
            emit(ContentDelta(self._begun, explanation, "refusal"))
        opaque = Opaque(provider="claude", kind="stop_details", data=details)
        emit(ContentDelta(self._begun + 1, "", opaque=opaque))

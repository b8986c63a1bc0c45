"""Answers of the Messages API to a script; for the emulator and for tests.

What it refuses is in ``dialect_checks``. Rules follow Anthropic's API reference, the SDK's types, and the
requests and errors in public recordings and issue threads, read November 2026.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from modelyard.provider import JsonObject
from modelyard.testing import Call, Dialect, Failure, Received, Reply, Script, Text, Think, sse
from modelyard_claude.counting import COUNT_PATH
from modelyard_claude.testing.checks import MODELS_PATH, check_headers, check_list, check_request, sign
from modelyard_claude.testing.models import MODELS
from modelyard_claude.testing.types import SdkTypes

__all__ = ["DIALECT", "ClaudeDialect"]

_ERRORS: dict[str, tuple[int, str, str | None]] = {
    "authentication": (401, "authentication_error", None),
    "permission": (403, "permission_error", None),
    "quota": (429, "rate_limit_error", "enforced_spend_limit_reached"),
    "rate_limit": (429, "rate_limit_error", None),
    "overloaded": (529, "overloaded_error", None),
    "server": (500, "api_error", None),
    "invalid_request": (400, "invalid_request_error", None),
    "context_window": (400, "invalid_request_error", None),
    "model_not_found": (404, "not_found_error", None),
}
_STOP_REASONS = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "content_filter": "refusal",
    "unknown": "pause_turn",
}


class ClaudeDialect(Dialect):
    """Serves ``/v1/messages``, and beside it the count of tokens and the list of models.

    A count is the input of the script's usage. Every request is held to the SDK's own types too.
    """

    provider = "claude"
    model = "claude-sonnet-5-5"

    def __init__(self) -> None:
        self._types = SdkTypes()

    def check(self, received: Received) -> None:
        check_headers(received)
        if received.path == MODELS_PATH:
            check_list(received)
        else:
            check_request(received, self._types)

    def wants_stream(self, received: Received) -> bool:
        return received.path == "/v1/messages" and bool(received.json.get("stream"))

    def reply(self, script: Script, received: Received) -> Reply:
        if script.failure is None and received.path == COUNT_PATH:
            return Reply.json({"input_tokens": script.usage.input}, headers=self.headers())
        if script.failure is None and received.path == MODELS_PATH:
            return Reply.json(_page(received), headers=self.headers())
        return super().reply(script, received)

    def headers(self) -> dict[str, str]:
        return {"request-id": "req_emulated"}

    def body(self, script: Script, received: Received) -> JsonObject:
        message = _message(received)
        message["content"] = _blocks(script, received.json)
        message.update(_ending(script))
        message["usage"] = {**_input_usage(script), **_output_usage(script)}
        return message

    def events(self, script: Script, received: Received) -> list[bytes]:
        start = {**_message(received), "stop_reason": None, "stop_sequence": None, "stop_details": None}
        start["usage"] = {**_input_usage(script), "output_tokens": 1}
        events: list[JsonObject] = [{"type": "message_start", "message": start}, {"type": "ping"}]
        for index, (block, step) in enumerate(zip(_blocks(script, received.json), script.steps, strict=True)):
            events += _block_events(index, block, step)
        usage = {**_input_usage(script), **_output_usage(script)}
        events.append({"type": "message_delta", "delta": _ending(script), "usage": usage})
        events.append({"type": "message_stop"})
        return [sse(event, event["type"]) for event in events]

    def error(self, failure: Failure, received: Received) -> Reply:
        return self.failed(failure, _ERRORS[failure.kind][0], {**_error(failure), "request_id": "req_emulated"})

    def error_event(self, failure: Failure, received: Received) -> bytes:
        return sse(_error(failure), "error")


def _page(received: Received) -> JsonObject:
    """A page of the list of models, from where the query says."""
    query = parse_qs(received.query)
    after, limit = query.get("after_id", [""])[0], int(query.get("limit", ["20"])[0])
    ids = [entry["id"] for entry in MODELS]
    start = ids.index(after) + 1 if after in ids else 0
    page = MODELS[start : start + limit]
    more = start + limit < len(MODELS)
    return {"data": page, "has_more": more, "first_id": page[0]["id"], "last_id": page[-1]["id"]}


def _error(failure: Failure) -> JsonObject:
    _, kind, code = _ERRORS[failure.kind]
    message = failure.message
    if failure.kind == "context_window":
        message = f"prompt is too long: 250000 tokens > 200000 maximum. {message}"
    details = {"details": {"error_code": code}} if code else {}
    return {"type": "error", "error": {"type": kind, "message": message, **details}}


def _message(received: Received) -> JsonObject:
    body = received.json
    return {
        "id": f"msg_emulated_{len(body['messages'])}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [],
    }


def _ending(script: Script) -> JsonObject:
    reason = _STOP_REASONS.get(script.ends, "pause_turn")
    refused = reason == "refusal"
    details = {"type": "refusal", "category": None, "explanation": "Refused by script."} if refused else None
    return {"stop_reason": reason, "stop_sequence": None, "stop_details": details}


def _input_usage(script: Script) -> JsonObject:
    used = script.usage
    return {
        "input_tokens": used.input - used.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": used.cached,
    }


def _output_usage(script: Script) -> JsonObject:
    used = script.usage
    return {"output_tokens": used.output, "output_tokens_details": {"thinking_tokens": used.reasoning}}


def _blocks(script: Script, body: JsonObject) -> list[JsonObject]:
    """The complete blocks of an answer; a call that follows thinking says so in its id."""
    blocks: list[JsonObject] = []
    thought = False
    for number, step in enumerate(script.steps):
        if isinstance(step, Text):
            blocks.append({"type": "text", "text": step.text, "citations": None})
        elif isinstance(step, Think):
            thought = True
            signature = sign(body["model"], step.text)
            blocks.append({"type": "thinking", "thinking": step.text, "signature": signature})
        else:
            made = f"toolu_{'thought' if thought else 'plain'}_{len(body['messages'])}_{number}"
            blocks.append(_call(step, step.id or made))
    return blocks


def _call(step: Call, call_id: str) -> JsonObject:
    # Whole answers show nothing of a call that was cut off.
    arguments = step.arguments if step.cut_at is None else {}
    return {
        "type": "tool_use",
        "id": call_id,
        "name": step.name,
        "input": arguments,
        "caller": {"type": "direct"},
    }


def _block_events(index: int, block: JsonObject, step: Text | Think | Call) -> list[JsonObject]:
    if isinstance(step, Text):
        empty: JsonObject = {**block, "text": ""}
        deltas: list[JsonObject] = [{"type": "text_delta", "text": piece} for piece in step.pieces]
    elif isinstance(step, Think):
        empty = {**block, "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in step.pieces]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    else:
        empty = {**block, "input": {}}
        pieces: tuple[str, ...] = ("", *step.pieces) if step.arguments else ("",)
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    place: dict[str, Any] = {"index": index}
    return [
        {"type": "content_block_start", **place, "content_block": empty},
        *({"type": "content_block_delta", **place, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", **place},
    ]


DIALECT = ClaudeDialect()

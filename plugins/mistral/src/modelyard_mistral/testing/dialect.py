"""Answers of Mistral to a script, and the bodies in which it reports errors; for the emulator and for tests."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from modelyard.provider import JsonObject
from modelyard.testing import (
    Call,
    Dialect,
    Failure,
    Received,
    Rejection,
    Reply,
    Script,
    Think,
    bearer_key,
    json_body,
    sse,
)
from modelyard_mistral.testing.checks import check_body, check_count, thinking_mark, thinking_signature
from modelyard_mistral.testing.models import LISTED
from modelyard_mistral.testing.types import check_types

__all__ = ["DIALECT", "MistralDialect"]

_ERRORS: dict[str, tuple[int, str, str | None]] = {
    "authentication": (401, "authentication_error", None),
    "permission": (403, "permission_error", None),
    "quota": (402, "payment_required", None),
    "rate_limit": (429, "rate_limited", "1300"),
    "overloaded": (503, "service_unavailable", None),
    "server": (500, "server_error", None),
    "invalid_request": (400, "invalid_request_error", None),
    "context_window": (400, "invalid_request_error", None),
    "model_not_found": (400, "invalid_model", "1500"),
}
_CHECKS = {"/v1/chat/completions": check_body, "/v1/responses/input_tokens": check_count}
_GATEWAY = frozenset({"permission", "quota", "overloaded"})
"""Failures the gateway reports, in a body of its own."""

_SPECIAL: tuple[tuple[str, str, str], ...] = (
    ("Unexpected role", "invalid_request_message_order", "3230"),
    ("Expected last role", "invalid_request_message_order", "3230"),
    ("Not the same number", "invalid_request_message_order", "3230"),
    ("Tool call id was", "invalid_function_call", "3280"),
    ("Cannot use response_format", "invalid_request_error", "3051"),
)
"""How a message begins, and the type and code that come with it."""


class MistralDialect(Dialect):
    """Serves ``/v1/chat/completions``, ``/v1/models`` and ``/v1/responses/input_tokens``."""

    provider = "mistral"
    model = "mistral-medium-3-5"

    def check(self, received: Received) -> None:
        bearer_key(received)
        if (received.method, received.path) == ("GET", "/v1/models"):
            return
        check = _CHECKS.get(received.path)
        if check is None:
            raise Rejection("no Route matched with those values", 404)
        body = json_body(received)
        check(body)
        check_types(body)

    def aside(self, received: Received) -> Reply | None:
        if received.path == "/v1/models":
            return Reply.json({"object": "list", "data": LISTED}, headers=self.headers())
        if received.path == "/v1/responses/input_tokens":
            counted = len(json.dumps(received.json["input"])) // 4
            return Reply.json({"object": "response.input_tokens", "input_tokens": counted}, headers=self.headers())
        return None

    def body(self, script: Script, received: Received) -> JsonObject:
        chunks = _chunks(script)
        plain = all(chunk["type"] == "text" for chunk in chunks)
        message: JsonObject = {"role": "assistant", "tool_calls": _calls(script, received) or None}
        message["content"] = "".join(chunk["text"] for chunk in chunks) if plain else chunks
        choice = {"index": 0, "finish_reason": script.ends, "message": message}
        head = _head(received, "chat.completion")
        return {**head, "choices": [choice], "usage": _usage(script)}

    def events(self, script: Script, received: Received) -> list[bytes]:
        deltas = [{"role": "assistant", "content": ""}, *_content_deltas(script)]
        calls = _calls(script, received)
        if calls:
            deltas.append({"tool_calls": calls})
        head = _head(received, "chat.completion.chunk")
        events = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        events[-1]["choices"][0]["finish_reason"] = script.ends
        events[-1]["usage"] = _usage(script)
        return [*(sse(event) for event in events), sse("[DONE]")]

    def error(self, failure: Failure, received: Received) -> Reply:
        status = failure.status or _ERRORS[failure.kind][0]
        return self.failed(failure, status, _error_body(failure, status))

    def error_event(self, failure: Failure, received: Received) -> bytes:
        status, kind, code = _ERRORS[failure.kind]
        return sse({**_root(_error_message(failure), kind, code), "raw_status_code": failure.status or status})

    def headers(self) -> dict[str, str]:
        return {"mistral-correlation-id": "req_emulated", "x-kong-request-id": "kong_emulated"}


def _error_body(failure: Failure, status: int) -> JsonObject:
    message = _error_message(failure)
    if failure.kind == "authentication":
        return {"detail": message}
    if failure.kind in _GATEWAY or status == 404:
        return {"message": message}
    if status == 422:
        return _root({"detail": [_complaint(message)]}, "invalid_request_error", None)
    for beginning, special_kind, special_code in _SPECIAL:
        if message.startswith(beginning):
            return _root(message, special_kind, special_code)
    _, kind, code = _ERRORS[failure.kind]
    body = _root(message, kind, code)
    return {**body, "raw_status_code": status} if kind == "rate_limited" else body


def _error_message(failure: Failure) -> str:
    if failure.kind != "context_window":
        return failure.message
    # No code tells an overflow from other bad requests: only the words do.
    return f"{failure.message} Prompt is too large for model with 262144 maximum context length."


def _root(message: str | JsonObject, kind: str, code: str | None) -> JsonObject:
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


def _complaint(message: str) -> JsonObject:
    where, _, what = message.partition(": ")
    kind = "extra_forbidden" if what.startswith("Extra inputs") else "value_error"
    return {"type": kind, "loc": where.split("."), "msg": what, "input": None}


def _chunks(script: Script) -> list[JsonObject]:
    """The content as chunks; neighbouring steps of a kind are one chunk, as in real answers."""
    spoken = [step for step in script.steps if not isinstance(step, Call)]
    chunks: list[JsonObject] = []
    for kind, steps in groupby(spoken, key=type):
        text = "".join(step.text for step in steps)
        if kind is Think:
            items = [{"type": "text", "text": text}]
            signature = thinking_signature(text)
            chunks.append({"type": "thinking", "thinking": items, "closed": True, "signature": signature})
        else:
            chunks.append({"type": "text", "text": text})
    return chunks


def _content_deltas(script: Script) -> list[JsonObject]:
    """Text as plain strings, thinking as lists of chunks, and both in one list where thinking turns to text."""
    spoken = [step for step in script.steps if not isinstance(step, Call)]
    deltas: list[JsonObject] = []
    for kind, steps in groupby(spoken, key=type):
        pieces = [piece for step in steps for piece in step.pieces]
        if kind is Think:
            deltas += _thinking_deltas(pieces)
            continue
        if deltas and isinstance(deltas[-1]["content"], list):
            deltas[-1]["content"].append({"type": "text", "text": pieces.pop(0)})
        deltas += [{"content": piece} for piece in pieces]
    return deltas


def _thinking_deltas(pieces: list[str]) -> list[JsonObject]:
    chunks: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": [{"type": "text", "text": piece}]} for piece in pieces
    ]
    for chunk in chunks[1:]:
        chunk["closed"] = True
    chunks[-1].update(closed=True, signature=thinking_signature("".join(pieces)))
    return [{"content": [chunk]} for chunk in chunks]


def _calls(script: Script, received: Received) -> list[JsonObject]:
    """The calls, each whole; ids differ from turn to turn of a conversation."""
    turn = len(received.json.get("messages", ()))
    thought = any(isinstance(step, Think) for step in script.steps)
    mark = thinking_mark(received.json["model"]) if thought else f"c{turn // 100:03d}"
    return [
        {
            "id": step.id or f"{mark}{turn % 100:02d}{number:03d}",
            "type": "function",
            "function": {"name": step.name, "arguments": step.text},
            "index": number,
        }
        for number, step in enumerate(step for step in script.steps if isinstance(step, Call))
    ]


def _head(received: Received, kind: str) -> JsonObject:
    model = received.json["model"]
    return {"id": "5f0e5e6ed0a44b1eb1d4a6a4b6c3e9aa", "object": kind, "created": 1_790_000_000, "model": model}


def _usage(script: Script) -> JsonObject:
    used = script.usage
    return {
        "prompt_tokens": used.input,
        "total_tokens": used.input + used.output,
        "completion_tokens": used.output,
        "prompt_tokens_details": {"cached_tokens": used.cached},
        "service_tier": "standard",
    }


DIALECT = MistralDialect()

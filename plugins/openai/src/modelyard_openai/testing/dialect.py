"""Answers of OpenAI's two APIs to a script, and their refusals; for the emulator and for tests.

Rules follow OpenAI's API reference and the requests and errors in public recordings, read November 2026.
"""

from __future__ import annotations

from modelyard.provider import JsonObject
from modelyard.testing import (
    Call,
    Dialect,
    Failure,
    Received,
    Rejection,
    Reply,
    Script,
    Text,
    Think,
    bearer_key,
    chat_body,
    chat_events,
    json_body,
    require,
    sse,
)
from modelyard_openai.testing.chat import check_chat
from modelyard_openai.testing.checks import cards, check_count, check_responses

__all__ = ["DIALECT", "OpenAIDialect"]

_ERRORS: dict[str, tuple[int, str, str | None]] = {
    "authentication": (401, "invalid_request_error", "invalid_api_key"),
    "permission": (403, "invalid_request_error", "insufficient_permissions"),
    "quota": (429, "insufficient_quota", "insufficient_quota"),
    "rate_limit": (429, "tokens", "rate_limit_exceeded"),
    "overloaded": (503, "service_unavailable_error", "server_is_overloaded"),
    "server": (500, "server_error", None),
    "invalid_request": (400, "invalid_request_error", None),
    "context_window": (400, "invalid_request_error", "context_length_exceeded"),
    "model_not_found": (404, "invalid_request_error", "model_not_found"),
}
_CHAT_HEAD = {"service_tier": "default"}
_STATUS = {"length": ("incomplete", "max_output_tokens"), "content_filter": ("incomplete", "content_filter")}


class OpenAIDialect(Dialect):
    """Serves ``/v1/responses``, its token count, ``/v1/chat/completions`` and ``/v1/models``.

    A token count is the script's input usage.
    """

    provider = "openai"
    model = "gpt-6-sol"

    def check(self, received: Received) -> None:
        bearer_key(received)
        if received.method == "GET" and received.path == "/v1/models":
            return
        checks = {
            "/v1/chat/completions": check_chat,
            "/v1/responses": check_responses,
            "/v1/responses/input_tokens": check_count,
        }
        if received.path not in checks:
            raise Rejection(f"Invalid URL ({received.method} {received.path})", 404)
        body = json_body(received)
        require(isinstance(body.get("model"), str), "You must provide a model parameter.")
        checks[received.path](body)

    def reply(self, script: Script, received: Received) -> Reply:
        failed = script.failure is not None
        if received.path == "/v1/models" and not failed:
            return Reply.json(_models(), headers=self.headers())
        if received.path.endswith("/input_tokens") and not failed:
            counted = {"object": "response.input_tokens", "input_tokens": script.usage.input}
            return Reply.json(counted, headers=self.headers())
        return super().reply(script, received)

    def body(self, script: Script, received: Received) -> JsonObject:
        if _is_chat(received):
            return chat_body(script, received.json, head=_CHAT_HEAD)
        return _response(script, received.json)

    def events(self, script: Script, received: Received) -> list[bytes]:
        if _is_chat(received):
            return chat_events(script, received.json, head=_CHAT_HEAD)
        return _stream(_response(script, received.json), script)

    def shows_reasoning(self, received: Received) -> bool:
        return not _is_chat(received)

    def unknown_events(self) -> list[bytes]:
        return [*super().unknown_events(), sse({"type": "response.of_tomorrow"}, "response.of_tomorrow")]

    def error(self, failure: Failure, received: Received) -> Reply:
        status, kind, code = _ERRORS[failure.kind]
        error = {"message": failure.message, "type": kind, "param": None, "code": code}
        return self.failed(failure, status, {"error": error})

    def error_event(self, failure: Failure, received: Received) -> bytes:
        _, kind, code = _ERRORS[failure.kind]
        if _is_chat(received):
            error = {"message": failure.message, "type": kind, "param": None, "code": code}
            return sse({"error": error})
        event = {"type": "error", "code": code or kind, "message": failure.message, "param": None}
        return sse(event, "error")


def _models() -> JsonObject:
    """The list of models, with the dates of those that shut down."""
    data: list[JsonObject] = []
    for card in cards().values():
        retires = card.lifecycle.retires
        entry: JsonObject = {"id": card.id, "object": "model", "created": 1_790_000_000, "owned_by": "system"}
        data.append({**entry, "shutdown_date": retires.isoformat() if retires else None})
    return {"object": "list", "data": data}


def _is_chat(received: Received) -> bool:
    return received.path.endswith("/chat/completions")


def _response(script: Script, request: JsonObject) -> JsonObject:
    status, reason = _STATUS.get(script.ends, ("completed", None))
    used, turn = script.usage, len(request["input"])  # ids are unique in a conversation, which only grows
    return {
        "id": "resp_emulated",
        "object": "response",
        "model": request["model"],
        "status": status,
        "error": None,
        "service_tier": "default",
        "incomplete_details": {"reason": reason} if reason else None,
        "output": [_item(step, f"{turn}_{number}", status) for number, step in enumerate(script.steps)],
        "usage": {
            "input_tokens": used.input,
            "input_tokens_details": {"cached_tokens": used.cached},
            "output_tokens": used.output,
            "output_tokens_details": {"reasoning_tokens": used.reasoning},
            "total_tokens": used.input + used.output,
        },
    }


def _item(step: Text | Think | Call, number: str, status: str) -> JsonObject:
    if isinstance(step, Text):
        content = [{"type": "output_text", "text": step.text, "annotations": []}]
        return {
            "type": "message",
            "id": f"msg_{number}",
            "role": "assistant",
            "status": status,
            "content": content,
        }
    if isinstance(step, Think):
        summary = [{"type": "summary_text", "text": step.text}]
        return {
            "type": "reasoning",
            "id": f"rs_{number}",
            "summary": summary,
            "encrypted_content": f"enc-{number}",
        }
    return {
        "type": "function_call",
        "id": f"fc_{number}",
        "call_id": step.id or f"call_{number}",
        "name": step.name,
        "arguments": step.text,
        "status": "completed",
    }


def _stream(response: JsonObject, script: Script) -> list[bytes]:
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    events: list[JsonObject] = [{"type": "response.created", "response": begun}]
    for index, (item, step) in enumerate(zip(response["output"], script.steps, strict=True)):
        events += _item_events(item, step, index)
    final = "response.incomplete" if response["status"] == "incomplete" else "response.completed"
    events.append({"type": final, "response": response})
    return [sse({**event, "sequence_number": n}, event["type"]) for n, event in enumerate(events)]


def _item_events(item: JsonObject, step: Text | Think | Call, index: int) -> list[JsonObject]:
    place = {"item_id": item["id"], "output_index": index}
    if isinstance(step, Text):
        kind, place = "response.output_text.delta", {**place, "content_index": 0}
        empty: JsonObject = {"content": []}
    elif isinstance(step, Think):
        kind, place = "response.reasoning_summary_text.delta", {**place, "summary_index": 0}
        empty = {"summary": []}
    else:
        kind, empty = "response.function_call_arguments.delta", {"arguments": ""}
    added = {"type": "response.output_item.added", "output_index": index, "item": {**item, **empty}}
    deltas = [{"type": kind, **place, "delta": piece} for piece in step.pieces]
    return [added, *deltas, {"type": "response.output_item.done", "output_index": index, "item": item}]


DIALECT = OpenAIDialect()

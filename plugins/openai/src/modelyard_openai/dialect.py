"""How OpenAI's two APIs answer a script, and what they refuse; for the emulator and for tests.

Rules follow OpenAI's API reference and the requests and errors in public recordings, read November 2026.
"""

from __future__ import annotations

from typing import Any

from modelyard.testing.checks import bearer_key, json_body, known_fields, require, tool_names
from modelyard.testing.dialect import Dialect, Rejection, sse
from modelyard.testing.script import Call, Failure, Script, Text, Think
from modelyard.testing.server import Received, Reply
from modelyard.types.base import JsonObject
from modelyard_openai.chat.dialect import chat_body, chat_events, check_chat

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
_FIELDS = frozenset(
    "model input instructions store include reasoning text tools tool_choice parallel_tool_calls "
    "max_output_tokens max_tool_calls temperature top_p top_logprobs truncation metadata service_tier "
    "safety_identifier prompt_cache_key prompt_cache_options stream stream_options background "
    "previous_response_id conversation context_management prompt user moderation access_programs".split()
)
_CONTENT = {
    "input_text": frozenset({"type", "text"}),
    "input_image": frozenset({"type", "image_url", "file_id", "detail"}),
    "input_file": frozenset({"type", "file_id", "file_url", "file_data", "filename", "detail"}),
    "output_text": frozenset({"type", "text", "annotations", "logprobs"}),
    "refusal": frozenset({"type", "refusal"}),
}
_STATUS = {"length": ("incomplete", "max_output_tokens"), "content_filter": ("incomplete", "content_filter")}


class OpenAIDialect(Dialect):
    """Serves ``/v1/responses`` and ``/v1/chat/completions``."""

    provider = "openai"
    model = "gpt-6-sol"

    def check(self, received: Received) -> None:
        bearer_key(received)
        body = json_body(received)
        require(isinstance(body.get("model"), str), "You must provide a model parameter.")
        if received.path == "/v1/chat/completions":
            check_chat(body)
        elif received.path == "/v1/responses":
            _check_responses(body)
        else:
            raise Rejection(f"Invalid URL (POST {received.path})", 404, "model_not_found")

    def wants_stream(self, received: Received) -> bool:
        return bool(received.json.get("stream"))

    def body(self, script: Script, received: Received) -> JsonObject:
        model = received.json["model"]
        return chat_body(script, model) if _is_chat(received) else _response(script, model)

    def events(self, script: Script, received: Received) -> list[bytes]:
        if _is_chat(received):
            return chat_events(script, received.json)
        return _stream(_response(script, received.json["model"]), script)

    def error(self, failure: Failure, received: Received) -> Reply:
        status, kind, code = _ERRORS[failure.kind]
        headers = {"x-request-id": "req_emulated"}
        if failure.retry_after is not None:
            headers["retry-after"] = f"{failure.retry_after:g}"
        error = {"message": failure.message, "type": kind, "param": None, "code": code}
        return Reply.json({"error": error}, failure.status or status, headers)

    def error_event(self, failure: Failure, received: Received) -> bytes:
        _, kind, code = _ERRORS[failure.kind]
        if _is_chat(received):
            error = {"message": failure.message, "type": kind, "param": None, "code": code}
            return sse({"error": error})
        event = {"type": "error", "code": code or kind, "message": failure.message, "param": None}
        return sse(event, "error")


def _is_chat(received: Received) -> bool:
    return received.path.endswith("/chat/completions")


def _response(script: Script, model: str) -> JsonObject:
    status, reason = _STATUS.get(script.ends, ("completed", None))
    used = script.usage
    return {
        "id": "resp_emulated",
        "object": "response",
        "model": model,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": [_item(step, number, status) for number, step in enumerate(script.steps)],
        "usage": {
            "input_tokens": used.input,
            "input_tokens_details": {"cached_tokens": used.cached},
            "output_tokens": used.output,
            "output_tokens_details": {"reasoning_tokens": used.reasoning},
            "total_tokens": used.input + used.output,
        },
    }


def _item(step: Text | Think | Call, number: int, status: str) -> JsonObject:
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


def _check_responses(body: JsonObject) -> None:
    known_fields(body, _FIELDS)
    _check_input(body.get("input"))
    tools = body.get("tools")
    if tools is None:
        for field in ("tool_choice", "parallel_tool_calls"):
            require(field not in body, f"'{field}' is only allowed when 'tools' are specified.")
    else:
        _check_tools(tools, body.get("tool_choice"))
    limit = body.get("max_output_tokens")
    require(limit is None or limit >= 16, "Invalid 'max_output_tokens': integer below minimum value 16.")


def _check_tools(tools: Any, choice: Any) -> None:
    require(isinstance(tools, list) and tools, "'tools' must be a list with at least one tool.")
    for tool in tools:
        require(tool.get("type") == "function", f"Unknown tool type {tool.get('type')!r}.")
        require("function" not in tool, "Unknown parameter: 'tools[0].function'.")
        for key in ("parameters", "strict"):
            require(key in tool, f"Missing required parameter: 'tools[0].{key}'.")
        if tool["strict"]:
            require(
                tool["parameters"].get("additionalProperties") is False,
                "'additionalProperties' must be false.",
            )
    names = [tool.get("name", "") for tool in tools]
    tool_names(names)
    if isinstance(choice, dict):
        require(choice.get("type") == "function" and choice.get("name") in names, "Invalid 'tool_choice'.")
    else:
        require(choice in (None, "auto", "required", "none"), "Invalid 'tool_choice'.")


def _check_input(items: Any) -> None:
    require(isinstance(items, (list, str)) and items, "Missing required parameter: 'input'.")
    open_calls: dict[str, None] = {}
    answered: set[str] = set()
    for item in items if isinstance(items, list) else ():
        kind = item.get("type", "message")
        if kind == "message":
            _check_message(item)
        elif kind == "function_call":
            require(isinstance(item.get("arguments"), str), "Invalid 'arguments': expected a string.")
            open_calls[item["call_id"]] = None
        elif kind == "function_call_output":
            call_id = item.get("call_id")
            require(call_id in open_calls, f"No tool call found for function call output with call_id {call_id}.")
            answered.add(call_id)
        elif kind == "reasoning":
            require(item.get("id") and "summary" in item, "Invalid reasoning item.")
    for call_id in open_calls:
        require(call_id in answered, f"No tool output found for function call {call_id}.")
    _check_reasoning_pairs(items)


def _check_message(item: JsonObject) -> None:
    role, content = item.get("role"), item.get("content")
    require(role in ("user", "assistant", "system", "developer"), f"Invalid value: {role!r} for 'role'.")
    if isinstance(content, str):
        return
    require(isinstance(content, list) and content, "Invalid 'content': expected text or a list of parts.")
    for part in content or ():
        kind = part.get("type")
        require(kind in _CONTENT, f"Invalid value: {kind!r} for a content part.")
        ours = kind in ("output_text", "refusal")
        require(ours == (role == "assistant"), f"Invalid value: {kind!r} in a message of role {role!r}.")
        known_fields(part, _CONTENT[kind], "input.content.")


def _check_reasoning_pairs(items: Any) -> None:
    if not isinstance(items, list):
        return
    for item, following in zip(items, [*items[1:], {}], strict=True):
        if item.get("type") == "reasoning":
            paired = (
                following.get("type") in ("reasoning", "function_call") or following.get("role") == "assistant"
            )
            require(
                paired,
                f"Item '{item['id']}' of type 'reasoning' was provided without its required following item.",
            )


DIALECT = OpenAIDialect()

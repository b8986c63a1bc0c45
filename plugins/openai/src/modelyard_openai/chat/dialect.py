"""How Chat Completions answers a script, and what it refuses."""

from __future__ import annotations

from typing import Any

from modelyard.testing.checks import known_fields, require, tool_names
from modelyard.testing.dialect import sse
from modelyard.testing.script import Call, Script, Text
from modelyard.types.base import JsonObject

__all__ = ["chat_body", "chat_events", "check_chat"]

_FIELDS = frozenset(
    "model messages max_completion_tokens max_tokens temperature top_p n stop seed presence_penalty "
    "frequency_penalty logit_bias logprobs top_logprobs reasoning_effort verbosity response_format tools "
    "tool_choice parallel_tool_calls stream stream_options metadata store service_tier safety_identifier "
    "prompt_cache_key prompt_cache_options user prediction modalities audio web_search_options moderation".split()
)
_CONTENT = frozenset({"text", "image_url", "input_audio", "file"})


def chat_body(script: Script, model: str) -> JsonObject:
    """The whole answer."""
    calls = [_call(step, number) for number, step in enumerate(_calls(script))]
    text = "".join(step.text for step in script.steps if isinstance(step, Text))
    message: JsonObject = {"role": "assistant", "content": text or None, "refusal": None}
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": script.ends}
    return {**_head(model, "chat.completion"), "choices": [choice], "usage": _usage(script)}


def chat_events(script: Script, request: JsonObject) -> list[bytes]:
    """The stream; usage only when the request asks for it."""
    deltas: list[JsonObject] = [{"role": "assistant", "content": ""}]
    for step in script.steps:
        if isinstance(step, Text):
            deltas += [{"content": piece} for piece in step.pieces]
    for number, step in enumerate(_calls(script)):
        start = {"index": number, **_call(step, number), "function": {"name": step.name, "arguments": ""}}
        deltas.append({"tool_calls": [start]})
        for piece in step.pieces:
            deltas.append({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
    head = _head(request["model"], "chat.completion.chunk")
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": script.ends}]})
    if (request.get("stream_options") or {}).get("include_usage"):
        chunks.append({**head, "choices": [], "usage": _usage(script)})
    return [*(sse(chunk) for chunk in chunks), sse("[DONE]")]


def check_chat(body: JsonObject) -> None:
    """Reject what Chat Completions refuses."""
    known_fields(body, _FIELDS)
    messages, tools = body.get("messages"), body.get("tools")
    require(isinstance(messages, list) and messages, "[] is too short - 'messages'")
    _check_messages(messages)
    if tools is None:
        for field in ("tool_choice", "parallel_tool_calls"):
            require(field not in body, f"'{field}' is only allowed when 'tools' are specified.")
        return
    require(isinstance(tools, list) and tools, "[] is too short - 'tools'")
    for tool in tools:
        require(tool.get("type") == "function" and isinstance(tool.get("function"), dict), "Invalid 'tools'.")
    tool_names([tool["function"].get("name", "") for tool in tools])


def _check_messages(messages: Any) -> None:
    pending: list[str] = []
    for message in messages:
        role, content = message.get("role"), message.get("content")
        if role == "tool":
            call_id = message.get("tool_call_id")
            require(call_id in pending, "messages with role 'tool' must follow a message with 'tool_calls'.")
            pending.remove(call_id)
            continue
        require(not pending, f"'tool_calls' must be followed by tool messages. Missing: {', '.join(pending)}")
        known = role in ("system", "developer", "user", "assistant")
        require(known, f"Invalid value: {role!r} for 'messages[0].role'.")
        for part in content if isinstance(content, list) else ():
            require(part.get("type") in _CONTENT, f"Invalid content part {part.get('type')!r}.")
        if role == "assistant":
            pending = [call["id"] for call in message.get("tool_calls", ())]
            require(pending or content is not None or message.get("refusal"), "Invalid assistant message: empty.")
    require(not pending, f"'tool_calls' must be followed by tool messages. Missing: {', '.join(pending)}")


def _calls(script: Script) -> list[Call]:
    return [step for step in script.steps if isinstance(step, Call)]


def _call(step: Call, number: int) -> JsonObject:
    function = {"name": step.name, "arguments": step.text}
    return {"id": step.id or f"call_{number}", "type": "function", "function": function}


def _head(model: str, kind: str) -> JsonObject:
    return {"id": "chatcmpl-emulated", "object": kind, "created": 1_790_000_000, "model": model}


def _usage(script: Script) -> JsonObject:
    used = script.usage
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": {"cached_tokens": used.cached},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning},
    }

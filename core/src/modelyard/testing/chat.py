"""Answers of the Chat Completions wire to a script, and its refusals of tools; for emulators of its servers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from modelyard.testing.checks import known_fields, require, tool_names
from modelyard.testing.dialect import sse
from modelyard.testing.script import Call, Script, Text, Think
from modelyard.types.base import JsonObject

__all__ = ["chat_body", "chat_events", "check_chat_tools"]


def chat_body(
    script: Script, request: JsonObject, *, reasoning: str | None = None, head: Mapping[str, Any] | None = None
) -> JsonObject:
    """Write the whole answer a script says to a request.

    ``reasoning`` is the field thoughts stand in; without one they are not shown. ``head`` is laid over the fields
    beside the choices.
    """
    message: JsonObject = {"role": "assistant", "content": _joined(script, Text) or None, "refusal": None}
    thought = _joined(script, Think)
    if reasoning and thought:
        message[reasoning] = thought
    calls = [_call(call, call_id, call.text) for call_id, call in _calls(script, request)]
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": script.ends}
    return {**_head(request, "chat.completion", head), "choices": [choice], "usage": _usage(script)}


def chat_events(
    script: Script, request: JsonObject, *, reasoning: str | None = None, head: Mapping[str, Any] | None = None
) -> list[bytes]:
    """Write the stream a script says to a request; with usage only where the request asks for it."""
    common = _head(request, "chat.completion.chunk", head)
    deltas = [{"role": "assistant", "content": ""}, *_deltas(script, request, reasoning)]
    chunks = [{**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**common, "choices": [{"index": 0, "delta": {}, "finish_reason": script.ends}]})
    if (request.get("stream_options") or {}).get("include_usage"):
        chunks.append({**common, "choices": [], "usage": _usage(script)})
    return [*(sse(chunk) for chunk in chunks), sse("[DONE]")]


def check_chat_tools(body: JsonObject, known: Collection[str] | None = None) -> list[JsonObject]:
    """Reject wrong tools and choices among them; returns the functions declared.

    ``known`` are the fields a function may have, any without it.
    """
    tools = body.get("tools")
    if tools is None:
        for field in ("tool_choice", "parallel_tool_calls"):
            require(field not in body, f"'{field}' is only allowed when 'tools' are specified.")
        return []
    require(isinstance(tools, list) and tools, "[] is too short - 'tools'")
    for tool in tools:
        require(tool.get("type") == "function" and isinstance(tool.get("function"), dict), "Invalid 'tools'.")
        known_fields(tool["function"], known or tool["function"], "tools.function.")
    functions: list[JsonObject] = [tool["function"] for tool in tools]
    names = [function.get("name", "") for function in functions]
    tool_names(names)
    _check_choice(body.get("tool_choice"), names)
    return functions


def _check_choice(choice: Any, names: Collection[object]) -> None:
    if isinstance(choice, dict) and choice.get("type") == "function":
        require(choice.get("function", {}).get("name") in names, "Invalid 'tool_choice'.")
    elif not isinstance(choice, dict):
        require(choice in (None, "auto", "required", "none"), "Invalid 'tool_choice'.")


def _head(request: JsonObject, kind: str, head: Mapping[str, Any] | None) -> JsonObject:
    common = {"id": f"chatcmpl-{len(request['messages'])}", "object": kind, "created": 1_790_000_000}
    return {**common, "model": request["model"], **(head or {})}


def _joined(script: Script, kind: type[Text | Think]) -> str:
    return "".join(step.text for step in script.steps if isinstance(step, kind))


def _deltas(script: Script, request: JsonObject, reasoning: str | None) -> list[JsonObject]:
    deltas: list[JsonObject] = []
    for step in script.steps:
        field = "content" if isinstance(step, Text) else reasoning if isinstance(step, Think) else None
        if field is not None:
            deltas += [{field: piece} for piece in step.pieces]
    for index, (call_id, call) in enumerate(_calls(script, request)):
        deltas.append({"tool_calls": [{"index": index, **_call(call, call_id, "")}]})
        for piece in call.pieces:
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    return deltas


def _calls(script: Script, request: JsonObject) -> list[tuple[str, Call]]:
    """The calls with their ids, which differ from turn to turn of a conversation."""
    turn = len(request["messages"])
    calls = [step for step in script.steps if isinstance(step, Call)]
    return [(call.id or f"call_{turn}_{at}", call) for at, call in enumerate(calls)]


def _call(call: Call, call_id: str, arguments: str) -> JsonObject:
    return {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _usage(script: Script) -> JsonObject:
    used = script.usage
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": {"cached_tokens": used.cached},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning},
    }

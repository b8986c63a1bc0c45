"""Refusals of Mistral: unknown fields (422), and conversations in the wrong order or with foreign ids (400).

The rules are those of the API reference, of the request validator in mistral-common, and of errors quoted in
public issues, read November 2026. A message that begins with ``body`` is a complaint of the schema validator.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from modelyard.provider import JsonObject
from modelyard.testing import require
from modelyard_mistral.testing.controls import check_controls, check_senses, known_to, valid

__all__ = ["check_body", "check_count", "thinking_mark", "thinking_signature"]

_MESSAGE_FIELDS = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls", "prefix"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}
_CHUNK_FIELDS = {
    "text": frozenset({"type", "text"}),
    "image_url": frozenset({"type", "image_url"}),
    "document_url": frozenset({"type", "document_url", "document_name"}),
    "file": frozenset({"type", "file_id"}),
    "input_audio": frozenset({"type", "input_audio"}),
    "reference": frozenset({"type", "reference_ids"}),
    "thinking": frozenset({"type", "thinking", "signature", "closed"}),
    "resource": frozenset({"type", "uri", "content"}),
    "resource_link": frozenset({"type", "uri", "metadata"}),
}
_FOLLOWS = {
    "system": frozenset({"system", "user"}),
    "user": frozenset({"system", "user", "assistant"}),
    "assistant": frozenset({"system", "user", "assistant", "tool"}),
    "tool": frozenset({"assistant", "tool"}),
}
"""The roles each role may come after."""
_ID = re.compile(r"[a-zA-Z0-9]{9}")


def thinking_signature(text: str) -> str:
    """The signature the emulator puts on thinking, and demands back with the same text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def thinking_mark(model: str) -> str:
    """Prefix of the emulator's ids for calls a model makes after thinking, to know such a turn again."""
    return "t" + hashlib.sha256(model.encode()).hexdigest()[:3]


def check_body(body: JsonObject) -> None:
    """Reject what the API refuses."""
    check_controls(body)
    messages, model = body.get("messages"), str(body.get("model"))
    valid(isinstance(messages, list) and messages, "body.messages", "List should have at least 1 item")
    for position, message in enumerate(messages or ()):
        _check_message(message, f"body.messages.{position}")
    check_senses(messages or [], model)
    _check_order(messages or [])
    _check_calls(messages or [], model)


def _check_message(message: Any, where: str) -> None:
    role = message.get("role")
    valid(role in _MESSAGE_FIELDS, f"{where}.role", "Input tag found does not match any of the expected tags")
    known_to(message, _MESSAGE_FIELDS[role], where)
    content = message.get("content")
    if role != "assistant":
        valid(content is not None, f"{where}.content", "Field required")
    if isinstance(content, list):
        for position, chunk in enumerate(content):
            _check_chunk(chunk, role, f"{where}.content.{position}")
    else:
        valid(content is None or isinstance(content, str), f"{where}.content", "Input should be a valid string")
    if role == "assistant":
        spoken = message.get("content") or message.get("tool_calls")
        require(spoken, "Assistant message must have either content or tool_calls.")


def _check_chunk(chunk: JsonObject, role: str, where: str) -> None:
    kind = chunk.get("type", "")
    valid(kind in _CHUNK_FIELDS, where, f"Input tag {kind!r} does not match any of the expected tags")
    known_to(chunk, _CHUNK_FIELDS[kind], where)
    valid(role != "system" or kind in ("text", "thinking"), where, "Input should be text")
    if kind == "text":
        valid(isinstance(chunk.get("text"), str), f"{where}.text", "Input should be a valid string")
    if kind == "thinking":
        _check_thinking(chunk, where)


def _check_thinking(chunk: JsonObject, where: str) -> None:
    items = chunk.get("thinking")
    valid(isinstance(items, list), f"{where}.thinking", "Input should be a valid list")
    text = "".join(item.get("text", "") for item in items or ())
    signature = chunk.get("signature")
    if signature is not None:
        require(signature == thinking_signature(text), "The signature of a thinking chunk is not valid.")


def _check_order(messages: list[JsonObject]) -> None:
    before = "system"
    for position, message in enumerate(messages):
        role = message["role"]
        require(before in _FOLLOWS[role], f"Unexpected role '{role}' after role '{before}'")
        last = position == len(messages) - 1
        require(last or not message.get("prefix"), "Assistant message with prefix True must be last message")
        before = role
    ends_well = before in ("user", "tool") or messages[-1].get("prefix")
    expected = "Expected last role User or Tool (or Assistant with prefix True) for serving"
    require(ends_well, f"{expected} but got {before}")


def _thinks(message: JsonObject) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(chunk["type"] == "thinking" for chunk in content)


def _check_calls(messages: list[JsonObject], model: str) -> None:
    pending: list[str] = []
    unequal = "Not the same number of function calls and responses"
    for message in messages:
        if message["role"] == "tool":
            call_id = message.get("tool_call_id")
            _check_id(call_id)
            require(call_id in pending, unequal)
            pending.remove(str(call_id))
            continue
        require(not pending, unequal)
        for call in message.get("tool_calls") or ():
            _check_id(call.get("id"))
            valid(call["id"] not in pending, "body.messages.tool_calls", "Tool call ids must be unique")
            if call["id"].startswith(thinking_mark(model)):
                require(_thinks(message), "A turn that called a tool after thinking must keep its thinking.")
            arguments = call["function"].get("arguments")
            valid(isinstance(arguments, (str, dict)), "body.messages.tool_calls", "Field required")
            pending.append(call["id"])
    require(not pending, unequal)


def _check_id(call_id: Any) -> None:
    valid = isinstance(call_id, str) and _ID.fullmatch(call_id)
    require(valid, f"Tool call id was {call_id} but must be a-z, A-Z, 0-9, with a length of 9.")


_COUNT_FIELDS = frozenset(
    "model input instructions parallel_tool_calls tools tool_choice reasoning text truncation".split()
)
_ITEM_FIELDS = {
    "message": frozenset({"type", "role", "content"}),
    "function_call": frozenset({"type", "call_id", "name", "arguments"}),
    "function_call_output": frozenset({"type", "call_id", "output"}),
    "reasoning": frozenset({"type", "id", "summary", "content"}),
}


def check_count(body: JsonObject) -> None:
    """Reject what the count of input tokens refuses; it reads the items of the Responses API."""
    known_to({key: value for key, value in body.items() if value is not None}, _COUNT_FIELDS, "body")
    valid(isinstance(body.get("model"), str), "body.model", "Field required")
    items = body.get("input")
    valid(isinstance(items, list) and items, "body.input", "Input should be a valid list")
    for position, item in enumerate(items or ()):
        kind = item.get("type")
        valid(kind in _ITEM_FIELDS, f"body.input.{position}", "Input should be a valid item")
        known_to(
            {key: value for key, value in item.items() if value is not None},
            _ITEM_FIELDS[kind],
            f"body.input.{position}",
        )

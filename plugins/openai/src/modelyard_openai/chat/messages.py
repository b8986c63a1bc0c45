"""Writing a conversation as Chat Completions messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelyard.types.base import JsonObject
from modelyard.types.content import FilePart, ImagePart, Part, RefusalPart, TextPart, ToolCall, ToolResult
from modelyard.types.messages import Message
from modelyard_openai.messages import data_url

__all__ = ["chat_messages"]


def chat_messages(messages: Sequence[Message]) -> list[JsonObject]:
    """The ``messages`` of a conversation; one message of ours becomes one for each tool result it holds."""
    return [wire for message in messages for wire in _messages(message)]


def _messages(message: Message) -> Iterable[JsonObject]:
    if message.role == "assistant":
        return [_assistant(message.content)]
    if message.role == "system":
        return [{"role": "system", "content": message.text}]
    return _user(message)


def _user(message: Message) -> Iterable[JsonObject]:
    content: list[JsonObject] = []
    for part in message.content:
        if isinstance(part, ToolResult):
            yield {"role": "tool", "tool_call_id": part.tool_call_id, "content": part.text}
        else:
            content.append(_user_part(part))
    if not content:
        return
    named = {"name": message.name} if message.name else {}
    only_text = len(content) == 1 and content[0]["type"] == "text"
    yield {"role": "user", "content": content[0]["text"] if only_text else content, **named}


def _user_part(part: Part) -> JsonObject:
    if isinstance(part, ImagePart):
        detail = {"detail": part.detail} if part.detail else {}
        return {"type": "image_url", "image_url": {"url": data_url(part), **detail}}
    if isinstance(part, FilePart):
        return _file(part)
    assert isinstance(part, TextPart)  # Message allows a user nothing else
    return {"type": "text", "text": part.text}


def _file(part: FilePart) -> JsonObject:
    if part.mime in ("audio/wav", "audio/mpeg", "audio/mp3"):
        kind = "wav" if part.mime == "audio/wav" else "mp3"
        return {"type": "input_audio", "input_audio": {"data": part.base64, "format": kind}}
    if part.file_id is not None:
        return {"type": "file", "file": {"file_id": part.file_id}}
    return {"type": "file", "file": {"filename": part.name or "file", "file_data": data_url(part)}}


def _assistant(parts: Sequence[Part]) -> JsonObject:
    message: JsonObject = {"role": "assistant"}
    text = "".join(part.text for part in parts if isinstance(part, TextPart))
    refusal = "".join(part.text for part in parts if isinstance(part, RefusalPart))
    calls = [_call(part) for part in parts if isinstance(part, ToolCall)]
    if text or not (calls or refusal):
        message["content"] = text
    if refusal:
        message["refusal"] = refusal
    if calls:
        message["tool_calls"] = calls
    return message


def _call(call: ToolCall) -> JsonObject:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments_text or "{}"},
    }

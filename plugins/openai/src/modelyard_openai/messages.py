"""Writing a conversation as the input items of the Responses API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from modelyard.types.base import JsonObject, Opaque
from modelyard.types.content import (
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCall,
    ToolResult,
)
from modelyard.types.messages import Message

__all__ = ["data_url", "file_fields", "input_items", "leading_system"]


def leading_system(messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    """The system messages at the start, joined, and the conversation after them."""
    count = 0
    while count < len(messages) and messages[count].role == "system":
        count += 1
    return "\n\n".join(message.text for message in messages[:count]), messages[count:]


def input_items(messages: Sequence[Message], model: str) -> tuple[str, list[JsonObject]]:
    """The ``instructions`` and the ``input`` list of a conversation.

    System messages at the start become the instructions, later ones developer messages in their place.
    """
    instructions, rest = leading_system(messages)
    items: list[JsonObject] = []
    for message in rest:
        items.extend(_items(message, model))
    return instructions, items


def _items(message: Message, model: str) -> Iterable[JsonObject]:
    if message.role == "assistant":
        return _assistant_items(message.content, model)
    if message.role == "system":
        return [{"type": "message", "role": "developer", "content": message.text}]
    return _user_items(message.content)


def _user_items(parts: Sequence[Part]) -> Iterable[JsonObject]:
    content: list[JsonObject] = []
    for part in parts:
        if isinstance(part, ToolResult):
            yield {"type": "function_call_output", "call_id": part.tool_call_id, "output": _output(part)}
        elif isinstance(part, (TextPart, ImagePart, FilePart)):
            content.append(_input_part(part))
    if content:
        yield {"type": "message", "role": "user", "content": content}


def _output(result: ToolResult) -> str | list[JsonObject]:
    if all(isinstance(part, TextPart) for part in result.content):
        return result.text
    return [_input_part(part) for part in result.content]


def _input_part(part: TextPart | ImagePart | FilePart) -> JsonObject:
    if isinstance(part, TextPart):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, ImagePart):
        return {"type": "input_image", "image_url": data_url(part), "detail": part.detail or "auto"}
    return {"type": "input_file", **file_fields(part)}


def data_url(part: ImagePart | FilePart) -> str:
    """The URL of an image or file: its own, or its bytes as a data URL."""
    return part.url if part.url is not None else f"data:{part.mime};base64,{part.base64}"


def file_fields(part: FilePart) -> JsonObject:
    """The fields that name a file's source; a file of bytes needs a name and gets one."""
    if part.file_id is not None:
        return {"file_id": part.file_id}
    if part.url is not None:
        return {"file_url": part.url}
    return {"filename": part.name or "file", "file_data": data_url(part)}


def _assistant_items(parts: Sequence[Part], model: str) -> Iterable[JsonObject]:
    """The items of a turn of the model's; its own opaque items go back as they came."""
    for part in parts:
        if isinstance(part, TextPart):
            yield _message({"type": "output_text", "text": part.text, "annotations": []}, part.opaque)
        elif isinstance(part, RefusalPart):
            yield _message({"type": "refusal", "refusal": part.text}, None)
        elif isinstance(part, ToolCall):
            yield _function_call(part)
        elif isinstance(part, (ReasoningPart, OpaquePart)):
            item = _own(part.opaque, model)
            if item is not None:
                yield item


def _message(content: JsonObject, opaque: Opaque | None) -> JsonObject:
    kept = opaque.data if opaque is not None and opaque.provider == "openai" else {}
    return {"type": "message", "role": "assistant", "content": [content], "status": "completed", **kept}


def _function_call(call: ToolCall) -> JsonObject:
    opaque = call.opaque
    if opaque is not None and opaque.provider == "openai" and opaque.kind == "custom_tool_call":
        return opaque.data
    return {
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments_text or "{}",
    }


def _own(opaque: Opaque | None, model: str) -> dict[str, Any] | None:
    """An item of this provider and model, to be sent back unchanged; ``None`` for any other."""
    if opaque is None or opaque.provider != "openai" or opaque.model not in (None, model):
        return None
    return opaque.data

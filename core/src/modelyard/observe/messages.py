"""Conversations in the form of the semantic conventions: messages of a role and parts, nothing of ours in them.

The schemas are ``gen-ai-input-messages.json``, ``gen-ai-output-messages.json``,
``gen-ai-system-instructions.json`` and ``gen-ai-tool-definitions.json`` of the OpenTelemetry GenAI conventions.
Opaque data, signatures, encrypted reasoning, annotations and hints for caches are of no use to a reader of traces
and stay out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from modelyard.types.content import (
    FilePart,
    ImagePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCall,
    ToolResult,
)

if TYPE_CHECKING:
    from modelyard.types.base import JsonObject
    from modelyard.types.completion import Completion
    from modelyard.types.messages import Message
    from modelyard.types.tools import Tool

__all__ = [
    "as_json",
    "input_messages",
    "output_messages",
    "response_of",
    "system_instructions",
    "tool_definitions",
]

_LARGEST: Final = 262_144
"""Bytes of an image or file that go on a span; exporters refuse spans of megabytes (gRPC: 4 MiB by default)."""
_REASONS: Final = {"tool_calls": "tool_call"}
"""Reasons to finish that the schema of output messages spells differently."""


def as_json(value: object) -> str:
    """JSON text, as attributes of spans hold structures."""
    return json.dumps(value, ensure_ascii=False, default=str)


def system_instructions(messages: Sequence[Message]) -> list[JsonObject]:
    """The parts of the system messages a conversation begins with."""
    return [part for message in messages[: _instructions(messages)] for part in _parts(message.content)]


def input_messages(messages: Sequence[Message]) -> list[JsonObject]:
    """The messages that follow those instructions."""
    return [_message(message) for message in messages[_instructions(messages) :]]


def output_messages(completion: Completion) -> list[JsonObject]:
    """The answer."""
    reason = _REASONS.get(completion.finish_reason, completion.finish_reason)
    return [{**_message(completion.message), "finish_reason": reason}]


def tool_definitions(tools: Iterable[Tool]) -> list[JsonObject]:
    """The tools a model may call."""
    return [
        {
            "type": "function",
            "name": tool.name,
            **({"description": tool.description} if tool.description else {}),
            "parameters": tool.parameters,
        }
        for tool in tools
    ]


def response_of(result: ToolResult) -> Any:
    """Result of a tool: its text, or parts where it gave more than text."""
    if all(isinstance(part, TextPart) for part in result.content):
        return result.text
    return _parts(result.content)


def _instructions(messages: Sequence[Message]) -> int:
    """How many system messages stand at the beginning."""
    return next((index for index, message in enumerate(messages) if message.role != "system"), len(messages))


def _message(message: Message) -> JsonObject:
    answers = message.content and all(isinstance(part, ToolResult) for part in message.content)
    return {"role": "tool" if answers else message.role, "parts": _parts(message.content)}


def _parts(parts: Iterable[Part]) -> list[JsonObject]:
    return [written for part in parts if (written := _part(part)) is not None]


def _part(part: Part) -> JsonObject | None:
    if isinstance(part, (TextPart, RefusalPart)):
        return {"type": "text", "content": part.text}
    if isinstance(part, ReasoningPart):
        return {"type": "reasoning", "content": part.text} if part.text else None
    if isinstance(part, ToolCall):
        arguments = part.arguments_text if part.arguments is None else part.arguments
        return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": arguments}
    if isinstance(part, ToolResult):
        return {"type": "tool_call_response", "id": part.tool_call_id, "response": response_of(part)}
    if isinstance(part, (ImagePart, FilePart)):
        return _media(part)
    return None


def _media(part: ImagePart | FilePart) -> JsonObject:
    told: JsonObject = {"modality": _modality(part), "mime_type": part.mime}
    if isinstance(part, FilePart) and part.file_id is not None:
        return {"type": "file", **told, "file_id": part.file_id}
    if part.url is not None:
        return {"type": "uri", **told, "uri": part.url}
    small = len(part.data or b"") <= _LARGEST
    return {"type": "blob", **told, "content": part.base64 if small else ""}


def _modality(part: ImagePart | FilePart) -> str:
    kind = part.mime.partition("/")[0]
    return kind if kind in ("image", "audio", "video") else "document"

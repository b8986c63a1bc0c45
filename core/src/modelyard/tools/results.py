"""Results of tools, as the model gets them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pydantic_core

from modelyard.types.content import FilePart, ImagePart, TextPart, ToolCall, ToolResult

__all__ = ["error_result", "to_result"]

MAX_ERROR = 2_000
"""Characters of an error told to the model."""

_PARTS = (TextPart, ImagePart, FilePart)
_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8")


def to_result(call: ToolCall, value: Any) -> ToolResult:
    """The result of a call.

    Text stays text; ``None`` is an empty result. Text, image and file parts, alone or in a list, are sent as
    they are, so are bytes that hold an image, a PDF or UTF-8 text. A ``ToolResult`` keeps its content and its
    error mark and takes the id of the call. Everything else is written as JSON: numbers, lists, dicts, dates,
    dataclasses, pydantic models.

    Raises ``TypeError`` for a value that cannot be written so.
    """
    if isinstance(value, ToolResult):
        return value.model_copy(update={"tool_call_id": call.id, "name": call.name})
    return ToolResult(tool_call_id=call.id, name=call.name, content=_content(value))


def error_result(call: ToolCall, message: str) -> ToolResult:
    """A result that tells the model what went wrong."""
    text = message if len(message) <= MAX_ERROR else f"{message[:MAX_ERROR]}… ({len(message)} characters)"
    return ToolResult(tool_call_id=call.id, name=call.name, content=(TextPart(text=_clean(text)),), is_error=True)


def _content(value: Any) -> tuple[TextPart | ImagePart | FilePart, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (TextPart(text=_clean(value)),)
    if isinstance(value, _PARTS):
        return (value,)
    if isinstance(value, (bytes, bytearray)):
        return (_media(bytes(value)),)
    if _mixed(value):
        return tuple(TextPart(text=_clean(item)) if isinstance(item, str) else item for item in value)
    return (TextPart(text=_json(value)),)


def _mixed(value: Any) -> bool:
    """Whether it is a list of parts, maybe with text between them."""
    return (
        isinstance(value, Sequence)
        and any(isinstance(item, _PARTS) for item in value)
        and all(isinstance(item, (str, *_PARTS)) for item in value)
    )


def _media(data: bytes) -> TextPart | ImagePart | FilePart:
    if data.startswith(_IMAGES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        return ImagePart(data=data)
    if data.startswith(b"%PDF"):
        return FilePart(data=data)
    try:
        return TextPart(text=data.decode())
    except UnicodeDecodeError:
        return FilePart(data=data)


def _json(value: Any) -> str:
    try:
        return pydantic_core.to_json(value, bytes_mode="base64", inf_nan_mode="null").decode()
    except (ValueError, TypeError, RecursionError) as error:
        raise TypeError(f"what the tool returned cannot be written as JSON: {error}") from None


def _clean(text: str) -> str:
    """Text that can be sent: half of a surrogate pair cannot."""
    return text.encode("utf-8", "replace").decode()

"""Content of Chat Completions messages: as text or as parts, and that of two neighbours in one message."""

from __future__ import annotations

from typing import Any

from modelyard.types.base import JsonObject
from modelyard.types.content import FilePart, ImagePart

__all__ = ["data_url", "is_image", "joined", "merge"]

_TEXT_KEYS = {"type", "text"}


def data_url(part: ImagePart | FilePart) -> str:
    """Return the URL of an image or file: its own, or its bytes as a data URL."""
    return part.url if part.url is not None else f"data:{part.mime};base64,{part.base64}"


def is_image(part: FilePart) -> bool:
    """Return whether a file is sent as an image."""
    return part.file_id is None and part.mime.startswith("image/")


def joined(parts: list[JsonObject]) -> str | list[JsonObject]:
    """Write parts as one text, or as they are where one is more than text."""
    if all(part.keys() == _TEXT_KEYS for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def merge(into: JsonObject, message: JsonObject) -> bool:
    """Add a message to the one before it; false where they differ in more than their content."""
    first, second = into.get("content"), message.get("content")
    if first is None or second is None or _beside_content(into) != _beside_content(message):
        return False
    if isinstance(first, str) and isinstance(second, str):
        into["content"] = f"{first}\n\n{second}"
    else:
        into["content"] = [*_parts(first), *_parts(second)]
    return True


def _beside_content(message: JsonObject) -> JsonObject:
    return {key: value for key, value in message.items() if key != "content"}


def _parts(content: Any) -> list[JsonObject]:
    return content if isinstance(content, list) else [{"type": "text", "text": content}]

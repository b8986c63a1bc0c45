"""Content chunks: how Mistral takes images, documents and audio beside text."""

from __future__ import annotations

from modelyard.types.base import JsonObject
from modelyard.types.content import FilePart, ImagePart, TextPart

__all__ = ["input_chunk", "text_chunk"]


def text_chunk(text: str) -> JsonObject:
    """A chunk of text."""
    return {"type": "text", "text": text}


def input_chunk(part: TextPart | ImagePart | FilePart) -> JsonObject:
    """The chunk for something a user says or shows."""
    if isinstance(part, TextPart):
        return text_chunk(part.text)
    if isinstance(part, ImagePart):
        return {"type": "image_url", "image_url": _image(part)}
    if part.file_id is not None:
        return {"type": "file", "file_id": part.file_id}
    if part.mime.startswith("image/"):
        return {"type": "image_url", "image_url": _url(part)}
    if part.mime.startswith("audio/"):
        return {"type": "input_audio", "input_audio": part.url if part.url is not None else part.base64}
    named = {"document_name": part.name} if part.name else {}
    return {"type": "document_url", "document_url": _url(part), **named}


def _image(part: ImagePart) -> str | JsonObject:
    # Mistral knows three of our four levels of detail; `original` is what it does without any.
    if part.detail in (None, "original"):
        return _url(part)
    return {"url": _url(part), "detail": part.detail}


def _url(part: ImagePart | FilePart) -> str:
    return part.url if part.url is not None else f"data:{part.mime};base64,{part.base64}"

"""Content chunks: images, documents and audio beside text going out, references to sources coming back."""

from __future__ import annotations

from modelyard.provider import CitationPart, FilePart, ImagePart, JsonObject, TextPart, data_url

__all__ = ["citations_in", "input_chunk", "is_audio", "is_image", "text_chunk"]


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
    if is_image(part):
        return {"type": "image_url", "image_url": data_url(part)}
    if is_audio(part):
        return {"type": "input_audio", "input_audio": part.url if part.url is not None else part.base64}
    named = {"document_name": part.name} if part.name else {}
    return {"type": "document_url", "document_url": data_url(part), **named}


def is_image(part: object) -> bool:
    """Return whether a part is sent as an image."""
    return isinstance(part, ImagePart) or (
        isinstance(part, FilePart) and part.file_id is None and part.mime.startswith("image/")
    )


def is_audio(part: object) -> bool:
    """Return whether a part is sent as audio."""
    return isinstance(part, FilePart) and part.file_id is None and part.mime.startswith("audio/")


def citations_in(chunk: JsonObject) -> tuple[CitationPart, ...]:
    """Citations of a ``reference`` chunk: a part for each of its ids, which are those of a tool's documents.

    Each part carries the whole chunk, so that it can go back unchanged. Empty for any other chunk.
    """
    ids = chunk.get("reference_ids")
    if chunk.get("type") != "reference" or not isinstance(ids, list):
        return ()
    return tuple(CitationPart(source=str(source), raw=chunk) for source in ids)


def _image(part: ImagePart) -> str | JsonObject:
    # Mistral knows three of our four levels of detail; `original` is what it does without any.
    if part.detail in (None, "original"):
        return data_url(part)
    return {"url": data_url(part), "detail": part.detail}

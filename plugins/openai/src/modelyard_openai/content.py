"""Text, images and files as content parts of the Responses API."""

from __future__ import annotations

from modelyard.provider import (
    CitationPart,
    FilePart,
    ImagePart,
    JsonObject,
    TextPart,
    UnsupportedFeatureError,
    data_url,
)

__all__ = ["annotation_of", "input_part", "is_audio", "is_image", "unsupported"]

_ANNOTATIONS = frozenset({"file_citation", "url_citation", "container_file_citation", "file_path"})


def input_part(part: TextPart | ImagePart | FilePart, model: str) -> JsonObject:
    """A part of a user's message or of a tool's output, without its cache marker.

    OpenAI fetches URLs itself. Raises ``UnsupportedFeatureError`` for audio, which only Chat Completions takes.
    """
    if isinstance(part, TextPart):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, ImagePart):
        return {"type": "input_image", "image_url": data_url(part), "detail": part.detail or "auto"}
    if is_audio(part):
        raise unsupported("audio", "The Responses API takes no audio", model, "Use Chat Completions: api='chat'.")
    if is_image(part):
        source = {"file_id": part.file_id} if part.file_id is not None else {"image_url": data_url(part)}
        return {"type": "input_image", **source, "detail": "auto"}
    if part.file_id is not None:
        return {"type": "input_file", "file_id": part.file_id}
    if part.url is not None:
        return {"type": "input_file", "file_url": part.url}
    return {"type": "input_file", "filename": part.name or "file", "file_data": data_url(part)}


def is_audio(part: FilePart) -> bool:
    """Return whether a file is an audio clip."""
    return part.mime.startswith("audio/")


def is_image(part: FilePart) -> bool:
    """Return whether a file is an image, given as a file because it is already with the provider."""
    return part.mime.startswith("image/")


def unsupported(feature: str, what: str, model: str, hint: str) -> UnsupportedFeatureError:
    """The error for content an API or a model cannot take."""
    return UnsupportedFeatureError(f"{what}.", feature=feature, model=f"openai:{model}", hint=hint)


def annotation_of(citation: CitationPart) -> JsonObject | None:
    """The annotation a citation was made of, if it was one of the Responses API's."""
    return citation.raw if citation.raw.get("type") in _ANNOTATIONS else None

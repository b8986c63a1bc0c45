"""Images and files as parts of a message: bytes in line, everything else by URI."""

from __future__ import annotations

import mimetypes
from urllib.parse import urlsplit

from modelyard.provider import (
    FilePart,
    ImagePart,
    InvalidRequestError,
    JsonObject,
    Reporter,
    UnsupportedFeatureError,
)

__all__ = ["fetches", "media_part"]

_FILES = "https://generativelanguage.googleapis.com/v1beta/"
_OWN_HOSTS = ("generativelanguage.googleapis.com", "youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be")
_FETCHED = frozenset({"application/json", "application/pdf", "image/bmp", "image/jpeg", "image/png", "image/webp"})
"""What Google fetches from a public https URL, beside text (https://ai.google.dev/gemini-api/docs/file-input-methods)."""


def media_part(part: ImagePart | FilePart, reporter: Reporter) -> JsonObject:
    """An ``inlineData`` or ``fileData`` part.

    Gemini fetches public https URLs of text, PDF and the common kinds of image, YouTube links, registered
    objects of Cloud Storage and files uploaded to it; the id of an uploaded file (``files/abc``) becomes the URI
    it has there. Raises ``UnsupportedFeatureError`` for a URL it does not fetch.
    """
    if isinstance(part, ImagePart) and part.detail not in (None, "auto"):
        reporter.drop(
            "messages.image.detail", "Gemini sets the resolution for the whole request (mediaResolution)"
        )
    if isinstance(part, FilePart) and part.citations:
        reporter.drop("messages.file.citations", "Gemini cites what its search tools find, not files in a message")
    if part.data is not None:
        return {"inlineData": {"mimeType": _type_of_bytes(part), "data": part.base64}}
    uri = _file_uri(part.file_id) if isinstance(part, FilePart) and part.file_id is not None else part.url or ""
    media_type = part.media_type or mimetypes.guess_type(urlsplit(uri).path)[0]
    if part.url is not None:
        _check_fetched(uri, media_type)
    return {"fileData": {"fileUri": uri, **({"mimeType": media_type} if media_type else {})}}


def _file_uri(file_id: str) -> str:
    if "://" in file_id:
        return file_id
    if not file_id.startswith("files/"):
        raise InvalidRequestError(
            f"The file id {file_id!r} is none of Gemini's.",
            hint="Its ids read files/<name>; upload the file there.",
        )
    return _FILES + file_id


def fetches(part: ImagePart | FilePart) -> bool:
    """Return whether Google fetches a part's URL."""
    url = part.url or ""
    return _is_fetched(url, part.media_type or mimetypes.guess_type(urlsplit(url).path)[0])


def _is_fetched(url: str, media_type: str | None) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "gs" or (parts.scheme == "https" and parts.hostname in _OWN_HOSTS):
        return True
    known = media_type is None or media_type.startswith("text/") or media_type in _FETCHED
    return parts.scheme == "https" and known


def _check_fetched(url: str, media_type: str | None) -> None:
    if _is_fetched(url, media_type):
        return
    parts = urlsplit(url)
    what = f"{media_type} from a URL" if parts.scheme == "https" else f"{parts.scheme or 'relative'} URLs"
    raise UnsupportedFeatureError(
        f"Gemini does not fetch {what}.",
        feature="messages.url",
        hint="Pass the bytes as data, let the runtime fetch them (fetch_urls), or pass an uploaded file's id.",
    )


def _type_of_bytes(part: ImagePart | FilePart) -> str:
    if isinstance(part, FilePart) and part.media_type is None and part.name is not None:
        return mimetypes.guess_type(part.name)[0] or part.mime
    return part.mime

"""Images and files as parts of a message: bytes in line, everything else by URI."""

from __future__ import annotations

import mimetypes
from urllib.parse import urlsplit

from modelyard.types.base import JsonObject
from modelyard.types.content import FilePart, ImagePart
from modelyard.types.reporter import Reporter

__all__ = ["media_part"]

_FILES = "https://generativelanguage.googleapis.com/v1beta/"


def media_part(part: ImagePart | FilePart, reporter: Reporter) -> JsonObject:
    """An ``inlineData`` or ``fileData`` part.

    Gemini fetches public URLs, YouTube links and files uploaded to it; the id of an uploaded file
    (``files/abc``) becomes the URI it has there.
    """
    if isinstance(part, ImagePart) and part.detail not in (None, "auto"):
        reporter.drop(
            "messages.image.detail", "Gemini sets the resolution for the whole request (mediaResolution)"
        )
    if part.data is not None:
        return {"inlineData": {"mimeType": _type_of_bytes(part), "data": part.base64}}
    uri = part.url or ""
    if isinstance(part, FilePart) and part.file_id is not None:
        uri = part.file_id if "://" in part.file_id else _FILES + part.file_id
    media_type = part.media_type or mimetypes.guess_type(urlsplit(uri).path)[0]
    return {"fileData": {"fileUri": uri, **({"mimeType": media_type} if media_type else {})}}


def _type_of_bytes(part: ImagePart | FilePart) -> str:
    if isinstance(part, FilePart) and part.media_type is None and part.name is not None:
        return mimetypes.guess_type(part.name)[0] or part.mime
    return part.mime

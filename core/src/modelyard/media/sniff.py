"""Telling the media type of bytes from how they begin."""

from __future__ import annotations

import mimetypes
from typing import Final
from urllib.parse import urlsplit

__all__ = ["media_type_of", "sniff"]

_SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"BM", "image/bmp"),
)


def sniff(data: bytes) -> str | None:
    """The media type that the first bytes show, ``None`` where they show none."""
    for at, signature, media_type in _SIGNATURES:
        if data.startswith(signature, at) and (at != 8 or data.startswith(b"RIFF")):
            return media_type
    return None


def media_type_of(data: bytes, declared: str | None, named: str, url: str) -> str | None:
    """Tell the media type of bytes fetched from a URL.

    What they show counts most, then what the caller declared, what the server named, and the ending of the URL.
    """
    if named in ("application/octet-stream", "binary/octet-stream"):
        named = ""
    return sniff(data) or declared or named or mimetypes.guess_type(urlsplit(url).path)[0]

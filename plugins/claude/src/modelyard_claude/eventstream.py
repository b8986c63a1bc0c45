"""Amazon's event-stream framing, in which Bedrock wraps the events of a streamed answer.

A message is its length, the length of its headers, a checksum of both, headers, payload, and a checksum of the
whole; an event travels as base64 inside a JSON payload. Read here into server-sent events, so that one decoder
serves every door.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from modelyard.provider import InvalidResponseError, Response, body_chunks, parse_json

__all__ = ["MEDIA_TYPE", "EventStreamResponse"]

MEDIA_TYPE = "application/vnd.amazon.eventstream"

_PRELUDE = 12
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type; text (7) and bytes (6) say their own length."""


class EventStreamResponse:
    """A response whose body reads as server-sent events; ``limit`` is the bytes of one."""

    def __init__(self, response: Response, limit: int) -> None:
        self._limit = limit
        self._response = response
        self.status_code = response.status_code

    @property
    def headers(self) -> Any:
        """The headers as they came."""
        return self._response.headers

    async def aiter_bytes(self) -> AsyncGenerator[bytes, None]:
        """The events of the body, one at a time."""
        buffer = bytearray()
        async with aclosing(body_chunks(self._response)) as chunks:
            async for chunk in chunks:
                buffer += chunk
                while (size := _size_of_next(buffer, self._limit)) is not None:
                    message = bytes(buffer[:size])
                    del buffer[:size]
                    for event in _events(message):
                        yield event

    async def aread(self) -> bytes:
        """The whole body, unchanged."""
        return await self._response.aread()

    async def aclose(self) -> None:
        """Close the response."""
        await self._response.aclose()


def _size_of_next(buffer: bytearray, limit: int) -> int | None:
    """The size of the first message of a buffer, ``None`` while it is not complete."""
    if len(buffer) < _PRELUDE:
        return None
    size = int.from_bytes(buffer[:4], "big")
    if not _PRELUDE + 4 <= size <= limit:
        raise InvalidResponseError(f"The event stream announces a message of {size} bytes.")
    return size if len(buffer) >= size else None


def _events(message: bytes) -> Iterator[bytes]:
    if zlib.crc32(message[:-4]) != int.from_bytes(message[-4:], "big"):
        raise InvalidResponseError("A message of the event stream does not match its checksum.")
    headers_end = _PRELUDE + int.from_bytes(message[4:8], "big")
    headers = _headers(message[_PRELUDE:headers_end])
    payload = message[headers_end:-4]
    kind = headers.get(":message-type")
    if kind in ("exception", "error"):
        yield _sse(json.dumps({"type": "error", "error": _error(headers, payload)}).encode())
    elif headers.get(":event-type") == "chunk":
        yield _sse(_chunk(payload))


def _headers(data: bytes) -> dict[str, str]:
    """The headers that are text; the others only have to be skipped."""
    headers: dict[str, str] = {}
    at = 0
    while at < len(data):
        name_end = at + 1 + data[at]
        name, kind = data[at + 1 : name_end].decode("utf-8", "replace"), data[name_end]
        at = name_end + 1
        size = _SIZES.get(kind)
        if size is None:
            size = int.from_bytes(data[at : at + 2], "big")
            at += 2
        if kind == 7:
            headers[name] = data[at : at + size].decode("utf-8", "replace")
        at += size
    return headers


def _chunk(payload: bytes) -> bytes:
    try:
        return base64.b64decode(parse_json(payload)["bytes"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidResponseError(f"A message of the event stream holds no event ({error}).") from None


def _error(headers: dict[str, str], payload: bytes) -> dict[str, str]:
    kind = headers.get(":exception-type") or headers.get(":error-code") or "internalServerException"
    try:
        message = parse_json(payload)["message"]
    except (ValueError, KeyError, TypeError):
        message = headers.get(":error-message") or payload.decode("utf-8", "replace")
    return {"type": kind, "message": str(message)}


def _sse(data: bytes) -> bytes:
    # JSON has no line breaks but between its tokens, where a blank does as well.
    return b"data: %b\n\n" % data.replace(b"\r", b" ").replace(b"\n", b" ")

"""Taking off the content coding of a body in steps, so that a few bytes cannot become gigabytes at once.

RFC 9110 8.4 makes codings a list; one is taken, of the two that need no further library.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import cast

from modelyard.errors import InvalidResponseError

__all__ = ["ACCEPTED", "chunks_of", "coding_of", "too_long"]

ACCEPTED = "gzip, deflate"
"""Value to offer in ``accept-encoding``."""

_STEP = 256 * 1024
"""Bytes unpacked before the event loop gets its turn: about a millisecond of work."""

_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})


def coding_of(header: str | None) -> str:
    """The one coding a ``content-encoding`` header names, empty for none.

    Raises ``InvalidResponseError`` for several, and for one that was not offered.
    """
    if not header:
        return ""
    codings = [coding.strip().lower() for coding in header.split(",")]
    named = [coding for coding in codings if coding not in ("", "identity")]
    if not named:
        return ""
    if len(named) == 1 and named[0] in _CODINGS:
        return named[0]
    raise InvalidResponseError(
        f"The body is in the content coding {header[:100]!r}, which is not read.",
        hint=f"Taken is one coding, of these: {ACCEPTED}. Check any proxy on the way.",
    )


def chunks_of(stream: AsyncIterable[bytes], header: str | None) -> AsyncGenerator[bytes, None]:
    """The body of a response from its transport's stream, without the coding its ``content-encoding`` names.

    Raises ``InvalidResponseError`` for a coding that is not read, and later for bytes that are not in it.
    """
    coding = coding_of(header)
    return _unpacked(aiter(stream), coding) if coding else cast("AsyncGenerator[bytes, None]", aiter(stream))


def too_long(limit: int) -> InvalidResponseError:
    """The error for an answer of more bytes than are taken."""
    return InvalidResponseError(
        f"The answer is longer than {limit} bytes; the rest was not read.",
        code="answer_too_long",
        hint="Ask for less, or raise the bound answer_bytes.",
    )


async def _unpacked(chunks: AsyncIterator[bytes], coding: str) -> AsyncGenerator[bytes, None]:
    """The pieces of a body, none larger than a step."""
    packed: zlib._Decompress | None = None
    head = b""
    async for chunk in chunks:
        data = chunk
        if packed is None:
            head += chunk
            if len(head) < 2:
                continue
            packed, data = zlib.decompressobj(_window(coding, head)), head
        while not packed.eof:  # what stands behind the end is no part of the body
            piece = _step(packed, data, coding)
            data = packed.unconsumed_tail
            if piece:
                yield piece
            if not data and len(piece) < _STEP:
                break
            await asyncio.sleep(0)


def _step(packed: zlib._Decompress, data: bytes, coding: str) -> bytes:
    try:
        return packed.decompress(data, _STEP)
    except zlib.error as error:
        raise InvalidResponseError(f"The body is not in its content coding, {coding}: {error}.") from None


def _window(coding: str, head: bytes) -> int:
    """How zlib is told a format; ``deflate`` comes bare from some servers (RFC 9110 8.4.1.2)."""
    if coding != "deflate":
        return 16 + zlib.MAX_WBITS
    wrapped = head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS

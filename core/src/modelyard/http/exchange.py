"""Sending a request and taking the response apart, the same for every HTTP plugin."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, cast

from modelyard.bounds import Bounds
from modelyard.errors import InvalidResponseError
from modelyard.http.client import Response
from modelyard.http.error_body import read_error_body
from modelyard.http.failures import HttpFailure, first_value, plain_text
from modelyard.http.unpack import chunks_of, too_long
from modelyard.jsonio import parse_json
from modelyard.types.base import JsonObject

__all__ = [
    "body_chunks",
    "check_stream_type",
    "decode_json",
    "decode_value",
    "drain",
    "raise_for_status",
    "read_bounded",
]

_BOUNDS = Bounds()


def decode_value(body: bytes, tell: Callable[[str], None] | None = None, *, pieces: bool = False) -> Any:
    """The JSON value of an answer; raises ``InvalidResponseError`` for what is no JSON.

    ``tell`` is called with what was set right, as by ``parse_odd``; ``pieces`` says that the value holds an answer
    in several pieces.
    """
    try:
        return parse_json(body, tell, pieces=pieces)
    except ValueError:
        shown = plain_text(body)
        what = f"is no JSON: {shown}" if shown else "is empty"
        raise InvalidResponseError(f"The answer {what}.") from None


def decode_json(body: bytes, tell: Callable[[str], None] | None = None) -> JsonObject:
    """The JSON object of an answer; raises ``InvalidResponseError`` for anything else."""
    value = decode_value(body, tell)
    if not isinstance(value, dict):
        raise InvalidResponseError(f"The answer is a JSON {type(value).__name__}, not an object.")
    return value


def body_chunks(response: Response) -> AsyncGenerator[bytes, None]:
    """The body of a response as it arrives, its content coding taken off in steps.

    It is read from its transport: the layers between unpack whole chunks at once, and cost more than the decoding
    of an answer. Raises ``InvalidResponseError`` for a coding that is not read.
    """
    stream: Any = getattr(response, "stream", None)
    if stream is None or getattr(response, "is_stream_consumed", False):
        return cast("AsyncGenerator[bytes, None]", response.aiter_bytes())  # a hook of the host's has read it
    return chunks_of(stream, response.headers.get("content-encoding"))


async def raise_for_status(response: Response, limit: int = _BOUNDS.error_bytes) -> None:
    """Raise ``HttpFailure``, the body read and the response closed, unless the status is a success.

    The body is cut at a limit, in bytes and in seconds, and ends where it breaks: the status was received, and
    it decides.
    """
    if 200 <= response.status_code < 300:
        return
    try:
        body = await read_error_body(lambda: body_chunks(response), limit)
    finally:
        with contextlib.suppress(Exception):
            await response.aclose()
    raise HttpFailure(response.status_code, dict(response.headers), body)


async def read_bounded(response: Response, limit: int = _BOUNDS.answer_bytes) -> bytes:
    """Read a body up to a limit; raises ``InvalidResponseError`` above it."""
    whole = bytearray()  # no list: two bytes a piece would make it twenty times the body
    async with contextlib.aclosing(body_chunks(response)) as body:
        async for chunk in body:
            whole += chunk
            if len(whole) > limit:
                raise too_long(limit)
    return bytes(whole)


def check_stream_type(response: Response) -> str:
    """The media type of a streamed answer, in lower case.

    Raises ``InvalidResponseError`` for HTML, which is what a proxy or a wrong base URL answers with.
    """
    header = first_value(response.headers.get("content-type")) or ""
    media_type = header.partition(";")[0].strip().lower()
    if media_type == "text/html":
        raise InvalidResponseError(
            "The answer is an HTML page, not a stream.", hint="Check the base URL and any proxy."
        )
    return media_type


async def drain(chunks: AsyncIterator[bytes], seconds: float = 0.2) -> None:
    """Read the rest of a response after its terminator, so that the connection can be used again.

    Gives up silently after some time or 64 KiB: the answer is complete, only the connection is lost.
    """
    left = 64 * 1024
    with contextlib.suppress(Exception):
        async with asyncio.timeout(seconds):
            while left > 0 and (chunk := await anext(chunks, None)) is not None:
                left -= len(chunk)

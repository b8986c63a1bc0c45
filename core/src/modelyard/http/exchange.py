"""Sending a request and taking the response apart, the same for every HTTP plugin."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, cast

from modelyard.errors import InvalidResponseError
from modelyard.http.client import MAX_ERROR_BODY, Response
from modelyard.http.failures import HttpFailure, plain_text
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

MAX_BODY = 256 * 1024 * 1024
"""Bytes of a whole answer, and of one event of a stream; more is an error, not a hang."""


def decode_value(body: bytes) -> Any:
    """The JSON value of an answer; raises ``InvalidResponseError`` for what is no JSON."""
    try:
        return parse_json(body)
    except ValueError:
        shown = plain_text(body)
        what = f"is no JSON: {shown}" if shown else "is empty"
        raise InvalidResponseError(f"The answer {what}.") from None


def decode_json(body: bytes) -> JsonObject:
    """The JSON object of an answer; raises ``InvalidResponseError`` for anything else."""
    value = decode_value(body)
    if not isinstance(value, dict):
        raise InvalidResponseError(f"The answer is a JSON {type(value).__name__}, not an object.")
    return value


def body_chunks(response: Response) -> AsyncGenerator[bytes, None]:
    """The body of a response as it arrives, decompressed.

    A body that is not compressed is read from its transport: the layers between cost more than its decoding.
    """
    stream: Any = getattr(response, "stream", None)
    plain = stream is not None and "content-encoding" not in response.headers
    return cast("AsyncGenerator[bytes, None]", aiter(stream) if plain else response.aiter_bytes())


async def raise_for_status(response: Response) -> None:
    """Raise ``HttpFailure``, the body read and the response closed, unless the status is a success."""
    if 200 <= response.status_code < 300:
        return
    try:
        body = await read_bounded(response, MAX_ERROR_BODY, cut=True)
    finally:
        await response.aclose()
    raise HttpFailure(response.status_code, dict(response.headers), body)


async def read_bounded(response: Response, limit: int = MAX_BODY, *, cut: bool = False) -> bytes:
    """Read a body up to a limit; above it, cut the body or raise ``InvalidResponseError``."""
    chunks: list[bytes] = []
    size = 0
    async with contextlib.aclosing(body_chunks(response)) as body:
        async for chunk in body:
            chunks.append(chunk)
            size += len(chunk)
            if size <= limit:
                continue
            if cut:
                break
            raise InvalidResponseError(f"The answer is longer than {limit} bytes.")
    return b"".join(chunks)[:limit]


def check_stream_type(response: Response) -> str:
    """The media type of a streamed answer, in lower case.

    Raises ``InvalidResponseError`` for HTML, which is what a proxy or a wrong base URL answers with.
    """
    media_type = str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()
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

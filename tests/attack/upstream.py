"""A server that sends whatever bytes a case says, HTTP or not, and stops with its case."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from modelyard.testing import Received, load_dialects
from modelyard.testing.dialect import Dialect

__all__ = ["AFTER_THE_ANSWER", "HANG", "Act", "Ask", "Pause", "head", "serve"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Send nothing for some seconds."""

    seconds: float


HANG = Pause(60.0)
"""Longer than any case lasts; the client leaves before."""

AFTER_THE_ANSWER = Pause(0.05)
"""Long enough for a client to take an answer, short enough to come before its next request."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request a hostile server has to answer, with the honest dialect of its provider at hand."""

    received: Received
    dialect: Dialect
    number: int
    """Requests so far, this one included."""

    @property
    def stream(self) -> bool:
        """Whether a stream is wanted; lists and counts are none."""
        return self.received.method == "POST" and self.dialect.wants_stream(self.received)

    @property
    def listing(self) -> bool:
        """Whether it is the list of models that is asked for."""
        return self.received.method == "GET"


Act = Callable[[Ask], Iterable[bytes | Pause]]
"""What to send for a request, head included; the connection is closed after it unless the head says its length."""


def head(status: int, media_type: str, *lines: str, length: int | None = None) -> bytes:
    """A response's head; without a length, its body is chunked."""
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    fields = [f"HTTP/1.1 {status} Scripted", f"content-type: {media_type}", framing, *lines]
    return ("\r\n".join(fields) + "\r\n\r\n").encode()


@contextlib.asynccontextmanager
async def serve(provider: str, act: Act) -> AsyncIterator[str]:
    """Serve a case on loopback; gives the base URL."""
    dialect = load_dialects([provider])[provider]
    asked = 0

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                received = await _read(reader)
                asked += 1
                if not await _send(act(Ask(received, dialect, asked)), writer):
                    break
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0, limit=2**20)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _send(pieces: Iterable[bytes | Pause], writer: asyncio.StreamWriter) -> bool:
    """Send an answer; says whether the connection may carry another."""
    keep, last = False, b""
    for number, piece in enumerate(pieces):
        if isinstance(piece, Pause):
            await asyncio.sleep(piece.seconds)
            continue
        keep = b"content-length" in piece if not number else keep
        last = piece
        writer.write(piece)
        await writer.drain()
    return keep or last.endswith(b"0\r\n\r\n")


async def _read(reader: asyncio.StreamReader) -> Received:
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = text.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    body = b""
    if "chunked" in headers.get("transfer-encoding", ""):
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    if method == "POST":
        json.loads(body)
    return Received(method, unquote(parts.path), parts.query, headers, body)

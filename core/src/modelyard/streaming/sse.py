"""A parser of server-sent events that works on bytes.

Complete by the WHATWG specification: lines end in CR, LF or CRLF and nothing else (not in U+2028, which
``str.splitlines`` takes for a line end and answers do contain), comments, a byte-order mark, data over
several lines. Time is linear in the input however it is cut into chunks, and an event has a size limit.
"""

from __future__ import annotations

from typing import TypeAlias

from modelyard.bounds import Bounds
from modelyard.errors import InvalidResponseError

__all__ = ["MAX_EVENT_BYTES", "ServerSentEvent", "SseParser"]

MAX_EVENT_BYTES = Bounds().event_bytes

_BOM = b"\xef\xbb\xbf"


ServerSentEvent: TypeAlias = tuple[bytes, bytes]
"""An event's data, its lines joined by LF, and its type, empty if it names none."""


class SseParser:
    """Feed it chunks of bytes, get the events each chunk completes.

    ``limit`` bounds the bytes of one event; a larger one raises ``InvalidResponseError``.
    """

    __slots__ = ("_limit", "_pending", "_pending_size", "_skip_lf", "_started", "_tail")

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._tail = b""  # a line end held back from pending: the next byte may make it a blank line
        self._skip_lf = False  # the last chunk ended in CR, whose LF may still come
        self._started = False

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Take a chunk and return the events it completes, often none."""
        if not self._started:
            chunk = self._start(chunk)
        if self._skip_lf and chunk:
            self._skip_lf = False
            if chunk[:1] == b"\n":
                chunk = chunk[1:]
        if not chunk:
            return []
        if b"\r" in chunk:
            self._skip_lf = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return self._split(self._tail + chunk if self._tail else chunk)

    def flush(self) -> ServerSentEvent | None:
        """At the end of the input, give the event whose closing blank line never came, if any."""
        block = b"".join(self._pending)
        self._pending, self._pending_size, self._tail = [], 0, b""
        return _parse_block(block)

    def _start(self, chunk: bytes) -> bytes:
        """Drop a byte-order mark, waiting until enough bytes are there to know one."""
        chunk = b"".join((*self._pending, chunk))
        self._pending, self._pending_size = [], 0
        if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
            self._pending = [chunk] if chunk else []
            return b""
        self._started = True
        return chunk.removeprefix(_BOM)

    def _split(self, text: bytes) -> list[ServerSentEvent]:
        blocks = text.split(b"\n\n")
        last = blocks.pop()
        events: list[ServerSentEvent] = []
        if blocks:
            if self._pending:
                self._pending.append(blocks[0])
                blocks[0] = b"".join(self._pending)
                self._pending, self._pending_size = [], 0
            for block in blocks:
                event = _parse_block(block)
                if event is not None:
                    events.append(event)
        self._hold(last)
        return events

    def _hold(self, text: bytes) -> None:
        """Keep the beginning of an event whose end has not come."""
        if text.endswith(b"\n"):
            self._tail = b"\n"
            text = text[:-1]
        else:
            self._tail = b""
        if not text:
            return
        self._pending.append(text)
        self._pending_size += len(text)
        if self._pending_size > self._limit:
            raise InvalidResponseError(f"An event of the stream is longer than {self._limit} bytes.")


def _parse_block(block: bytes) -> ServerSentEvent | None:
    """The event a block of lines says, ``None`` when it holds no data."""
    # The two shapes providers send, one data line with or without an event line, skip the general loop.
    if block.startswith(b"data: "):
        if b"\n" not in block:
            return block[6:], b""
    elif block.startswith(b"event: "):
        end = block.find(b"\n")
        if block.startswith(b"data: ", end + 1) and block.find(b"\n", end + 1) < 0:
            return block[end + 7 :], block[7:end]
    return _parse_lines(block)


def _parse_lines(block: bytes) -> ServerSentEvent | None:
    event = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            data.append(value)
        elif name == b"event":
            event = value
    return (b"\n".join(data), event) if data else None

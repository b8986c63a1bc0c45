"""Connections of aiohttp that know whose bytes they carry.

aiohttp keeps what arrives while nobody waits and gives it to the next request, lets an answer wait for ever
when its framing breaks, and loses an answer that garbage follows in the same packet (aiohttp 3.14.5,
``client_proto.py``). This module is imported where a session opens, in a thread.
"""

from __future__ import annotations

import asyncio
import functools
import select
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from modelyard.http.once_more import SENT, SentRequest

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.http_parser import RawResponseMessage
    from aiohttp.streams import StreamReader

__all__ = ["Pool", "PooledConnection", "is_readable"]

_HEAD_END = b"\r\n\r\n"


class PooledConnection(ResponseHandler):
    """One connection. Bytes no request waits for are nobody's, and end it.

    ``turns`` counts the requests it was given, ``heard`` says whether a byte answered the present one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.turns = 0
        self.heard = False
        self._body: StreamReader | None = None

    def set_response_params(self, **params: Any) -> None:
        """Begin to wait for the answer to a request."""
        self.turns += 1
        self.heard = False
        self._body = None
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Take bytes: of the answer that is awaited, or nobody's."""
        body = self._body
        if body is not None:
            if data and body.is_eof():
                self._spoil()
                return
            super().data_received(data)
            if body.is_eof() and self._holds_more():
                self._spoil()
            return
        self.heard = True
        while data and self._body is None:
            # What breaks behind the head must not undo it, so the head is parsed by itself.
            end = data.find(_HEAD_END) + len(_HEAD_END)
            head, data = (data[:end], data[end:]) if end >= len(_HEAD_END) else (data, b"")
            super().data_received(head)
            if self.exception() is not None:
                return
        if data:
            self.data_received(data)

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Take the head of an answer from the parser; that of a second one is nobody's."""
        message, body = data
        if self._body is not None:
            self._spoil()
            return
        if message.code >= 200 or message.code == 101:  # before it, a server may say that it is still there
            self._body = body
        super().feed_data(data, size)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Fail the present request, and whoever reads the body of its answer."""
        super().set_exception(exc, *cause)
        body = self._body
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError(f"The answer broke off: {exc}"))

    def is_sound(self) -> bool:
        """Return whether an idle connection may serve once more: nothing came, not even its end."""
        return self.is_connected() and not self.should_close and not is_readable(self.transport)

    async def aclose(self) -> None:
        """Close it."""
        self.close()

    def _holds_more(self) -> bool:
        """Whether the parser, done with an answer, has begun to read another."""
        try:
            return self._parser is not None and self._parser.feed_eof() is not None
        except Exception:  # what it has is no head
            return True

    def _spoil(self) -> None:
        self.force_close()
        if self.transport is not None:
            self.transport.close()


class Pool(aiohttp.TCPConnector):
    """A connector whose connections are ``PooledConnection``, sound when they are handed out."""

    def __init__(self, tls: ssl.SSLContext, limit: int) -> None:
        super().__init__(ssl=tls, limit=limit, keepalive_timeout=30)
        loop = asyncio.get_running_loop()
        self._factory = functools.partial(PooledConnection, loop=loop)  # type: ignore[assignment]  # a subclass

    async def connect(self, *args: Any, **options: Any) -> Connection:
        """A connection for a request: a new one where the call asks for that."""
        call = SENT.get() or SentRequest()
        while True:
            connection = await super().connect(*args, **options)
            line = connection.protocol
            assert isinstance(line, PooledConnection)
            if line.turns == 0 or (not call.fresh and line.is_sound()):
                call.line = line
                return connection
            connection.close()

    async def _wait_for_available_connection(self, *args: Any) -> None:
        # aiohttp raises the same when this takes too long as when connecting does.
        call = SENT.get() or SentRequest()
        call.queued = True
        await super()._wait_for_available_connection(*args)
        call.queued = False


def is_readable(transport: asyncio.BaseTransport | None) -> bool:
    """Return whether bytes, or the end, have arrived on a connection that the event loop has not yet seen."""
    socket = None if transport is None else transport.get_extra_info("socket")
    if socket is None or socket.fileno() < 0:
        return True
    if not hasattr(select, "poll"):
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))

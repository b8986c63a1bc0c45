"""An HTTP/1.1 server on loopback whose every byte, pause and break is scripted.

It runs in a thread of its own, so synchronous and asynchronous tests use it alike, and it is small on
purpose: what an ordinary server does to protect its clients is what the tests want to take away.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias
from urllib.parse import unquote, urlsplit

__all__ = ["Hang", "LoopbackServer", "Pause", "Received", "Reply", "ReplyStep", "Reset"]


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it arrived; header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait some seconds before the next step."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """Break the connection with a TCP reset."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Send nothing more and keep the connection open until the client leaves."""


ReplyStep: TypeAlias = bytes | Pause | Reset | Hang


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the server: a head, then steps, each piece of bytes written by itself.

    ``chunked`` frames the pieces; its closing chunk is left out, as after a crash, when ``cut`` is set.
    Without it the pieces are one body of known length. ``before_head`` runs before any byte is sent.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[ReplyStep] = ()
    chunked: bool = False
    cut: bool = False
    before_head: Sequence[ReplyStep] = ()

    @classmethod
    def json(cls, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
        """A JSON answer."""
        body = json.dumps(value, ensure_ascii=False).encode()
        return cls(status, {"content-type": "application/json", **(headers or {})}, (body,))

    @classmethod
    def sse(cls, steps: Sequence[ReplyStep], headers: Mapping[str, str] | None = None) -> Reply:
        """A stream of server-sent events."""
        return cls(200, {"content-type": "text/event-stream", **(headers or {})}, tuple(steps), chunked=True)


Handler: TypeAlias = Callable[[Received], Reply]


class _Broken(Exception):
    """The script says to break the connection here."""


class LoopbackServer:
    """Answers requests with what a handler says; use it as a context manager.

    ``requests`` lists what arrived, ``open_connections`` how many clients are connected, and
    ``disconnects`` how many left while an answer was under way.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.requests: list[Received] = []
        self.open_connections = 0
        self.disconnects = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._left = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: weakref.WeakSet[asyncio.StreamWriter] = weakref.WeakSet()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._serve, name="loopback-server", daemon=True)

    @property
    def url(self) -> str:
        """The root URL."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to serve; returns once the port is open."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Drop all connections and end the thread."""
        stop = self._stop
        if self._thread.is_alive() and stop is not None:
            self._loop.call_soon_threadsafe(stop.set)
            self._thread.join()

    def wait_for_disconnect(self, seconds: float) -> None:
        """Block until a client has left in the middle of an answer; raises ``TimeoutError`` if none does."""
        if not self._left.wait(seconds):
            raise TimeoutError(f"no client left within {seconds} s")

    def _serve(self) -> None:
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    async def _main(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=2**20, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await drop(self._writers)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        task.add_done_callback(self._tasks.discard)
        self.open_connections += 1
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the server stops: nothing to tell anybody
        except _Broken:
            _reset(writer)
        finally:
            self.open_connections -= 1
            with contextlib.suppress(Exception):
                writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        early = b""
        while True:
            received = await _read_request(reader, early)
            if received is None:
                return
            self.requests.append(received)
            reply = self._handler(received)
            early = await self._answer(reply, reader, writer)
            if reply.cut:
                return

    async def _answer(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """Send a reply unless the client leaves first; returns a byte of the next request that came early."""
        sending = asyncio.ensure_future(_send(reply, writer))
        listening = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
            if _client_left(sending, listening):
                self.disconnects += 1
                self._left.set()
                raise ConnectionResetError
            await sending
            return listening.result() if listening.done() else b""
        finally:
            sending.cancel()
            listening.cancel()
            await asyncio.gather(sending, listening, return_exceptions=True)


async def drop(writers: Iterable[asyncio.StreamWriter]) -> None:
    """Give up connections at once: one whose client reads nothing more stays open although it was closed."""
    for writer in list(writers):
        writer.transport.abort()
    for _ in range(2):  # a socket is closed in the turn after the one that gives it up
        await asyncio.sleep(0)


def _client_left(sending: asyncio.Future[None], listening: asyncio.Future[bytes]) -> bool:
    """Whether the client went, in order or by a reset, before the answer was at its end."""
    if sending.done():
        return isinstance(sending.exception(), ConnectionError)
    return listening.exception() is not None or not listening.result()


async def _read_request(reader: asyncio.StreamReader, early: bytes) -> Received | None:
    try:
        head = early + await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    if "chunked" in headers.get("transfer-encoding", ""):
        body = await _read_chunked(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Received(method, unquote(parts.path), parts.query, headers, body)


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    pieces: list[bytes] = []
    while True:
        size = int((await reader.readline()).split(b";")[0], 16)
        piece = await reader.readexactly(size)
        await reader.readline()
        if not size:
            return b"".join(pieces)
        pieces.append(piece)


async def _send(reply: Reply, writer: asyncio.StreamWriter) -> None:
    for step in reply.before_head:
        await _wait(step)
    headers = dict(reply.headers)
    if reply.chunked:
        headers["transfer-encoding"] = "chunked"
    else:
        headers["content-length"] = str(sum(len(step) for step in reply.steps if isinstance(step, bytes)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {reply.status} Scripted\r\n{lines}\r\n".encode("latin-1"))
    for step in reply.steps:
        if isinstance(step, bytes):
            if step:
                writer.write(b"%x\r\n%b\r\n" % (len(step), step) if reply.chunked else step)
                await writer.drain()
        else:
            await writer.drain()
            await _wait(step)
    if reply.chunked and not reply.cut:
        writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _wait(step: ReplyStep) -> None:
    if isinstance(step, Pause):
        await asyncio.sleep(step.seconds)
    elif isinstance(step, Hang):
        await asyncio.Event().wait()
    elif isinstance(step, Reset):
        raise _Broken


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a TCP reset: a lingering time of zero throws away what was not acknowledged."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

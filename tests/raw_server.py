"""A server on loopback that speaks bytes: each connection is served by a function of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from modelyard.testing import Received, Reply, Script, load_dialects
from modelyard.testing.server import _read_request, _reset, drop

__all__ = ["Connection", "RawServer", "Serve", "answer_bytes", "http_bytes"]


@dataclass(slots=True)
class Connection:
    """One connection: ``number`` counts from 0."""

    number: int
    reader: asyncio.StreamReader = field(repr=False)
    writer: asyncio.StreamWriter = field(repr=False)
    requests: list[Received] = field(repr=False)

    async def receive(self) -> Received:
        """The next request; raises ``ConnectionResetError`` when the client leaves."""
        received = await _read_request(self.reader, b"")
        if received is None:
            raise ConnectionResetError
        self.requests.append(received)
        return received

    async def send(self, data: bytes) -> None:
        """Send bytes in one piece."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Break the connection."""
        _reset(self.writer)

    async def wait_until_closed(self) -> None:
        """Wait until the client leaves, and read nothing of what it says."""
        while await self.reader.read(65536):
            pass


Serve: TypeAlias = Callable[[Connection], Awaitable[None]]


class RawServer:
    """Runs in a thread; use it as a context manager. A connection ends with the function that serves it."""

    def __init__(self, serve: Serve, tls: ssl.SSLContext | None = None) -> None:
        self._serve, self._tls = serve, tls
        self.requests: list[Received] = []
        self.connections = 0
        self.port = 0
        self._writers: weakref.WeakSet[asyncio.StreamWriter] = weakref.WeakSet()
        self._loop = asyncio.new_event_loop()
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="raw-server", daemon=True)

    @property
    def url(self) -> str:
        """The root URL."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(lambda *_: None)  # handshakes that fail are what tests ask for
        self._loop.run_until_complete(self._main())
        self._loop.close()

    async def _main(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await drop(self._writers)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self.connections, reader, writer, self.requests)
        self.connections += 1
        self._writers.add(writer)
        try:
            await self._serve(connection)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the server stops
        finally:
            with contextlib.suppress(Exception):
                writer.close()


def http_bytes(reply: Reply, headers: Mapping[str, str] | None = None) -> bytes:
    """A reply as bytes, with a ``content-length``."""
    body = b"".join(step for step in reply.steps if isinstance(step, bytes))
    named = {**reply.headers, "content-length": str(len(body)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {reply.status} Scripted\r\n{lines}\r\n".encode("latin-1") + body


def answer_bytes(provider: str, received: Received, text: str, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole HTTP response in which a provider says something, streamed or whole as it was asked."""
    dialect = load_dialects([provider])[provider]
    return http_bytes(dialect.reply(Script().say(text), received), headers)

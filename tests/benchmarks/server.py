"""The server of the benchmarks, in a process of its own so that only the client's CPU is measured.

Run as ``python -m tests.benchmarks.server``: prints its port, then serves until standard input closes. The
first path segment says how: ``/call`` answers whole, ``/burst`` streams 50 events at a time, ``/paced``
one event per write, 0.3 ms apart, ``/slow`` 5 ms apart, ``/idle`` one event and then nothing.
"""

from __future__ import annotations

import asyncio
import sys
import threading

from tests.benchmarks.payloads import Payload, load_payloads

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n"
SLOW_EVENTS = 200


def main() -> None:
    """Serve until standard input closes."""
    asyncio.run(_serve())


async def _serve() -> None:
    payloads = load_payloads()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(stop.set)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                _, mode, provider, *_ = head.split(b" ", 2)[1].decode().split("/")
                await _answer(mode, payloads[provider], writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has left, or the run is over
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    threading.Thread(target=wait_for_the_end, daemon=True).start()
    await stop.wait()


async def _answer(mode: str, payload: Payload, writer: asyncio.StreamWriter) -> None:
    if mode == "call":
        writer.write(
            _HEAD % b"application/json" + b"content-length: %d\r\n\r\n" % len(payload.body) + payload.body
        )
        return
    writer.write(_HEAD % b"text/event-stream" + b"transfer-encoding: chunked\r\n\r\n")
    events = payload.events
    if mode == "burst":
        for at in range(0, len(events), 50):
            for event in events[at : at + 50]:  # one HTTP chunk for each event, as providers send them
                _chunk(writer, event)
            await writer.drain()
    elif mode == "idle":
        _chunk(writer, b"".join(events[:3]))
        await asyncio.sleep(3600)
    else:
        await _trickle(writer, events, mode)
    writer.write(b"0\r\n\r\n")


async def _trickle(writer: asyncio.StreamWriter, events: tuple[bytes, ...], mode: str) -> None:
    if mode == "slow":
        # The last events end the stream; those before are dropped to keep the run short.
        events = (*events[: SLOW_EVENTS - 5], *events[-5:])
    gap = 0.005 if mode == "slow" else 0.0003
    loop = asyncio.get_running_loop()
    due = loop.time()
    for event in events:
        if writer.transport.is_closing():
            raise ConnectionResetError
        _chunk(writer, event)
        due += gap
        await asyncio.sleep(max(due - loop.time(), 0))


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))


if __name__ == "__main__":
    main()

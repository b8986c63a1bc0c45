"""Connections are kept and used again; what a server does to idle ones must not reach a caller."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from modelyard import Completion, ConnectionFailedError, ProviderError, Runtime, StreamInterruptedError
from modelyard.testing import Received

from .conftest import VARIANTS, ask, variant_settings
from .raw_server import Connection, RawServer, Serve, answer_bytes

WAYS = list(product(VARIANTS, ["aiohttp", "httpx"], [False, True]))
"""Every wire format, transport, and whole or streamed."""

way = pytest.mark.parametrize(
    ("variant", "transport", "stream"),
    WAYS,
    ids=[f"{variant}-{transport}-{'streamed' if stream else 'whole'}" for variant, transport, stream in WAYS],
)


class Upstream:
    """A raw server and a runtime that calls it, once for each attempt."""

    def __init__(self, variant: str, transport: str, stream: bool, **settings: Any) -> None:
        self._variant, self._transport, self._stream = variant, transport, stream
        self._settings = settings

    def answer(self, received: Received, text: str, **headers: str) -> bytes:
        """The bytes of a whole answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return answer_bytes(self._variant.partition("-")[0], received, text, named)

    async def ask(
        self, serve: Serve, *, calls: int = 1, ready: threading.Event | None = None
    ) -> tuple[list[Completion], RawServer]:
        """Make calls one after the other, each but the first when the server is ready for it."""
        completions: list[Completion] = []
        with RawServer(serve) as server:
            provider, reference, settings = variant_settings(self._variant, server.url)
            settings |= {"transport": self._transport, **self._settings}
            async with Runtime({provider: settings}, plugins=[provider], max_attempts=1) as runtime:
                for number in range(calls):
                    if number and ready is not None:
                        assert await asyncio.to_thread(ready.wait, 5)
                    completions.append(await ask(runtime, reference, stream=self._stream))
        return completions, server


@pytest.fixture
def upstream(variant: str, transport: str, stream: bool) -> Upstream:
    return Upstream(variant, transport, stream)


@way
async def test_a_request_that_dies_on_a_used_connection_goes_out_on_a_new_one(upstream: Upstream) -> None:
    """X01."""

    async def serve(connection: Connection) -> None:
        await connection.send(upstream.answer(await connection.receive(), "ok"))
        await connection.reader.read(1)  # a second request begins: close

    answers, server = await upstream.ask(serve, calls=3)
    assert [answer.text for answer in answers] == ["ok"] * 3
    assert [len(answer.record.attempts) for answer in answers] == [1] * 3
    assert server.connections == 3


@way
async def test_a_reset_is_a_death_as_well(upstream: Upstream) -> None:
    async def serve(connection: Connection) -> None:
        await connection.send(upstream.answer(await connection.receive(), "ok"))
        await connection.receive()
        connection.reset()

    answers, _ = await upstream.ask(serve, calls=2)
    assert [answer.text for answer in answers] == ["ok"] * 2


@way
async def test_a_server_that_closes_after_each_answer_loses_no_call(upstream: Upstream) -> None:
    """X02."""

    async def serve(connection: Connection) -> None:
        await connection.send(upstream.answer(await connection.receive(), "ok", keep_alive="timeout=5"))

    answers, _ = await upstream.ask(serve, calls=20)
    assert {answer.text for answer in answers} == {"ok"}
    assert {len(answer.record.attempts) for answer in answers} == {1}


@way
async def test_many_dead_connections_cost_one_call_nothing(variant: str, transport: str, stream: bool) -> None:
    """X02: the second try is on a new connection, and not on the next dead one of the pool."""
    upstream = Upstream(variant, transport, stream)
    together = asyncio.Event()

    async def serve(connection: Connection) -> None:
        received = await connection.receive()
        if connection.number == 5:
            together.set()
        await together.wait()
        await connection.send(upstream.answer(received, "ok"))
        await connection.reader.read(1)

    with RawServer(serve) as server:
        provider, reference, settings = variant_settings(variant, server.url)
        settings["transport"] = transport
        async with Runtime({provider: settings}, plugins=[provider], max_attempts=1) as runtime:
            await asyncio.gather(*(ask(runtime, reference, stream=stream) for _ in range(6)))
            again = await ask(runtime, reference, stream=stream)
    assert again.text == "ok"
    assert len(again.record.attempts) == 1
    assert len(server.requests) == 7


@way
async def test_on_a_new_connection_nothing_is_repeated(upstream: Upstream) -> None:
    async def serve(connection: Connection) -> None:
        await connection.receive()

    with pytest.raises(ConnectionFailedError) as caught:
        await upstream.ask(serve)
    assert caught.value.code == "connection_lost"


@way
@pytest.mark.parametrize("said", [b"H", b"HTTP/1.1 200 OK\r\ncontent-le"])
async def test_after_the_first_byte_nothing_is_repeated(upstream: Upstream, said: bytes) -> None:
    requests = 0

    async def serve(connection: Connection) -> None:
        nonlocal requests
        await connection.send(upstream.answer(await connection.receive(), "ok"))
        await connection.receive()
        requests += 1
        await connection.send(said)

    with pytest.raises(ProviderError) as caught:
        await upstream.ask(serve, calls=2)
    assert isinstance(caught.value, ConnectionFailedError)
    assert requests == 1


def _second_answer(upstream: Upstream, received: Received) -> bytes:
    return upstream.answer(received, "ANSWER OF SOMEBODY ELSE")


def _timeout_answer(_: Upstream, __: Received) -> bytes:
    return b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def _half_answer(_: Upstream, __: Received) -> bytes:
    return b"HTTP/1.1 500 Broken\r\ncontent-"


def _garbage(_: Upstream, __: Received) -> bytes:
    return b"\x00\x15\x03\x01 garbage"


Extra = Callable[[Upstream, Received], bytes]
extra = pytest.mark.parametrize("extra", [_second_answer, _timeout_answer, _half_answer, _garbage])


@way
@extra
@pytest.mark.parametrize("wait", [0.0, 0.02], ids=["in the same packet", "later"])
async def test_what_nobody_waits_for_answers_nobody(upstream: Upstream, extra: Extra, wait: float) -> None:
    """X15."""
    sent = threading.Event()

    async def serve(connection: Connection) -> None:
        received = await connection.receive()
        answer = upstream.answer(received, f"answer {connection.number}")
        if wait:
            await connection.send(answer)
            await asyncio.sleep(wait)
            answer = b""
        await connection.send(answer + extra(upstream, received))
        sent.set()
        await connection.wait_until_closed()

    answers, server = await upstream.ask(serve, calls=2, ready=sent)
    assert [answer.text for answer in answers] == ["answer 0", "answer 1"]
    assert len(server.requests) == 2


@way
@pytest.mark.parametrize("wait", [0.0, 0.02], ids=["in the same packet", "later"])
async def test_broken_framing_ends_a_read_at_once(upstream: Upstream, stream: bool, wait: float) -> None:
    """X16."""
    waits: list[float] = []

    async def serve(connection: Connection) -> None:
        whole = upstream.answer(await connection.receive(), "Half an answer", transfer_encoding="chunked")
        head, _, body = whole.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"content-length")]
        half = body[: body.index(b"\n", body.index(b"Half"))] + b"\n\n" if stream else body[:20]
        first = b"\r\n".join([*lines, b"", b"%x" % len(half), half, b""])
        if wait:
            await connection.send(first)
            await asyncio.sleep(wait)
            first = b""
        await connection.send(first + b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        begun = time.monotonic()
        try:
            await connection.wait_until_closed()
        finally:
            waits.append(time.monotonic() - begun)

    with pytest.raises((StreamInterruptedError, ConnectionFailedError)) as caught:
        await upstream.ask(serve)
    assert max(waits) < 2
    if stream:
        assert isinstance(caught.value, StreamInterruptedError)
        assert caught.value.partial is not None
        assert caught.value.partial.text.startswith("Half")


@way
async def test_a_head_that_cannot_be_read_ends_the_wait_at_once(upstream: Upstream) -> None:
    async def serve(connection: Connection) -> None:
        await connection.receive()
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nno colon here\r\n\r\n")
        await connection.wait_until_closed()

    with pytest.raises(ConnectionFailedError):
        await asyncio.wait_for(upstream.ask(serve), 10)

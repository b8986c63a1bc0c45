"""A status that was received decides the class of the error, whatever becomes of its body."""

from __future__ import annotations

import asyncio
import time
from itertools import product

import pytest

from modelyard import AuthenticationError, ProviderError, RateLimitError, Runtime, ServerError

from .conftest import VARIANTS, ask, variant_settings
from .raw_server import Connection, RawServer

WAYS = list(product(VARIANTS, ["aiohttp", "httpx"], [False, True]))
"""Every wire format, transport, and whole or streamed."""


async def failure_of(
    way: tuple[str, str, bool], answer: str, *, close: bool, max_attempts: int
) -> tuple[ProviderError, int]:
    """What a call raises when every request is answered with these lines; and how many requests there were."""
    variant, transport, stream = way

    async def serve(connection: Connection) -> None:
        await connection.receive()
        await connection.send(answer.replace("\n", "\r\n").encode())
        if not close:
            await connection.wait_until_closed()

    with RawServer(serve) as server:
        provider, reference, settings = variant_settings(variant, server.url)
        settings["transport"] = transport
        async with Runtime({provider: settings}, plugins=[provider], max_attempts=max_attempts) as runtime:
            with pytest.raises(ProviderError) as caught:
                await ask(runtime, reference, stream=stream)
        return caught.value, len(server.requests)


async def failures_of(answer: str, *, close: bool, max_attempts: int = 1) -> list[tuple[ProviderError, int]]:
    """The same for every way there is, all at once."""
    return list(
        await asyncio.gather(*(failure_of(way, answer, close=close, max_attempts=max_attempts) for way in WAYS))
    )


@pytest.mark.parametrize("coding", ["", "content-encoding: gzip\n"], ids=["plain", "gzip"])
async def test_a_body_cut_short_leaves_the_status_its_class(coding: str) -> None:
    """X17."""
    answer = (
        f"HTTP/1.1 401 Unauthorized\ncontent-type: application/json\n{coding}content-length: 80\n\n"
        '{"error": {"mess'
    )
    for error, requests in await failures_of(answer, close=True, max_attempts=3):
        assert isinstance(error, AuthenticationError)
        assert (error.status, requests) == (401, 1)


async def test_a_body_that_never_comes_is_not_waited_for() -> None:
    """X18."""
    begun = time.monotonic()
    answer = "HTTP/1.1 429 Too Many Requests\nretry-after: 40\ncontent-length: 80\n\n"
    for error, _ in await failures_of(answer, close=False):
        assert isinstance(error, RateLimitError)
        assert error.retry_after == 40
    assert time.monotonic() - begun < 6


@pytest.mark.parametrize(
    "lines",
    [
        "retry-after: 35\nretry-after: 37\n",
        "retry-after: 37, 35\n",
        "retry-after: soon\nretry-after: 37\nretry-after: 1e99\n",
        "retry-after-ms: 37000\nretry-after-ms: 35000\nretry-after: 36\n",
        "retry-after: Wed, 21 Oct 2015 07:28:00 GMT\nretry-after: 37\n",
    ],
)
async def test_of_several_times_to_wait_the_largest_counts(lines: str) -> None:
    """X19."""
    for error, _ in await failures_of(f"HTTP/1.1 429 Too Many Requests\n{lines}content-length: 0\n\n", close=True):
        assert isinstance(error, RateLimitError)
        assert error.retry_after == 37


async def test_headers_that_came_twice_are_read_once() -> None:
    names = ("request-id", "x-request-id", "mistral-correlation-id", "content-type")
    twice = "".join(f"{name}: req-1\n{name}: req-2\n" for name in names)
    for error, _ in await failures_of(f"HTTP/1.1 500 Broken\n{twice}content-length: 0\n\n", close=True):
        assert isinstance(error, ServerError)
        assert error.request_id in ("req-1", None)  # Google sends none

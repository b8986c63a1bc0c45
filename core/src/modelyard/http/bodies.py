"""Bodies that SDKs read for themselves: their coding taken off in steps, their length bounded.

An SDK reads the body of an error, or of a list, whole and at once, however long a broken server makes it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, nullcontext, suppress
from typing import Any

from modelyard.bounds import Bounds
from modelyard.http.error_body import read_error_body
from modelyard.http.unpack import chunks_of, too_long

__all__ = ["body_bounder", "guarded_client"]


def body_bounder(httpx: Any, bounds: Bounds) -> Callable[[Any], None]:
    """Make a bound on the bodies of responses of a family of ``httpx``, before anybody reads them.

    That of an error is cut, in bytes and seconds, and ends where it breaks: its status says enough. Any other
    raises ``InvalidResponseError`` when it is too long.
    """

    class Body(httpx.AsyncByteStream):  # type: ignore[misc]  # the base class is known at run time only
        def __init__(self, whole: Any, coding: str | None, *, error: bool) -> None:
            self._whole = whole
            self._coding = coding
            self._error = error

        async def __aiter__(self) -> AsyncIterator[bytes]:
            if self._error:
                yield await read_error_body(self._chunks, bounds.error_bytes)
                return
            left = bounds.answer_bytes
            async with aclosing(self._chunks()) as chunks:
                async for chunk in chunks:
                    left -= len(chunk)
                    if left < 0:
                        raise too_long(bounds.answer_bytes)
                    yield chunk

        def _chunks(self) -> AsyncGenerator[bytes, None]:
            return chunks_of(self._whole, self._coding)

        async def aclose(self) -> None:
            with suppress(Exception) if self._error else nullcontext():
                await self._whole.aclose()

    def bound(response: Any) -> None:
        coding = response.headers.pop("content-encoding", None)
        response.stream = Body(response.stream, coding, error=response.status_code >= 400)

    return bound


def guarded_client(httpx: Any, host: Any, bounds: Bounds) -> Any:
    """A client for an SDK that sends by the host's own, and bounds the bodies that come back.

    Closing it leaves the host's open.
    """
    bound = body_bounder(httpx, bounds)

    class GuardedClient(httpx.AsyncClient):  # type: ignore[misc]  # the base class is known at run time only
        def build_request(self, *args: Any, **options: Any) -> Any:
            return host.build_request(*args, **options)

        async def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
            response = await host.send(request, stream=True, **options)
            if not response.is_stream_consumed:
                bound(response)
            if not stream:
                await response.aread()
            return response

    # Its own transport is never used; one is given so that none is made.
    return GuardedClient(transport=httpx.AsyncBaseTransport(), timeout=host.timeout, trust_env=False)

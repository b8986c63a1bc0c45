"""The plain transport of ``httpx`` or ``httpx2``, whose connections know whose bytes they carry.

httpcore drops an idle connection on which something has arrived; but what came in the packet of the last answer
stays in the parser, and is given to the next request (httpcore 1.0.9, ``_async/http11.py``).
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

from modelyard.http.once_more import SENT, SentRequest

__all__ = ["httpx_transport"]


def httpx_transport(httpx: Any, tls: ssl.SSLContext, limit: int, proxy: Any = None) -> Any:
    """A transport of a family of ``httpx``."""
    body_class = _body_class(httpx)

    class PlainTransport(httpx.AsyncHTTPTransport):  # type: ignore[misc]  # the family is known at run time only
        async def handle_async_request(self, request: Any) -> Any:
            call = SENT.get() or SentRequest()
            try:
                response = await super().handle_async_request(request)
            except Exception as error:
                # What a SOCKS proxy says wrong, httpcore neither maps nor closes the connection for.
                if call.line is None or type(error).__module__.partition(".")[0] != "socksio":
                    raise
                await call.line.aclose()
                raise httpx.ProxyError(str(error) or type(error).__name__) from error
            if call.line is not None:
                await _check(call.line, response)
                response.stream = body_class(response.stream, call.line)
            return response

    async def _check(line: Any, response: Any) -> None:
        """Refuse an answer that was made of what lay there before the request went out."""
        if not line.heard:
            line.spoilt = True
            await response.aclose()
            raise httpx.RemoteProtocolError("The connection held an answer nobody had asked for.")

    limits = httpx.Limits(max_connections=limit, max_keepalive_connections=limit, keepalive_expiry=30)
    transport = PlainTransport(verify=tls, limits=limits, proxy=proxy, trust_env=False)
    pool = transport._pool  # noqa: SLF001 - httpx has no argument for a backend, its pool has
    pool._network_backend = Backend(pool._network_backend)  # noqa: SLF001
    return transport


def _body_class(httpx: Any) -> Any:
    """The body of a response, as a stream of the family."""

    class Body(httpx.AsyncByteStream):  # type: ignore[misc]  # the family is known at run time only
        def __init__(self, whole: Any, line: PooledStream) -> None:
            self._whole = whole
            self._line = line

        def __aiter__(self) -> AsyncIterator[bytes]:
            return aiter(self._whole)

        async def aclose(self) -> None:
            self._line.spoilt = self._line.spoilt or _has_leftover(self._whole)
            await self._whole.aclose()

    return Body


class PooledStream:
    """One connection, as httpcore wants them, on top of one of its own.

    ``turns`` counts the requests that went out on it, ``heard`` says whether a byte answered the present one,
    ``spoilt`` that it must serve no other.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._call: SentRequest | None = None
        self.turns = 0
        self.heard = False
        self.spoilt = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's own
        """Read what there is."""
        data: bytes = await self._stream.read(max_bytes, timeout)
        self.heard = self.heard or bool(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Write a piece of a request."""
        call = SENT.get() or SentRequest()
        if call is not self._call:
            self._call = call
            self.turns += 1
            self.heard = False
        call.line = self
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close it."""
        await self._stream.aclose()

    async def start_tls(self, *args: Any, **options: Any) -> PooledStream:
        """Go on in TLS."""
        return PooledStream(await self._stream.start_tls(*args, **options))

    def get_extra_info(self, info: str) -> Any:
        """Facts of the connection. An idle one counts as readable, which ends it, where a call wants a new one."""
        call = SENT.get()
        if info == "is_readable" and (self.spoilt or (call is not None and call.fresh)):
            return True
        return self._stream.get_extra_info(info)


class Backend:
    """Makes the connections of a pool, with one of httpcore's own."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    async def connect_tcp(self, *args: Any, **options: Any) -> PooledStream:
        """Connect to a host."""
        return PooledStream(await self._backend.connect_tcp(*args, **options))

    async def sleep(self, seconds: float) -> None:
        """Wait, before httpcore tries again to connect."""
        await self._backend.sleep(seconds)


def _has_leftover(stream: Any) -> bool:
    """Whether bytes stand behind the answer in httpcore's parser (as httpcore 1.0 and httpcore2 2.16 keep it)."""
    for name in ("_httpcore_stream", "_stream", "_connection", "_h11_state"):
        stream = getattr(stream, name, None)
    data, _ = getattr(stream, "trailing_data", (b"", False))
    return bool(data)

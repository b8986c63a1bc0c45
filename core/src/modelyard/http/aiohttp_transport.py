"""Transport over aiohttp for a client of ``httpx`` or ``httpx2``, raising that family's exceptions.

It does what httpx-aiohttp 0.2 does, and some things that one does not: it says which connection a request went out
on, tells a server that hung up from a connection that could not be made, keeps what had arrived of a body that
breaks, and shows a proxy's password to the proxy only.
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeAlias

import aiohttp

from modelyard.http.aiohttp_pool import Pool
from modelyard.http.once_more import SENT

__all__ = ["aiohttp_transport"]

_Map: TypeAlias = Callable[[Exception], Exception]

_LONGEST_HEADER = 32_768
"""Bytes of a line or field of a response's head: some gateways put whole policies there."""


def aiohttp_transport(httpx: Any, tls: ssl.SSLContext, limit: int, proxy: Any = None) -> Any:
    """A transport of a family of ``httpx``, whose session is opened by its first request, in the loop of that."""
    mapped = _mapper(httpx)
    body_class = _body_class(httpx, mapped)
    proxied = _proxy_arguments(proxy)

    class AiohttpTransport(httpx.AsyncBaseTransport):  # type: ignore[misc]  # the family is known at run time only
        def __init__(self) -> None:
            self._session: aiohttp.ClientSession | None = None

        async def handle_async_request(self, request: Any) -> Any:
            session = self._session
            if session is None:
                session = self._session = _open_session(tls, limit)
            try:
                response = await session.request(
                    request.method,
                    str(request.url),
                    headers=_headers(request, proxied),
                    data=_content(httpx, request),
                    allow_redirects=False,
                    timeout=_timeout(request.extensions.get("timeout", {})),
                    server_hostname=request.extensions.get("sni_hostname"),
                    **proxied,
                )
            except Exception as error:
                raise mapped(error) from error
            return httpx.Response(
                response.status,
                headers=response.raw_headers,
                stream=body_class(response),
                request=request,
                extensions=_extensions(response),
            )

        async def aclose(self) -> None:
            if self._session is not None:
                await self._session.close()

    return AiohttpTransport()


def _body_class(httpx: Any, mapped: _Map) -> Any:
    """The body of a response, as a stream of the family."""

    class Body(httpx.AsyncByteStream):  # type: ignore[misc]  # the family is known at run time only
        def __init__(self, response: aiohttp.ClientResponse) -> None:
            self._response = response

        async def __aiter__(self) -> AsyncIterator[bytes]:
            content = self._response.content
            try:
                while chunk := await content.readany():
                    yield chunk
            except Exception as error:
                # What had arrived comes first; aiohttp tells of the break at once.
                rest = content._read_nowait(-1)  # noqa: SLF001
                if rest:
                    yield rest
                raise mapped(error) from error

        async def aclose(self) -> None:
            self._response.release()
            await self._response.wait_for_close()

    return Body


_EXCEPTIONS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "ConnectTimeout"),
    (TimeoutError, "ReadTimeout"),
    ((aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError), "ProxyError"),
    ((aiohttp.ClientConnectorError, aiohttp.ClientConnectorCertificateError), "ConnectError"),
    ((aiohttp.NonHttpUrlClientError, aiohttp.InvalidURL), "UnsupportedProtocol"),
    (aiohttp.ServerDisconnectedError, "RemoteProtocolError"),
    ((aiohttp.ClientPayloadError, aiohttp.ClientResponseError), "RemoteProtocolError"),
    ((aiohttp.ClientError, OSError), "ReadError"),
)


def _mapper(httpx: Any) -> _Map:
    """What gives the family's exception for one of aiohttp's, and any other as it is."""

    def mapped(error: Exception) -> Exception:
        name = next((name for kinds, name in _EXCEPTIONS if isinstance(error, kinds)), None)
        if name is None:
            return error
        call = SENT.get()
        if name == "ConnectTimeout" and call is not None and call.queued:
            name = "PoolTimeout"
        found: Exception = getattr(httpx, name)(_text(error))
        return found

    return mapped


def _text(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientHttpProxyError):  # in httpcore's words, and without a URL
        return f"{error.status} {error.message}"
    return str(error) or type(error).__name__


def _open_session(tls: ssl.SSLContext, limit: int) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=Pool(tls, limit),
        # Provider cookies belong to nobody: they would tie calls of different credentials together.
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        max_line_size=_LONGEST_HEADER,
        max_field_size=_LONGEST_HEADER,
    )
    session._retry_connection = False  # noqa: SLF001 - it repeats a GET that died on a new connection, too
    return session


def _headers(request: Any, proxied: Mapping[str, Any]) -> Any:
    """The headers of a request; one that a proxy is to pass on in clear holds those for the proxy."""
    if proxied and request.url.scheme == "http":
        return {**request.headers, **proxied["proxy_headers"]}
    return request.headers


def _content(httpx: Any, request: Any) -> Any:
    try:
        return request.content or None
    except httpx.RequestNotRead:
        request.headers.pop("transfer-encoding", None)  # aiohttp writes it
        return request.stream


def _timeout(timeout: Mapping[str, float | None]) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        connect=timeout.get("pool"), sock_connect=timeout.get("connect"), sock_read=timeout.get("read")
    )


def _proxy_arguments(proxy: Any) -> dict[str, Any]:
    """The arguments for a proxy, its user and password in a header and not in a URL that is shown."""
    if proxy is None:
        return {}
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in proxy.headers.raw}
    if proxy.auth:
        pair = b":".join(part.encode() for part in proxy.auth)
        headers["proxy-authorization"] = f"Basic {b64encode(pair).decode()}"
    return {"proxy": str(proxy.url), "proxy_headers": headers}


def _extensions(response: aiohttp.ClientResponse) -> dict[str, Any]:
    extensions: dict[str, Any] = {"http_version": b"HTTP/1.1"}
    if response.reason:
        extensions["reason_phrase"] = response.reason.encode()
    return extensions

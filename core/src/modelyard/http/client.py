"""HTTP clients for sessions: an ``httpx`` or ``httpx2`` client, on the aiohttp transport by default.

Under load the plain transport of httpx 0.28 spends several milliseconds of CPU per call in its connection
pool; the same client on aiohttp spends a tenth (see ``tests/benchmarks``).
"""

from __future__ import annotations

import asyncio
import importlib
import ssl
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

from modelyard.bounds import Bounds
from modelyard.credentials.redactor import Redactor
from modelyard.errors import ConfigurationError
from modelyard.http.bodies import body_bounder
from modelyard.http.once_more import once_more
from modelyard.http.proxies import find_proxy, is_socks
from modelyard.http.query import with_query
from modelyard.http.quiet_logs import quietly
from modelyard.session import SessionSettings

__all__ = ["AsyncClient", "Family", "Response", "direct_client_class", "make_client"]

Family: TypeAlias = Literal["httpx", "httpx2"]


class Response(Protocol):
    """The part of a response of either family that the core uses."""

    status_code: int

    @property
    def headers(self) -> Any: ...
    def aiter_bytes(self) -> Any: ...
    async def aread(self) -> bytes: ...
    async def aclose(self) -> None: ...


class AsyncClient(Protocol):
    """The part of a client of either family that the core uses."""

    def build_request(self, method: str, url: str, **kwargs: Any) -> Any: ...
    async def send(self, request: Any, **kwargs: Any) -> Any: ...
    async def aclose(self) -> None: ...


async def make_client(settings: SessionSettings, family: Family, base_url: str) -> tuple[AsyncClient, bool]:
    """The HTTP client of a session, and whether closing it is ours to do.

    The host's own client is used as it is; one of the wrong family raises ``ConfigurationError``. Imports and
    TLS set-up happen in a thread.
    """
    if settings.http_client is not None:
        if settings.query is not None:
            raise ConfigurationError(
                f"The base URL for {settings.info.id!r} has a query, which your http_client does not send.",
                hint=f"Give that client the query, as {family}.AsyncClient(params=...).",
            )
        return _host_client(settings.http_client, family, settings.info.id), False
    build = await asyncio.to_thread(_prepare, settings, family, base_url)
    return build(), True


def _host_client(client: object, family: Family, provider: str) -> AsyncClient:
    roots = {base.__module__.partition(".")[0] for base in type(client).__mro__}
    if family not in roots or not hasattr(client, "build_request"):
        raise ConfigurationError(
            f"The http_client for {provider!r} is a {type(client).__module__}.{type(client).__qualname__}.",
            hint=f"This provider runs on {family}: pass an {family}.AsyncClient.",
        )
    checked: AsyncClient = client  # type: ignore[assignment]  # checked by module above, without importing it
    return checked


def _prepare(settings: SessionSettings, family: Family, base_url: str) -> Callable[[], AsyncClient]:
    """Do the slow part of making a client and return the quick part, which must run in the event loop."""
    httpx = importlib.import_module(family)
    proxy = find_proxy(settings.proxy, base_url)
    # Plain http needs no trust store; a context without one refuses any TLS it might meet.
    secure = urlsplit(base_url).scheme == "https" or (proxy or "").startswith("https")
    tls = settings.tls() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    timeout = httpx.Timeout(None, connect=settings.connect_timeout, pool=settings.connect_timeout)
    make_transport = _transport_maker(settings, family, tls, proxy)
    direct = direct_client_class(httpx, _hide(settings.redactor), settings.bounds)

    def build() -> AsyncClient:
        transport = make_transport()
        if settings.query is not None:
            transport = with_query(httpx, transport, settings.query)
        if settings.transport == "httpx" or is_socks(proxy):
            transport = quietly(httpx, transport)
        client: AsyncClient = direct(transport=transport, timeout=timeout, trust_env=False, follow_redirects=False)
        return client

    return build


def _transport_maker(
    settings: SessionSettings, family: Family, tls: ssl.SSLContext, proxy: str | None
) -> Callable[[], Any]:
    """What makes the transport that was chosen; only the plain one speaks SOCKS."""
    httpx, limit = importlib.import_module(family), settings.max_connections
    name = "httpx" if is_socks(proxy) else settings.transport
    make = getattr(importlib.import_module(f"modelyard.http.{name}_transport"), f"{name}_transport")
    over = None
    if proxy is not None:
        over = httpx.Proxy(proxy, ssl_context=tls if urlsplit(proxy).scheme == "https" else None)
    return lambda: once_more(httpx, make(httpx, tls, limit, over))


def _hide(redactor: Redactor) -> Callable[[Any], None] | None:
    """Make a response hook that redacts secrets in headers before an SDK logs them or an error shows them."""
    if not redactor:
        return None

    def hide(headers: Any) -> None:
        if not redactor.finds(b"\n".join([value for _, value in headers.raw]).decode("latin-1")):
            return
        for name, value in headers.items():
            headers[name] = redactor.redact(value)

    return hide


def direct_client_class(
    httpx: Any, hide: Callable[[Any], None] | None = None, bounds: Bounds | None = None
) -> Any:
    """A client whose requests go straight to its transport.

    Authentication, redirects, event hooks and cookies are never used by our sessions, and looking for them
    takes as long as aiohttp takes for the whole request. Bodies that an SDK may read are bounded, and ``hide``
    takes secrets out of the headers of an answer.
    """
    bound = body_bounder(httpx, bounds or Bounds())

    class UnloggedHeaders(httpx.Headers):  # type: ignore[misc]
        def __repr__(self) -> str:
            return f"<headers {', '.join(self)}>"

    class DirectClient(httpx.AsyncClient):  # type: ignore[misc]  # the base class is known at run time only
        async def send(self, request: Any, *, stream: bool = False, auth: Any = None, **options: Any) -> Any:
            if isinstance(auth, httpx.Auth) or options.get("follow_redirects") is True:
                return await super().send(request, stream=stream, auth=auth, **options)
            response = await self._transport.handle_async_request(request)
            response.request = request
            response.headers.__class__ = UnloggedHeaders  # SDKs log them, cookies and all
            if hide is not None:
                hide(response.headers)
            if response.status_code >= 400 or not stream:
                bound(response)
            if not stream:
                await response.aread()
            return response

    return DirectClient

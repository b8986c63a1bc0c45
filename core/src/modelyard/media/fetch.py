"""Fetching one URL without letting it reach where it should not.

The name is looked up once for each hop, its addresses are checked, and the connection goes to those and no others:
a name that answers differently the next time gains nothing. No proxy is used, because it would look the name up
again; no cookie, credential or referrer goes along.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from modelyard.errors import InvalidRequestError
from modelyard.media.policy import FetchPolicy

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Fetched", "fetch", "shown_url"]

_CHUNK = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body, and the media type its server named, in lower case without parameters; empty if it named none."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class _Hop:
    """A URL that may be asked, and the addresses that may be connected to for it."""

    url: str
    parts: SplitResult
    host: str
    port: int
    addresses: Sequence[str]


async def fetch(url: str, policy: FetchPolicy, tls: Callable[[], ssl.SSLContext], where: str) -> Fetched:
    """Fetch what a URL leads to, following redirects that lead nowhere forbidden.

    ``where`` names the part of the request in errors. Raises ``InvalidRequestError`` whose code is ``url_refused``
    (the policy forbids it), ``url_too_large`` or ``url_failed``.
    """
    try:
        async with asyncio.timeout(policy.timeout):
            return await _follow(url, policy, tls, where)
    except TimeoutError:
        reason = f"nothing whole came within {policy.timeout:g} s"
    raise _error("url_failed", where, url, reason)


async def _follow(url: str, policy: FetchPolicy, tls: Callable[[], ssl.SSLContext], where: str) -> Fetched:
    hop = await _check(url, policy, where)
    for _ in range(policy.max_redirects + 1):
        found = await _ask(hop, policy, tls, where)
        if isinstance(found, Fetched):
            return found
        hop = await _check(found, policy, where)
    raise _error("url_failed", where, url, f"it redirects more than {policy.max_redirects} times")


async def _check(url: str, policy: FetchPolicy, where: str) -> _Hop:
    """Look at a URL, look its host up, and look at every address found."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise _error("url_refused", where, url, "it is no URL") from None
    if parts.scheme not in ("http", "https") or not host:
        raise _error("url_refused", where, url, "only http and https URLs with a host are fetched")
    if "@" in parts.netloc:
        raise _error("url_refused", where, url, "it holds a user name or a password")
    port = port if port is not None else 443 if parts.scheme == "https" else 80
    reason = policy.why_no_host(host, port)
    if reason is not None:
        raise _error("url_refused", where, url, reason)
    try:
        addresses = await (policy.resolve or _look_up)(host, port)
    except (OSError, UnicodeError):
        raise _error("url_failed", where, url, "its host is not known") from None
    for address in addresses:
        kind = policy.why_no_address(address)
        if kind is not None:
            raise _error("url_refused", where, url, f"its host leads to an address that is not public ({kind})")
    if not addresses:
        raise _error("url_failed", where, url, "its host has no address")
    return _Hop(url, parts, host, port, addresses)


async def _look_up(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _ask(hop: _Hop, policy: FetchPolicy, tls: Callable[[], ssl.SSLContext], where: str) -> Fetched | str:
    """Ask one URL: what it holds, or where it redirects to."""
    import aiohttp
    import yarl

    secure: ssl.SSLContext | bool = True
    if hop.parts.scheme == "https":
        secure = await asyncio.to_thread(tls)
    # A name that is an address in another spelling ("127.1") is looked up as well: aiohttp only skips that for
    # plain addresses, which were checked as they are.
    connector = aiohttp.TCPConnector(resolver=_pinned(hop), use_dns_cache=False, ssl=secure)
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
            ) as session,
            session.get(
                yarl.URL(hop.url).with_fragment(None),
                allow_redirects=False,
                headers={"accept": "*/*", "accept-encoding": "identity", "user-agent": "modelyard"},
            ) as response,
        ):
            if response.status in _REDIRECTS and (target := response.headers.get("location")):
                return urljoin(hop.url, target)
            return await _read(hop, response, policy, where)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        reason = f"its server could not be asked ({type(error).__name__})"
    raise _error("url_failed", where, hop.url, reason)


async def _read(hop: _Hop, response: aiohttp.ClientResponse, policy: FetchPolicy, where: str) -> Fetched:
    if response.status != 200:
        raise _error("url_failed", where, hop.url, f"its server answered with status {response.status}")
    if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        # Not asked for; what it would unpack to has no bound.
        raise _error("url_failed", where, hop.url, "its server sent a compressed body")
    pieces: list[bytes] = []
    size = int(response.content_length or 0)
    read = 0
    while size <= policy.max_bytes and (piece := await response.content.read(_CHUNK)):
        pieces.append(piece)
        read += len(piece)
        size = max(size, read)
    if size > policy.max_bytes:
        raise _error("url_too_large", where, hop.url, f"it holds more than {policy.max_bytes:,} bytes")
    named = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Fetched(b"".join(pieces), named)


def _pinned(hop: _Hop) -> Any:
    """A resolver that knows the addresses checked for a hop, and nothing else."""
    from aiohttp.abc import AbstractResolver, ResolveResult

    class Pinned(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            return [
                ResolveResult(
                    hostname=host,
                    host=address,
                    port=hop.port,
                    family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                    proto=0,
                    flags=socket.AI_NUMERICHOST,
                )
                for address in hop.addresses
            ]

        async def close(self) -> None:
            """Nothing is held."""

    return Pinned()


def shown_url(url: str) -> str:
    """A URL as errors and reports may show it: without credentials, query and fragment, which may be secret."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "a malformed URL"
    shown = f"{parts.scheme}://{host}{parts.path}"
    return shown if len(shown) <= 200 else f"{shown[:200]}…"


def _error(code: str, where: str, url: str, reason: str) -> InvalidRequestError:
    hints = {
        "url_refused": "Pass the bytes as data, or allow it in the FetchPolicy of fetch_urls.",
        "url_too_large": "Pass less, or raise max_bytes in the FetchPolicy of fetch_urls.",
        "url_failed": "Check the URL, or pass the bytes as data.",
    }
    return InvalidRequestError(
        f"{where} could not be fetched from {shown_url(url)}: {reason}. No provider was called.",
        code=code,
        hint=hints[code],
    )

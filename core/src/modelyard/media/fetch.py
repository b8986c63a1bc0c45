"""Fetching one URL without letting it reach where it should not.

The name is looked up once for each hop, its addresses are checked, and the connection goes to those and no others:
a name that answers differently the next time, or that the library below reads differently, gains nothing. No proxy
is used, because it would look the name up again; no cookie, credential or referrer goes along.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from modelyard.errors import InvalidRequestError
from modelyard.media.allowance import Allowance
from modelyard.media.hosts import FetchUrl, RefusedUrl, read_url
from modelyard.media.policy import FetchPolicy

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Fetched", "fetch", "shown_url"]

_CHUNK = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_STAND_IN = "checked.invalid"
"""The name the connection is asked for in place of the real one. RFC 6761 says it never exists, and it is no
address in any spelling: so the resolver of the checked addresses is always asked."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body, and the media type its server named, in lower case without parameters; empty if it named none."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class _Hop:
    """A URL that may be asked, and the addresses that may be connected to for it."""

    text: str
    place: FetchUrl
    addresses: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Fetch:
    """One URL of a request on its way; ``where`` names the part in errors."""

    policy: FetchPolicy
    tls: Callable[[], ssl.SSLContext]
    allowance: Allowance
    where: str

    async def follow(self, url: str) -> Fetched:
        hop = await self._check(url)
        for _ in range(self.policy.max_redirects + 1):
            found = await self._ask(hop)
            if isinstance(found, Fetched):
                return found
            hop = await self._check(found)
        raise self.error("url_failed", url, f"it redirects more than {self.policy.max_redirects} times")

    async def _check(self, url: str) -> _Hop:
        """Look at a URL, look its host up, and look at every address found."""
        try:
            place = read_url(url)
        except RefusedUrl as refused:
            raise self.error("url_refused", url, str(refused)) from None
        reason = self.policy.why_no_host(place.host, place.port)
        if reason is not None:
            raise self.error("url_refused", url, reason)
        addresses = [place.host] if place.literal else await self._look_up(url, place)
        for address in addresses:
            kind = self.policy.why_no_address(address)
            if kind is not None:
                raise self.error("url_refused", url, f"its host leads to an address that is not public ({kind})")
        return _Hop(url, place, addresses)

    async def _look_up(self, url: str, place: FetchUrl) -> Sequence[str]:
        try:
            addresses = [str(found) for found in await (self.policy.resolve or _look_up)(place.host, place.port)]
        except (OSError, UnicodeError):
            addresses = []
        except Exception as error:  # the host's own resolver
            raise self.error(
                "url_failed", url, f"its host could not be looked up ({type(error).__name__})"
            ) from None
        if not addresses:
            raise self.error("url_failed", url, "its host is not known")
        return addresses

    async def _ask(self, hop: _Hop) -> Fetched | str:
        """Ask one URL: what it holds, or where it redirects to."""
        import aiohttp

        secure = hop.place.scheme == "https"
        connector = aiohttp.TCPConnector(
            resolver=_pinned(hop), use_dns_cache=False, ssl=await asyncio.to_thread(self.tls) if secure else True
        )
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trust_env=False,
                    auto_decompress=False,
                ) as session,
                session.get(
                    hop.place.url.with_host(_STAND_IN),
                    allow_redirects=False,
                    server_hostname=hop.place.host if secure else None,
                    headers={
                        "host": hop.place.authority,
                        "accept": "*/*",
                        "accept-encoding": "identity",
                        "user-agent": "modelyard",
                    },
                ) as response,
            ):
                if response.status in _REDIRECTS and (target := response.headers.get("location")):
                    return urljoin(hop.text, target)
                return await self._read(hop, response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = f"its server could not be asked ({type(error).__name__})"
        raise self.error("url_failed", hop.text, reason)

    async def _read(self, hop: _Hop, response: aiohttp.ClientResponse) -> Fetched:
        if response.status != 200:
            raise self.error("url_failed", hop.text, f"its server answered with status {response.status}")
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            # Not asked for; what it would unpack to has no bound.
            raise self.error("url_failed", hop.text, "its server sent a compressed body")
        pieces: list[bytes] = []
        size, reserved = 0, int(response.content_length or 0)
        self._reserve(hop, reserved, reserved)  # all of it before any of it is read
        while piece := await response.content.read(_CHUNK):
            size += len(piece)
            self._reserve(hop, size, size - reserved)
            reserved = max(reserved, size)
            pieces.append(piece)
        named = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Fetched(b"".join(pieces), named)

    def _reserve(self, hop: _Hop, size: int, more: int) -> None:
        if size > self.policy.max_bytes:
            raise self.error("url_too_large", hop.text, f"it holds more than {self.policy.max_bytes:,} bytes")
        if not self.allowance.take(more):
            most = f"{self.policy.max_total_bytes:,} bytes"
            raise self.error("url_too_large", hop.text, f"with it, the URLs of the request hold more than {most}")

    def error(self, code: str, url: str, reason: str) -> InvalidRequestError:
        hints = {
            "url_refused": "Pass the bytes as data, or allow it in the FetchPolicy of fetch_urls.",
            "url_too_large": "Pass less, or raise max_bytes or max_total_bytes in the FetchPolicy of fetch_urls.",
            "url_failed": "Check the URL, or pass the bytes as data.",
        }
        return InvalidRequestError(
            f"{self.where} could not be fetched from {shown_url(url)}: {reason}. No provider was called.",
            code=code,
            hint=hints[code],
        )


async def fetch(
    url: str, policy: FetchPolicy, tls: Callable[[], ssl.SSLContext], allowance: Allowance, where: str
) -> Fetched:
    """Fetch what a URL leads to, following redirects that lead nowhere forbidden.

    ``allowance`` is what is left for the whole request, ``where`` names the part of the request in errors. Raises
    ``InvalidRequestError`` whose code is ``url_refused`` (the policy forbids it), ``url_too_large`` or
    ``url_failed``.
    """
    job = _Fetch(policy, tls, allowance, where)
    try:
        async with asyncio.timeout(policy.timeout):
            return await job.follow(url)
    except TimeoutError:
        reason = f"nothing whole came within {policy.timeout:g} s"
    raise job.error("url_failed", url, reason)


async def _look_up(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


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
                    port=hop.place.port,
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

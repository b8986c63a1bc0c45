"""The host of a URL in the form the connecting library uses; what libraries read differently is refused.

``http://127.0.0.①/`` is a name to a parser of URLs, and an address to a library that folds Unicode before it
connects. A host is therefore taken only where nothing is left to fold.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import yarl

__all__ = ["FetchUrl", "RefusedUrl", "read_url"]

_NAME: Final = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_NUMBER: Final = re.compile(r"(?:.*\.)?(?:0x[0-9a-f]*|[0-9]+)")
"""WHATWG URL, 3.5: a host whose last label is a number is an IPv4 address, in whatever spelling."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Parsers drop some of these without a word, not all of them the same ones."""


class RefusedUrl(Exception):
    """A URL that is not fetched; the text says why, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class FetchUrl:
    """A parsed URL, its parts as they will be used: ``host`` in lower case ASCII without a last dot."""

    url: yarl.URL
    scheme: str
    host: str
    port: int
    literal: bool
    """True if the host is an address already."""

    @property
    def authority(self) -> str:
        """The value of the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == (443 if self.scheme == "https" else 80)
        return host if usual else f"{host}:{self.port}"


def read_url(text: str) -> FetchUrl:
    """Read a URL that may be fetched as far as its form goes; raises ``RefusedUrl`` for any other."""
    import yarl

    if _CONTROL.search(text):
        raise RefusedUrl("it holds control characters")
    try:
        parts = urlsplit(text)
        written, port = parts.hostname or "", parts.port
        url = yarl.URL(text).with_fragment(None)
        folded = url.raw_host or ""
    except ValueError:
        raise RefusedUrl("it is no URL") from None
    if parts.scheme not in ("http", "https") or url.scheme != parts.scheme or not written:
        raise RefusedUrl("only http and https URLs with a host are fetched")
    if "@" in parts.netloc:
        raise RefusedUrl("it holds a user name or a password")
    host = _checked(written, folded, bracketed="[" in parts.netloc)
    usual = 443 if parts.scheme == "https" else 80
    return FetchUrl(url, parts.scheme, host, port if port is not None else usual, _is_address(host))


def _checked(written: str, folded: str, *, bracketed: bool) -> str:
    if "%" in written:
        raise RefusedUrl("its host holds a percent sign")
    if bracketed or ":" in written:
        return _ipv6(written, folded)
    name = folded.removesuffix(".")
    if not _unchanged(written.removesuffix("."), name):
        raise RefusedUrl("its host changes when it is read")
    if _NUMBER.fullmatch(name) and not _is_address(name):
        raise RefusedUrl("its host is an address in an unusual spelling")
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise RefusedUrl("its host is no name of a host")
    return name


def _ipv6(written: str, folded: str) -> str:
    try:
        address = ipaddress.IPv6Address(written)
        same = address == ipaddress.IPv6Address(folded)
    except ValueError:
        same = False
    if not same:
        raise RefusedUrl("its host is no IPv6 address")
    return address.compressed


def _unchanged(written: str, folded: str) -> bool:
    """Whether folding only put labels into the ASCII form of international names, which can be undone."""
    labels, read = written.lower().split("."), folded.split(".")
    if len(labels) != len(read):
        return False
    return all(own in (label, _undone(label)) for own, label in zip(labels, read, strict=True))


def _undone(label: str) -> str:
    """A label before it was put into ASCII (RFC 3492)."""
    if not label.startswith("xn--"):
        return label
    try:
        return label.removeprefix("xn--").encode("ascii").decode("punycode")
    except ValueError:
        return label


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

"""One rule for base URLs: a provider's root, with or without its version path and trailing slash.

What is wrong with a URL is said without repeating it: people paste passwords and keys into URLs.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from modelyard.credentials.secret import Secret

__all__ = ["join_base", "split_query", "url_problem", "without_version"]

_VERSION = re.compile(r"/v\d+[a-z0-9]*$")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{1,9})://", re.IGNORECASE)
"""A scheme short enough to be a misspelt one, and no password."""

HTTP: Final = ("http", "https")


def without_version(base_url: str) -> str:
    """The root of a base URL: no trailing slash, no version path at its end."""
    return _VERSION.sub("", base_url.rstrip("/"))


def join_base(base_url: str, version: str) -> str:
    """A base URL that ends in a version path and no slash.

    A version already there is kept, even when it is another one: whoever wrote it meant it.
    """
    root = base_url.rstrip("/")
    if _VERSION.search(urlsplit(root).path):
        return root
    return f"{root}/{version}"


def split_query(base_url: str) -> tuple[str, Secret | None]:
    """A base URL without its query, which may be shown, and the query, which may not."""
    root, _, query = base_url.partition("?")
    return root, Secret(query) if query else None


def url_problem(url: object, *, schemes: tuple[str, ...] = HTTP, user_info: bool = False) -> str | None:
    """Describe what is wrong with a URL, in words that fit after its name; ``None`` if nothing is.

    ``user_info`` says whether a user name and a password may stand before its host.
    """
    if not isinstance(url, str):
        return f"is no URL but {type(url).__name__}"
    if not (url.isascii() and url.isprintable()) or " " in url:
        return "is no URL: it has a space, a control character, or one that is not ASCII"
    parts = _split(url)
    if parts is None:
        return "is no URL: its host or port cannot be read"
    if parts.scheme not in schemes or "://" not in url:
        return f"is no URL: {_scheme_problem(url, schemes)}"
    return _part_problem(parts, user_info)


def _part_problem(parts: SplitResult, user_info: bool) -> str | None:
    if "@" in parts.netloc and not user_info:
        return "has a user name or a password in it"
    if not parts.hostname or parts.hostname.startswith("."):
        return "is no URL: it has no host"
    return "is no address to call: it has a fragment (#)" if parts.fragment else None


def _split(url: str) -> SplitResult | None:
    """The parts of a URL; ``None`` for one that cannot be taken apart."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


def _scheme_problem(url: str, schemes: tuple[str, ...]) -> str:
    wanted = " or ".join(f"{scheme}://" for scheme in schemes[:2])
    found = _SCHEME.match(url)
    if found is None or found[1].lower() in schemes:
        return f"it does not begin with {wanted}"
    return f"it begins with {found[1]}://, not with {wanted}"

"""One rule for base URLs: a provider's root, with or without its version path and trailing slash."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ["join_base", "without_version"]

_VERSION = re.compile(r"/v\d+[a-z0-9]*$")


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

"""Secrets among settings and options: values of headers, of queries, and under telling names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from modelyard.credentials.secret import Secret

if TYPE_CHECKING:
    from modelyard.config import ProviderConfig

__all__ = [
    "header_secrets",
    "is_secret_name",
    "option_secrets",
    "query_secrets",
    "settings_secrets",
    "url_secrets",
    "value_secrets",
]

_PLAIN_HEADERS: Final = frozenset(
    "accept accept-encoding accept-language content-type content-length connection "
    "anthropic-version anthropic-beta openai-beta".split()
)
"""Headers whose values are words of a protocol; the values of all others count as secrets."""

_PROXIES: Final = tuple(
    each for name in ("http_proxy", "https_proxy", "all_proxy") for each in (name, name.upper())
)

_SECRET_NAME: Final = re.compile(
    r"authorization|token|secret|password|passwd|passphrase|credential|cookie"
    r"|amz-signature|api-?key|subscription-?key|access-?key|private-?key|^key$|^sig$|^auth$"
)
_NO_SECRET_NAME: Final = re.compile(
    r"tokeni[sz]er|\b(max|min|num|n|total|input|output|prompt|completion|thinking|budget|stop|eos|bos|pad)-tokens?\b"
    r"|tokens?-(count|limit|type|budget|id|ids)|page-token|continuation-token|ratelimit"
)
_BEARER: Final = re.compile(r"(?i:bearer) +\S{8,}")
"""The value of an ``Authorization`` header (RFC 6750, 2.1), which tells by itself that it is a secret."""


def is_secret_name(name: object) -> bool:
    """Return whether a field, a parameter or a header of this name holds a secret if it holds text."""
    if not isinstance(name, str):
        return False
    plain = _kebab(name)
    return bool(_SECRET_NAME.search(plain)) and not _NO_SECRET_NAME.search(plain)


def settings_secrets(config: ProviderConfig) -> Iterator[str]:
    """Secrets in the settings of a provider beside keys and the query of its base URL.

    Proxies of the environment are among it: the way may lead over one.
    """
    yield from header_secrets(config.headers)
    yield from option_secrets(config.options)
    _, _, password = config.trust.client_cert or (None, None, None)
    if password is not None:
        yield password.reveal()
    for proxy in (config.proxy or "", *(os.environ.get(name, "") for name in _PROXIES)):
        yield from url_secrets(proxy)


def header_secrets(headers: Mapping[str, str | Secret]) -> Iterator[str]:
    """Secrets in headers: their values, and the parts of those that have parts."""
    for name, value in headers.items():
        if name.lower() not in _PLAIN_HEADERS:
            yield from value_secrets(value.reveal() if isinstance(value, Secret) else value)


def option_secrets(options: object, *, named: bool = False) -> Iterator[str]:
    """The texts under a secret's name anywhere in options, those of headers, and those in URLs.

    ``named`` says that a name above has told already. Figures are no secrets: ``max_tokens`` is a number.
    """
    if isinstance(options, Secret):
        yield options.reveal()
    elif isinstance(options, str):
        yield from value_secrets(options) if named or _BEARER.fullmatch(options) else url_secrets(options)
    elif isinstance(options, Mapping):
        for name, value in options.items():
            telling = named or is_secret_name(name) or _holds_headers(name)
            yield from option_secrets(value, named=telling)
    elif isinstance(options, (list, tuple, set, frozenset)):
        for item in options:
            yield from option_secrets(item, named=named)


def url_secrets(url: str) -> Iterator[str]:
    """The user info of a URL, and what its query holds under secret names; nothing of a text that is no URL."""
    if "://" not in url[:32]:
        return
    user_info, _, _ = _authority(url).rpartition("@")
    if user_info:
        name, _, password = user_info.partition(":")
        yield from {user_info, unquote(user_info), name, unquote(name), password, unquote(password)}
    query = url.partition("?")[2].partition("#")[0]
    yield from (value for name, value in parse_qsl(query) if is_secret_name(name))


def query_secrets(query: str) -> Iterator[str]:
    """A query as it is written, and each of its values."""
    yield query
    for pair in query.split("&"):
        yield pair.partition("=")[2]
    yield from (value for _, value in parse_qsl(query))


def value_secrets(value: str) -> Iterator[str]:
    """A value, the token behind its scheme (``Bearer``, ``Basic``), and its parameters (as of a cookie)."""
    yield value
    scheme, _, token = value.strip().partition(" ")
    token = token.strip()
    if token and " " not in token:
        yield token
        if scheme.lower() == "basic":
            yield from _basic(token)
    for part in re.split(r"[;,\s]+", value):
        yield part.partition("=")[2].strip("\"'")


def _basic(token: str) -> Iterator[str]:
    import base64
    import binascii

    try:
        plain = base64.b64decode(token, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return
    yield from (plain, plain.partition(":")[0], plain.partition(":")[2])


def _authority(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]


def _holds_headers(name: object) -> bool:
    return isinstance(name, str) and _kebab(name).endswith("headers")


def _kebab(name: str) -> str:
    """A name in small letters with hyphens: ``apiKey``, ``API_KEY`` and ``api-key`` are one."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).replace("_", "-").lower()

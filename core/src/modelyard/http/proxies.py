"""Choice of a proxy for a base URL: the configured one, or the environment's, read as curl and requests read it.

``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` are taken in either case, the lower one first
(curl's manual, "Environment"; Python's ``urllib.request.getproxies``, which knows the settings of macOS and
Windows too).
"""

from __future__ import annotations

import ipaddress
import os
import re
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from modelyard.errors import ConfigurationError
from modelyard.urls import url_problem

__all__ = ["find_proxy", "is_socks"]

_SCHEMES: Final = ("http", "https", "socks5", "socks5h", "socks4", "socks4a")
_PORTS: Final = {"http": 80, "https": 443}
_HOW: Final = (
    "Write http://host:port, https://host:port or socks5h://host:port, with user:password@ before the host if the "
    "proxy asks for them, percent-encoded where they hold @, :, / or #. The value is not shown here."
)


def find_proxy(configured: str | None, base_url: str) -> str | None:
    """The URL of the proxy to a base URL, ``None`` for the direct way.

    Raises ``ConfigurationError`` for a proxy that cannot work, naming the setting or variable.
    """
    if configured is not None:
        return _checked(configured, "proxy") if configured else None
    parts = urlsplit(base_url)
    host = (parts.hostname or "").rstrip(".")
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found or _is_loopback(host):
        return None
    away = proxies.get("no")
    if proxy_bypass(host) if away is None else _names(away, parts.scheme, host, parts.port):
        return None
    return _checked(found.strip(), _variable(parts.scheme, found))


def is_socks(proxy: str | None) -> bool:
    """Return whether a proxy speaks SOCKS."""
    return proxy is not None and proxy.lower().startswith("socks")


def _variable(scheme: str, value: str) -> str:
    """The variable that holds a value."""
    names = [name for lower in (f"{scheme}_proxy", "all_proxy") for name in (lower, lower.upper())]
    return next((name for name in names if os.environ.get(name) == value), "The system's proxy")


def _checked(url: str, where: str) -> str:
    """A proxy's URL with a scheme, which curl takes to be http where none is written."""
    if "://" not in url:
        url = f"http://{url.lstrip('/')}"
    problem = url_problem(url, schemes=_SCHEMES, user_info=True)
    if problem is not None:
        raise ConfigurationError(f"{where} {problem}.", hint=_HOW)
    scheme = urlsplit(url).scheme
    if scheme in ("socks4", "socks4a"):
        raise ConfigurationError(
            f"{where} names a proxy that speaks SOCKS 4, which is not spoken here.",
            hint="Write socks5h://host:port, or the URL of an HTTP proxy.",
        )
    if is_socks(scheme) and find_spec("socksio") is None:
        raise ConfigurationError(
            f"{where} names a SOCKS proxy, and the package that speaks SOCKS is not installed.",
            hint="Install it: pip install 'modelyard[socks]'. Or name an HTTP proxy.",
        )
    return url


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _names(no_proxy: str, scheme: str, host: str, port: int | None) -> bool:
    """Whether ``NO_PROXY`` names a host: by name, domain, address or network, perhaps with a port, or by ``*``."""
    wanted = port or _PORTS.get(scheme, 0)
    return any(_covers(entry, scheme, host, wanted) for entry in re.split(r"[\s,]+", no_proxy.lower()))


def _covers(entry: str, scheme: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    only, separator, rest = entry.partition("://")  # httpx's form
    if separator and only not in (scheme, "all"):
        return False
    name, named_port = _split_port(rest if separator else entry)
    if named_port and named_port != str(port):
        return False
    if _is_network(name):
        return _is_address(host) and ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False)
    domain = name.lstrip("*").strip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _split_port(entry: str) -> tuple[str, str]:
    bracketed = re.fullmatch(r"\[(.*)\](?::(\d+))?", entry)
    if bracketed:
        return bracketed[1], bracketed[2] or ""
    name, _, port = entry.partition(":")
    return (name, port) if port.isdigit() else (entry, "")


def _is_network(text: str) -> bool:
    """Whether a text is an address, or a network of them (``10.0.0.0/8``)."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _is_address(text: str) -> bool:
    return "/" not in text and _is_network(text)

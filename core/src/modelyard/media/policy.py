"""The host's policy on fetching URLs."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from modelyard.errors import ConfigurationError
from modelyard.media.addresses import Network, why_refused
from modelyard.suggest import did_you_mean

__all__ = ["FetchPolicy", "Resolve"]

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host and port, as text."""


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """Policy on fetching URLs for providers that do not fetch them: which, and how much.

    ``max_bytes`` bounds one body, ``max_total_bytes`` all those of one request, ``timeout`` the seconds for one
    URL from the first look-up to the last byte, ``max_redirects`` the hops, each checked like the first.
    ``concurrency`` URLs are fetched at the same time, for all requests of the runtime in one event loop.
    ``allow_hosts`` are patterns of host names (``"*.example.com"``); ``None`` allows any. ``ports`` are those that
    may be asked, ``None`` for any.

    Private, loopback, link-local, multicast and otherwise special addresses are refused whatever name leads to
    them; ``allow_networks`` (``"10.1.2.0/24"``) makes exceptions, ``allow_private`` lifts the rule. ``resolve``
    replaces the system's resolver.
    """

    max_bytes: int = 20 * 1024 * 1024
    max_total_bytes: int = 128 * 1024 * 1024
    """A request with images by URL took seven times their size at its peak (54 and 126 MiB, Gemini, measured)."""
    concurrency: int = 16
    """More at a time would make one request a burden to the server its URLs name."""
    timeout: float = 20.0
    max_redirects: int = 3
    allow_hosts: Sequence[str] | None = None
    allow_networks: Sequence[str] = ()
    allow_private: bool = False
    ports: Sequence[int] | None = (80, 443)
    resolve: Resolve | None = field(default=None, repr=False)
    _networks: tuple[Network, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_total_bytes", "concurrency"):
            _check_number(name, getattr(self, name), least=1)
        _check_number("max_redirects", self.max_redirects, least=0)
        if not _is_number(self.timeout) or not self.timeout > 0:
            raise ConfigurationError(f"timeout must be a number of seconds above 0, not {self.timeout!r}.")
        _check_list("allow_hosts", self.allow_hosts or (), str)
        _check_list("ports", self.ports or (), int)
        if self.resolve is not None and not callable(self.resolve):
            raise ConfigurationError("resolve must be an async function of a host and a port.")
        object.__setattr__(self, "_networks", _networks(self.allow_networks))

    @classmethod
    def make(cls, value: FetchPolicy | Mapping[str, Any] | bool) -> FetchPolicy | None:
        """Take a policy, or make one of a dict; ``True`` is the default one, ``False`` none at all."""
        if isinstance(value, bool):
            return cls() if value else None
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"fetch_urls must be true, false or a FetchPolicy, not {value!r}.")
        known = [name for name in cls.__dataclass_fields__ if not name.startswith("_")]
        for name in value:
            if name not in known:
                raise ConfigurationError(
                    f"{name!r} is no field of a FetchPolicy.", hint=did_you_mean(str(name), known)
                )
        return cls(**value)

    def why_no_host(self, host: str, port: int) -> str | None:
        """Reason to refuse a host and port before they are looked up, ``None`` when there is none."""
        if self.ports is not None and port not in self.ports:
            return f"port {port} is not among those allowed"
        if self.allow_hosts is None or any(fnmatchcase(host, pattern.lower()) for pattern in self.allow_hosts):
            return None
        return f"the host {host} is not among those allowed"

    def why_no_address(self, address: str) -> str | None:
        """Reason to refuse an address of a host, ``None`` when it may be connected to."""
        return None if self.allow_private else why_refused(address, self._networks)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_number(name: str, value: object, *, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(f"{name} must be a whole number of at least {least}, not {value!r}.")


def _check_list(name: str, value: object, kind: type) -> None:
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes)):
        raise ConfigurationError(f"{name} must be a list, not {value!r}.")
    for item in value:
        if not isinstance(item, kind):
            raise ConfigurationError(f"{name} holds {item!r}, which is no {kind.__name__}.")


def _networks(given: object) -> tuple[Network, ...]:
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes)):
        raise ConfigurationError(f"allow_networks must be a list, not {given!r}.")
    try:
        return tuple(ipaddress.ip_network(network) for network in given)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"allow_networks: {error}.") from None

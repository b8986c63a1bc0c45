"""What the host allows to be fetched."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from modelyard.catalog.suggest import did_you_mean
from modelyard.errors import ConfigurationError
from modelyard.media.addresses import Network, why_refused

__all__ = ["FetchPolicy", "Resolve"]

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host and port, as text."""


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """Which URLs are fetched for providers that do not fetch them, and how far that goes.

    ``max_bytes`` bounds one body, ``timeout`` the seconds for one URL from the first look-up to the last byte,
    ``max_redirects`` the hops, each of which is checked like the first. ``allow_hosts`` are patterns of host names
    (``"*.example.com"``); ``None`` allows any. ``ports`` are those that may be asked, ``None`` for any.

    Private, loopback, link-local, multicast and otherwise special addresses are refused whatever name leads to
    them; ``allow_networks`` (``"10.1.2.0/24"``) makes exceptions, ``allow_private`` lifts the rule. ``resolve``
    replaces the system's resolver.
    """

    max_bytes: int = 20 * 1024 * 1024
    timeout: float = 20.0
    max_redirects: int = 3
    allow_hosts: Sequence[str] | None = None
    allow_networks: Sequence[str] = ()
    allow_private: bool = False
    ports: Sequence[int] | None = (80, 443)
    resolve: Resolve | None = field(default=None, repr=False)
    _networks: tuple[Network, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.allow_hosts, str) or isinstance(self.allow_networks, str):
            raise ConfigurationError("allow_hosts and allow_networks are lists, not one text.")
        if self.max_bytes <= 0 or self.timeout <= 0 or self.max_redirects < 0:
            raise ConfigurationError("max_bytes and timeout must be above 0, max_redirects not below.")
        try:
            networks = tuple(ipaddress.ip_network(network) for network in self.allow_networks)
        except ValueError as error:
            raise ConfigurationError(f"allow_networks: {error}.") from None
        object.__setattr__(self, "_networks", networks)

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
        """What is wrong with a host and port, before they are looked up."""
        if self.ports is not None and port not in self.ports:
            return f"port {port} is not among those allowed"
        if self.allow_hosts is None or any(fnmatchcase(host, pattern.lower()) for pattern in self.allow_hosts):
            return None
        return f"the host {host} is not among those allowed"

    def why_no_address(self, address: str) -> str | None:
        """What is wrong with an address a host has, ``None`` when it may be connected to."""
        return None if self.allow_private else why_refused(address, self._networks)

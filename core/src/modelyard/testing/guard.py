"""Keeping a process from calling other machines."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

__all__ = ["RealEndpointError", "only_this_machine"]


class RealEndpointError(ConnectionError):
    """A connection to another machine was attempted where none is allowed."""


@contextmanager
def only_this_machine() -> Iterator[list[str]]:
    """Refuse to look up and connect to other machines; gives the list of what was attempted.

    Works on sockets of the standard library, which asyncio, httpx and aiohttp use, in every thread.
    """
    attempts: list[str] = []

    def refuse(host: object, port: object) -> None:
        where = f"{host}:{port}"
        if where not in attempts:
            attempts.append(where)
        raise RealEndpointError(f"A test must not connect to {where}.")

    def looking_up(real: Callable[..., Any]) -> Callable[..., Any]:
        def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            if not _is_here(host):
                refuse(host, port)
            return real(host, port, *args, **kwargs)

        return getaddrinfo

    def connecting(real: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
                refuse(*address[:2])
            return real(self, address)

        return connect

    with (
        patch.object(socket, "getaddrinfo", looking_up(socket.getaddrinfo)),
        patch.object(socket.socket, "connect", connecting(socket.socket.connect)),
        patch.object(socket.socket, "connect_ex", connecting(socket.socket.connect_ex)),
    ):
        yield attempts


def _is_here(host: object) -> bool:
    """Whether a host is this machine; one that is not given is."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "localhost")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified

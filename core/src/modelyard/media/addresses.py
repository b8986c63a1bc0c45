"""Addresses that may be fetched from: public ones, unless the host says otherwise."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from modelyard.media.special_addresses import GLOBAL_UNICAST, REACHABLE, SPECIAL, Network

__all__ = ["Address", "Network", "why_refused"]

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""


def why_refused(address: str, allowed: Sequence[Network] = ()) -> str | None:
    """Say what is wrong with an address, ``None`` when it may be connected to.

    Only public unicast addresses are let through, and those of ``allowed`` networks. An IPv6 address that carries
    an IPv4 one (mapped, NAT64, 6to4, Teredo) is judged by that one too.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "no IP address"
    if any(found in network for network in allowed):
        return None
    carried = (kind for each in _carried(found) if (kind := _kind(each)) is not None)
    return next(carried, None) or _kind(found)


def _kind(address: Address) -> str | None:
    if any(address in network for network in REACHABLE):
        return None
    kind = next((kind for network, kind in SPECIAL if address in network), None)
    if kind is not None or isinstance(address, ipaddress.IPv4Address):
        return kind
    if address in GLOBAL_UNICAST or address in _NAT64 or address.ipv4_mapped is not None:
        return None  # the last two are public where the address they carry is
    return "reserved"


def _carried(address: Address) -> Iterator[ipaddress.IPv4Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)

"""Which addresses may be fetched from: public ones, unless the host says otherwise."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import TypeAlias

__all__ = ["Address", "Network", "why_refused"]

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""


def why_refused(address: str, allowed: Sequence[Network] = ()) -> str | None:
    """What is wrong with an address, ``None`` when it may be connected to.

    Only public unicast addresses are let through, and those of ``allowed`` networks. An IPv6 address that carries
    an IPv4 one (mapped, 6to4, Teredo, NAT64) is judged by both.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "no IP address"
    if any(found.version == network.version and found in network for network in allowed):
        return None
    return next((kind for each in (found, *_carried(found)) if (kind := _kind(each)) is not None), None)


def _kind(address: Address) -> str | None:
    kinds = {
        "unspecified": address.is_unspecified,
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        "private": address.is_private,
        "reserved": address.is_reserved or not address.is_global,
    }
    # A mapped address is judged by the one it carries; Python calls some of them reserved.
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return None
    return next((kind for kind, applies in kinds.items() if applies), None)


def _carried(address: Address) -> Iterator[Address]:
    if not isinstance(address, ipaddress.IPv6Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)

"""Address ranges that are not the public internet's, and the exceptions inside them.

Made after IANA's registries iana-ipv4-special-registry and iana-ipv6-special-registry (RFC 6890 and 8190), with
every entry up to RFC 9780 of May 2025: a range whose column "Globally Reachable" says False or N/A is refused, one
that says True inside such a range is an exception. Multicast comes from RFC 5771 and RFC 4291, the site-local
range from RFC 3879, 2000::/3 from IANA's "IPv6 Address Space". The table is our own because ``ipaddress`` judges
some of these differently from one Python to the next.
"""

from __future__ import annotations

import ipaddress
from typing import Final, TypeAlias

__all__ = ["GLOBAL_UNICAST", "REACHABLE", "SPECIAL", "Network"]

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

SPECIAL: Final[tuple[tuple[Network, str], ...]] = tuple(
    (ipaddress.ip_network(network), kind)
    for network, kind in (
        ("0.0.0.0/32", "unspecified"),
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by carriers"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignment"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("64:ff9b:1::/48", "local translation"),
        ("100::/64", "discard-only"),
        ("100:0:0:1::/64", "dummy"),
        ("2001::/32", "Teredo"),
        ("2001:2::/48", "benchmarking"),
        ("2001:10::/28", "ORCHID"),
        ("2001::/23", "protocol assignment"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
"""Ranges that are refused and what they are, a part before the whole it belongs to."""

REACHABLE: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.9/32",
        "192.0.0.10/32",
        "2001:1::1/128",
        "2001:1::2/128",
        "2001:1::3/128",
        "2001:3::/32",
        "2001:4:112::/48",
        "2001:20::/28",
        "2001:30::/28",
    )
)
"""Parts of refused ranges that the registries call globally reachable."""

GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""The only part of IPv6 that public unicast addresses are given from."""

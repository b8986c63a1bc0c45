"""Which addresses and URLs may be fetched from."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from modelyard import ConfigurationError, FetchPolicy
from modelyard.media.addresses import Address, why_refused
from modelyard.media.hosts import RefusedUrl, read_url
from modelyard.media.sniff import media_type_of, sniff

REFUSED = {
    "0.0.0.0/8": "this network", "10.0.0.0/8": "private", "100.64.0.0/10": "shared by carriers",
    "127.0.0.0/8": "loopback", "169.254.0.0/16": "link-local", "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol assignment", "192.0.2.0/24": "documentation", "192.88.99.0/24": "6to4 relay",
    "192.168.0.0/16": "private", "198.18.0.0/15": "benchmarking", "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation", "224.0.0.0/4": "multicast", "240.0.0.0/4": "reserved",
    "::/8": "reserved", "64:ff9b:1::/48": "local translation", "100::/64": "discard-only",
    "100:0:0:1::/64": "dummy", "2001::/23": "protocol assignment", "2001:2::/48": "benchmarking",
    "2001:10::/28": "ORCHID", "2001:db8::/32": "documentation", "2002::/16": "6to4",
    "3fff::/20": "documentation", "4000::/3": "reserved", "5f00::/16": "segment routing", "fc00::/7": "private",
    "fe80::/10": "link-local", "fec0::/10": "site-local", "ff00::/8": "multicast",
}  # fmt: skip
"""Every range that the registries of IANA call not globally reachable, and what no registry gives out at all."""

REACHABLE = (
    "192.0.0.9/32", "192.0.0.10/32", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24", "2001:1::1/128",
    "2001:1::2/128", "2001:1::3/128", "2001:3::/32", "2001:4:112::/48", "2001:20::/28", "2001:30::/28",
    "2620:4f:8000::/48",
)  # fmt: skip
"""Entries of the registries that are globally reachable."""

SINGLE = {
    "0.0.0.0": "unspecified", "255.255.255.255": "broadcast", "192.0.0.192": "protocol assignment",
    "::": "unspecified", "::1": "loopback", "fe80::1%eth0": "link-local", "::ffff:127.0.0.1": "loopback",
    "::ffff:169.254.169.254": "link-local", "::127.0.0.1": "reserved", "::ffff:0:127.0.0.1": "reserved",
    "64:ff9b::7f00:1": "loopback", "64:ff9b::a00:1": "private", "2002:7f00:1::": "loopback",
    "2002:a00:1::1": "private", "2001:0:7f00:1::": "loopback", "no address": "no IP address", "": "no IP address",
}  # fmt: skip


@pytest.mark.parametrize("network", REFUSED)
def test_fault_a32_the_first_and_the_last_address_of_a_special_range_are_refused(network: str) -> None:
    whole = ipaddress.ip_network(network)
    for address in (whole[0], whole[1], whole[-2], whole[-1]):
        assert why_refused(str(address)) is not None
    assert why_refused(str(whole[whole.num_addresses // 2])) == REFUSED[network]


@pytest.mark.parametrize("network", REFUSED)
def test_fault_a32_the_neighbours_of_a_special_range_are_let_through(network: str) -> None:
    whole = ipaddress.ip_network(network)
    make, most = type(whole[0]), 2**whole.max_prefixlen - 1
    for number in (int(whole[0]) - 1, int(whole[-1]) + 1):
        if 0 <= number <= most and not _listed(neighbour := make(number)):
            assert why_refused(str(neighbour)) is None


def _listed(address: Address) -> bool:
    if address.version == 6 and address not in ipaddress.ip_network("2000::/3"):
        return True
    return any(address in ipaddress.ip_network(network) for network in REFUSED)


@pytest.mark.parametrize("network", REACHABLE)
def test_fault_a32_a_range_that_the_registries_call_reachable_is_let_through(network: str) -> None:
    whole = ipaddress.ip_network(network)
    assert why_refused(str(whole[0])) is None
    assert why_refused(str(whole[-1])) is None


@pytest.mark.parametrize("address", SINGLE)
def test_d08_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert why_refused(address) == SINGLE[address]


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_public_address_is_let_through(address: str) -> None:
    assert why_refused(address) is None


def test_a_network_the_host_allows_is_let_through_and_no_other() -> None:
    allowed = (ipaddress.ip_network("10.1.2.0/24"),)
    assert why_refused("10.1.2.3", allowed) is None
    assert why_refused("10.1.3.3", allowed) == "private"
    assert why_refused("::ffff:10.1.2.3", allowed) == "private"


@pytest.mark.parametrize(
    "given",
    [
        {"max_byte": 5}, {"max_bytes": 0}, {"max_bytes": "5"}, {"timeout": -1}, {"timeout": float("nan")},
        {"timeout": "soon"}, {"max_total_bytes": 0}, {"concurrency": 0}, {"concurrency": True},
        {"max_redirects": -1}, {"allow_hosts": "x.org"}, {"allow_hosts": [5]}, {"ports": 80},
        {"ports": ["80"]}, {"resolve": "dns"}, {"allow_networks": ["x"]}, {"allow_networks": "10.0.0.0/8"},
        {"allow_networks": [None]}, 5,
    ],
)  # fmt: skip
def test_a_policy_that_makes_no_sense_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError):
        FetchPolicy.make(given)


def test_true_is_the_default_policy_and_false_none() -> None:
    assert FetchPolicy.make(True) == FetchPolicy()
    assert FetchPolicy.make(False) is None
    assert FetchPolicy.make({"max_bytes": 5}) == FetchPolicy(max_bytes=5)


def test_a_host_is_judged_by_name_and_port() -> None:
    policy = FetchPolicy(allow_hosts=["*.Example.com"])
    assert policy.why_no_host("a.example.com", 443) is None
    assert policy.why_no_host("example.com.evil.org", 443) is not None
    assert policy.why_no_host("a.example.com", 22) is not None


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"), (b"\xff\xd8\xff\xe0", "image/jpeg"), (b"GIF89a", "image/gif"),
        (b"RIFF....WEBPVP8 ", "image/webp"), (b"RIFF....WAVEfmt ", "audio/wav"), (b"XXXX....WAVE", None),
        (b"%PDF-1.7", "application/pdf"), (b"ID3\x04", "audio/mpeg"), (b"hello", None), (b"", None),
    ],
)  # fmt: skip
def test_bytes_show_what_they_are(data: bytes, media_type: str | None) -> None:
    assert sniff(data) == media_type


def test_d08_what_bytes_show_beats_what_anybody_says_of_them() -> None:
    assert media_type_of(b"\x89PNG\r\n\x1a\n", "image/jpeg", "text/plain", "https://x/y.gif") == "image/png"
    assert media_type_of(b"hello", "text/markdown", "text/plain", "https://x/y.csv") == "text/markdown"
    assert media_type_of(b"hello", None, "text/plain", "https://x/y.csv") == "text/plain"
    assert media_type_of(b"a,b", None, "application/octet-stream", "https://x/y.csv?v=1") == "text/csv"


SAME = {
    "http://Example.COM/": "example.com", "http://example.com./": "example.com", "http://a_b.x/": "a_b.x",
    "https://bücher.example/": "xn--bcher-kva.example", "http://xn--bcher-kva.example/": "xn--bcher-kva.example",
    "http://93.184.216.34/": "93.184.216.34", "http://[2606:4700:0::1111]/": "2606:4700::1111",
    "http://0x7f.example/": "0x7f.example", "http://日本.example/": "xn--wgv71a.example",
}  # fmt: skip


@pytest.mark.parametrize("url", SAME)
def test_fault_a31_a_host_is_checked_as_it_will_be_connected_to(url: str) -> None:
    assert read_url(url).host == SAME[url]


CHANGING = [
    "127.0.0.①", "①②⑦.0.0.1", "\uff11\uff12\uff17.0.0.1", "127。0。0。1", "127\uff0e0\uff0e0\uff0e1", "127.0.0.1①",
    "127\uff610\uff610\uff611", "ⓔxample.com", "\uff45xample.com", "exa\u00admple.com", "exa\u200dmple.com",
    "℀.example", "ﬁle.example", "\U0001d7cf\U0001d7d0\U0001d7d5.0.0.1", "ex\u0430mple\u3002com", "①.example",
]  # fmt: skip
NUMBERS = [
    "0x7f.1", "0177.0.0.1", "2130706433", "127.1", "127.0.1", "0x7f000001", "127.0.0.01", "127.0.0.1.2",
    "1.2.3.256", "0x", "127.0.0.1..", "017700000001", "00000000.0", "4294967296", "a.1",
]  # fmt: skip
STRANGE = [
    "127.0.0.%31", "%6cocalhost", "exa mple.com", "a..b", ".a", "..", "[fe80::1%25eth0]", "[::1%lo]", "[v1.x]",
    "[127.0.0.1]", "::1", "example.com\\.evil.org", "exa\tmple.com", "exa\x85mple.com", "user@example.com",
    "@example.com", "a" * 64 + ".com", ".".join(["a" * 60] * 5), "example.com:80:80", "example.com:99999",
    "example.com:x", "\ud800.com",
]  # fmt: skip


@pytest.mark.parametrize("host", [*CHANGING, *NUMBERS, *STRANGE])
def test_fault_a31_a_host_that_libraries_read_differently_is_refused(host: str) -> None:
    with pytest.raises(RefusedUrl):
        read_url(f"http://{host}/")

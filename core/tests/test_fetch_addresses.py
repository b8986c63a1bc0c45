"""Which addresses and URLs may be fetched from."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from modelyard import ConfigurationError, FetchPolicy
from modelyard.media.addresses import why_refused
from modelyard.media.sniff import media_type_of, sniff

SPECIAL = {
    "0.0.0.0": "unspecified", "127.0.0.1": "loopback", "127.8.9.10": "loopback", "10.0.0.1": "private",
    "172.16.5.4": "private", "192.168.1.1": "private", "100.64.0.1": "reserved", "169.254.169.254": "link-local",
    "224.0.0.1": "multicast", "255.255.255.255": "private", "240.0.0.1": "private", "192.0.2.1": "private",
    "::": "unspecified", "::1": "loopback", "fe80::1": "link-local", "fe80::1%eth0": "link-local",
    "fc00::1": "private", "fd12:3456::1": "private", "ff02::1": "multicast", "2001:db8::1": "private",
    "::ffff:127.0.0.1": "loopback", "::ffff:10.0.0.1": "private", "::ffff:169.254.169.254": "link-local",
    "::127.0.0.1": "reserved", "64:ff9b::7f00:1": "loopback", "64:ff9b::a00:1": "private",
    "2002:7f00:1::": "loopback", "2002:a00:1::1": "private", "no address": "no IP address",
}  # fmt: skip


@pytest.mark.parametrize("address", SPECIAL)
def test_d08_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert why_refused(address) is not None
    if not address.startswith(("240.", "255.", "64:ff9b", "2002:")):  # Python's word for these differs by version
        assert why_refused(address) == SPECIAL[address]


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8"])
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
        {"max_byte": 5}, {"max_bytes": 0}, {"timeout": -1}, {"allow_hosts": "x.org"}, {"allow_networks": ["x"]}, 5,
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

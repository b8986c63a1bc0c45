"""Finding credentials that are left in recorded traffic."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from modelyard.testing.scrub import CREDENTIALS, SCRUBBED, is_credential_field

__all__ = ["find_credentials"]

_HEADER: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
_KNOWN_HEADERS: Final = re.compile(
    r"accept.*|content-.*|cache-control|keep-alive|user-agent|retry-after.*|transfer-encoding|last-modified"
    r"|(anthropic|x)-ratelimit-.*|anthropic-(version|beta)|openai-(version|beta|model)|x-stainless-.*"
    r"|.*-(id|ids|ms|time|date)|x-goog-api-client"
)
"""Headers whose values are no secrets: words, dates, figures, and ids of requests."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_\-]{20,}")
_ID: Final = re.compile(r"[a-z]+([_-][a-z]+)*[_-]|[0-9a-fA-F-]{32,36}$")
_RANDOM_BITS: Final = 3.9
"""Bits for each character from which on a text of 20 and more is random as a key: words stay below."""

_CHANGES: Final = 3
"""From a letter to a digit or back: an alphabet with figures behind it has one, a key of 20 characters seven."""

_ADDRESS: Final = re.compile(r"https?://[^\s?\"'<>]+|;base64,[A-Za-z0-9+/=_-]+")
"""An address up to its query, since links to sources have random paths; a file in a data URL."""

_TAKEN_OUT: Final = re.compile(f"{SCRUBBED}|redacted|placeholder", re.IGNORECASE)

_RANDOM_FIELDS: Final = re.compile(
    r"(?i).*(id|ids|signature|data|fingerprint|token|encrypted.*|content_?bytes|obfuscation|hash|sha256|cursor"
    r"|ur[il]|etag|version|result)$"
)
"""Fields in which answers have random texts of their own: ids, signatures, sealed reasoning, files."""


def find_credentials(text: str) -> list[str]:
    """Find texts that look like credentials; each is shown by its first characters only."""
    found = [_shown(match.group()) for match in CREDENTIALS.finditer(text)]
    return [*dict.fromkeys([*found, *_in_text(text, "")])]


def _in_text(text: str, name: str) -> Iterator[str]:
    """What is left in a text, which may be JSON, a stream of events with JSON in them, or neither."""
    for piece in _json_in(text):
        yield from _in_value(piece, name)
        return
    if len(text) < 20 or _RANDOM_FIELDS.fullmatch(name):
        return
    lines = text.split("\n")
    events = [line.partition(":")[2].strip() for line in lines if line.startswith("data:")]
    if events:
        for event in events:
            yield from _in_text(event, name)
        return
    yield from (_shown(word) for word in _TOKEN.findall(_ADDRESS.sub("", text)) if _is_random(word))


def _json_in(text: str) -> Iterator[Any]:
    if text.lstrip()[:1] in ("{", "["):
        try:
            yield json.loads(text)
        except (ValueError, RecursionError):
            return


def _in_value(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, str):
        yield from _in_text(value, name)
    elif isinstance(value, list):
        for item in value:
            yield from _in_value(item, name)
    elif isinstance(value, dict):
        for field, item in value.items():
            if is_credential_field(field, item, value) or _is_header(field, item):
                if not _TAKEN_OUT.search(item):
                    yield f"{field}: {_shown(item)}"
            else:
                yield from _in_value(item, field)


def _is_header(name: str, item: object) -> bool:
    """Whether a field is a header that may hold a credential: a text in one piece with a digit in it."""
    if not isinstance(item, str) or len(item) < 8 or not _HEADER.fullmatch(name.lower()):
        return False
    in_one_piece = " " not in item.removeprefix("Bearer ").removeprefix("Basic ")
    return in_one_piece and any(sign.isdigit() for sign in item) and not _KNOWN_HEADERS.fullmatch(name.lower())


def _is_random(word: str) -> bool:
    """Whether a word is as random as a key: letters and digits mixed well, and no id with a word before it."""
    changes = sum(one.isdigit() != other.isdigit() for one, other in itertools.pairwise(word))
    if changes < _CHANGES or _ID.match(word):
        return False
    counts = Counter(word)
    bits = -sum(count / len(word) * math.log2(count / len(word)) for count in counts.values())
    return bits >= _RANDOM_BITS


def _shown(text: str) -> str:
    return f"{text[:4]}…"

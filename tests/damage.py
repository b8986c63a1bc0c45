"""Damaging recorded traffic, the same way every time for the same seed."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

__all__ = ["BYTES", "JSON", "damage_body", "damage_bytes", "damage_stream"]

JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, 1e400, "", "x", "\ud800", "x" * 50_000, [], [None], [[]], {}, {"type": "text"},
    {"text": 5}, [{"a": {}}],
)  # fmt: skip
"""What no field of an answer holds, or not there."""


def _flip(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.randint(1, 8)):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def _span(data: bytes, draw: random.Random) -> tuple[int, int]:
    at, to = sorted((draw.randint(0, len(data)), draw.randint(0, len(data))))
    return at, to


def _cut_end(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data))]


def _cut_out(data: bytes, draw: random.Random) -> bytes:
    at, to = _span(data, draw)
    return data[:at] + data[to:]


def _double(data: bytes, draw: random.Random) -> bytes:
    at, to = _span(data, draw)
    return data[:to] + data[at:]


def _turn(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data))
    return data[at:] + data[:at]


def _stuff(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data))
    stuffing = draw.choice([b"\xff\x00\r\n", b"[", b'{"a":', b"\n\n", b"data: ", b"9"])
    return data[:at] + stuffing * draw.choice([1, 50, 20_000]) + data[at:]


BYTES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "flip": _flip, "cut end": _cut_end, "cut out": _cut_out, "double": _double, "turn": _turn, "stuff": _stuff,
}  # fmt: skip
JSON = ("replace", "remove", "double", "reorder")


def damage_bytes(data: bytes, draw: random.Random) -> bytes:
    """The bytes after one or two accidents."""
    for _ in range(draw.randint(1, 2)):
        if data:
            data = BYTES[draw.choice(list(BYTES))](data, draw)
    return data


def damage_body(data: bytes, draw: random.Random) -> bytes:
    """A JSON body with odd values in one to three places; bytes that are no JSON are damaged as such."""
    try:
        value = json.loads(data)
    except ValueError:
        return damage_bytes(data, draw)
    for _ in range(draw.randint(1, 3)):
        value = _damaged(value, draw)
    return json.dumps(value).encode()


def damage_stream(data: bytes, draw: random.Random) -> bytes:
    """Server-sent events left out, doubled, out of order, or with odd values in them."""
    events = [event for event in data.replace(b"\r\n", b"\n").split(b"\n\n") if event]
    how = draw.choice(JSON)
    at = draw.randrange(len(events)) if events else 0
    if not events:
        return data
    if how == "replace":
        events[at] = _damaged_event(events[at], draw)
    elif how == "remove":
        del events[at : at + draw.randint(1, 3)]
    elif how == "double":
        events.insert(draw.randint(0, len(events)), events[at])
    else:
        draw.shuffle(events)
    return b"".join(event + b"\n\n" for event in events)


def _damaged_event(event: bytes, draw: random.Random) -> bytes:
    head, mark, data = event.partition(b"data:")
    try:
        value = json.loads(data)
    except ValueError:
        return damage_bytes(event, draw)
    return head + mark + b" " + json.dumps(_damaged(value, draw)).encode()


def _damaged(value: Any, draw: random.Random) -> Any:
    """The value with something else in one place, or with nothing there; the shallower places more often."""
    if not isinstance(value, (dict, list)) or not value or draw.random() < 0.1:
        return copy.deepcopy(draw.choice(JUNK))
    key = draw.choice(list(value)) if isinstance(value, dict) else draw.randrange(len(value))
    if draw.random() < 0.08:
        del value[key]
    else:
        value[key] = _damaged(value[key], draw)
    return value

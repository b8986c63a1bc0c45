"""What each hostile server sends, for the wire of any provider."""

from __future__ import annotations

import gzip
import itertools
import json
import zlib
from collections.abc import Iterable, Iterator
from functools import cache

from modelyard.testing import Script
from modelyard.types.base import JsonObject

from .upstream import AFTER_THE_ANSWER, HANG, Act, Ask, Pause, head

__all__ = [
    "bomb", "broken_framing", "changed", "dripping", "endless_body", "endless_head", "endless_listing",
    "error_page", "half_error", "many_calls", "packed", "second_answer", "silence", "wrong_json",
]  # fmt: skip

MIB = 1024 * 1024
JSON, HTML, EVENTS = "application/json", "text/html", "text/event-stream"
FOREIGN = "ANSWER-OF-SOMEBODY-ELSE"


@cache
def packed(layers: int, size: int) -> bytes:
    """So many MiB of NUL bytes, packed once or more; slow when first asked for."""
    if layers > 1:
        return gzip.compress(packed(layers - 1, size))
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return b"".join([packer.compress(bytes(MIB)) for _ in range(size)]) + packer.flush()


def honest(ask: Ask, script: Script) -> list[bytes]:
    """The steps of a good answer: one for each event of a stream, or the one body."""
    if ask.stream:
        return ask.dialect.events(script, ask.received)
    return [json.dumps(ask.dialect.body(script, ask.received)).encode()]


def whole(ask: Ask, steps: list[bytes], *lines: str, status: int = 200) -> Iterator[bytes]:
    """A well-framed answer."""
    body = b"".join(steps)
    yield head(status, EVENTS if ask.stream else JSON, *lines, length=len(body)) + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def bomb(layers: int, size: int, status: int = 200) -> Act:
    """A few kilobytes that unpack to some MiB of NUL bytes."""
    coding = ", ".join(["gzip"] * layers)

    def act(ask: Ask) -> Iterable[bytes | Pause]:
        body = packed(layers, size)
        media_type = HTML if status >= 400 else EVENTS if ask.stream else JSON
        yield head(status, media_type, f"content-encoding: {coding}", length=len(body)) + body

    return act


def changed(script: Script, changes: dict[bytes, bytes], *lines: str) -> Act:
    """A good answer with some bytes replaced and some header lines more."""

    def act(ask: Ask) -> Iterable[bytes | Pause]:
        steps = honest(ask, script)
        for old, new in changes.items():
            steps = [step.replace(old, new) for step in steps]
        return whole(ask, steps, *lines)

    return act


def many_calls(count: int) -> Act:
    """So many tool calls in one answer."""
    script = Script(steps=Script().call("look", a=1).steps * count)
    made: dict[tuple[str, bool], list[bytes]] = {}

    def act(ask: Ask) -> Iterable[bytes | Pause]:
        key = (ask.received.path, ask.stream)
        if key not in made:
            made[key] = honest(ask, script)
        return whole(ask, made[key])

    return act


def endless_body(kind: str, size: int, piece: int = 65_536) -> Act:
    """An answer without end: ``text``, ``reasoning``, ``arguments``, ``noise`` about it, or a single ``line``.

    It stops after some MiB, so that a client that takes everything shows itself by its memory and not by a hang.
    """
    filler = b"x" * piece

    def act(ask: Ask) -> Iterable[bytes | Pause]:
        begin = _endless_stream if ask.stream else _endless_whole
        before, again = begin(ask, kind, filler)
        yield head(200, EVENTS if ask.stream else JSON) + (chunk(before) if before else b"")
        repeated = chunk(again)
        for _ in range(size * MIB // len(repeated)):
            yield repeated

    return act


def _endless_stream(ask: Ask, kind: str, filler: bytes) -> tuple[bytes, bytes]:
    if kind == "noise":
        return b": hello\n\n", b": " + filler + b"\n\n"
    if kind == "line":
        return b"data: ", filler
    steps = honest(ask, _marked(kind))
    if not any(b"@@" in step for step in steps):  # an API that shows no reasoning
        steps = honest(ask, _marked("text"))
    at = next(index for index, step in enumerate(steps) if b"@@" in step)
    return b"".join(steps[:at]), steps[at].replace(b"@@", filler)


def _endless_whole(ask: Ask, kind: str, filler: bytes) -> tuple[bytes, bytes]:
    if kind in ("noise", "line"):
        return b"{", b" " * len(filler)
    before, _, _ = honest(ask, _marked(kind))[0].partition(b"@@")
    return before, filler


def _marked(kind: str) -> Script:
    if kind == "reasoning":
        return Script().think("@@", " ").say("ok")
    return Script().call("look", a="@@") if kind == "arguments" else Script().say("@@", " ok")


def endless_head(size: int) -> Act:
    """Header lines that never end."""

    def act(ask: Ask) -> Iterable[bytes | Pause]:
        yield b"HTTP/1.1 200 Scripted\r\n"
        for number in range(size * MIB // 1024):
            yield b"x-field-%d: %b\r\n" % (number, b"x" * 1000)

    return act


def endless_listing(ask: Ask) -> Iterable[bytes | Pause]:
    """A page of the list of models that says there is another, each time."""
    name = f"m{ask.number}"
    page: JsonObject = {
        "object": "list",
        "data": [{"type": "model", "id": name, "display_name": "x", "created_at": "2026-01-01T00:00:00Z"}],
        "models": [{"name": f"models/{name}", "supportedGenerationMethods": ["generateContent"]}],
        "has_more": True,
        "first_id": "a",
        "last_id": name,
        "nextPageToken": name,
    }
    return whole(ask, [json.dumps(page).encode()])


def error_page(body: bytes, status: int = 502) -> Act:
    """A gateway's page."""
    return lambda ask: iter([head(status, HTML, length=len(body)) + body])


def half_error(status: int, *lines: str, close: bool) -> Act:
    """An error whose body stops in the middle, with the connection closed or left open."""

    def act(ask: Ask) -> Iterable[bytes | Pause]:
        yield head(status, JSON, *lines, length=80) + b'{"error": {"mess'
        yield HANG if not close else Pause(0)
        raise ConnectionResetError

    return act


def second_answer(ask: Ask) -> Iterable[bytes | Pause]:
    """A good answer, and behind it one that nobody asked for."""
    yield from whole(ask, honest(ask, Script().say(f"own{ask.number}")))
    yield AFTER_THE_ANSWER
    yield from whole(ask, honest(ask, Script().say(FOREIGN)))


def broken_framing(ask: Ask) -> Iterable[bytes | Pause]:
    """Half an answer in chunks, then a status line where the size of a chunk belongs, and an open connection."""
    body = b"".join(honest(ask, Script().say("Half ", "an ", "answer.")))
    yield head(200, EVENTS if ask.stream else JSON) + chunk(body[: len(body) // 2])
    yield b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"
    yield HANG


def dripping(ask: Ask) -> Iterable[bytes | Pause]:
    """A byte now and then, never an end."""
    yield head(200, EVENTS if ask.stream else JSON)
    for byte in itertools.cycle(b": " if ask.stream else b" "):
        yield chunk(bytes([byte]))
        yield Pause(0.1)


def silence(ask: Ask) -> Iterable[bytes | Pause]:
    """A head, and then nothing."""
    yield head(200, EVENTS if ask.stream else JSON)
    yield HANG


def wrong_json(value: bytes) -> Act:
    """JSON that is not what an answer is."""
    return lambda ask: whole(ask, [b"data: " + value + b"\n\n" if ask.stream else value])

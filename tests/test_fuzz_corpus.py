"""Recorded traffic, damaged: an answer or a typed error, never another exception, a hang, or memory without bound.

Every plugin reads through its real HTTP path. ``MODELYARD_FUZZ`` sets how many damaged answers each wire gets
(the suite's number takes a few seconds of CPU for each), ``MODELYARD_FUZZ_SEED`` where the row of them begins.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import tracemalloc
from collections.abc import Callable, Iterator
from types import NoneType
from typing import Any

import pytest

from modelyard import InvalidResponseError, ModelyardError, ProviderError, Runtime, ServerError
from modelyard.streaming.sse import MAX_EVENT_BYTES
from modelyard.testing import Exchange, load_exchanges
from modelyard.types.events import Event, ToolCallDelta

from .canned import Canned, canned_client
from .conftest import CORPUS
from .damage import damage_body, damage_bytes, damage_stream

ROUNDS = int(os.environ.get("MODELYARD_FUZZ", "700"))
SEED = int(os.environ.get("MODELYARD_FUZZ_SEED", "1"))
HANG = 60.0
"""Seconds after which an answer counts as hanging; each takes some milliseconds."""
MIB = 2**20

WIRES = {
    "claude": ("anthropic", "messages"),
    "gemini": ("gemini", "generateContent"),
    "mistral": ("mistral", "chat.completions"),
    "openai": ("openai", "responses"),
    "openai-chat": ("openai", "chat.completions"),
}
ODD_HEADERS = {
    "retry-after": ("soon", "1e999", "-5", "9" * 400, "Wed, 99 Xyz 2026 00:00:00 GMT", "nan"),
    "content-type": ("", "text/html", "application/json", ";;;", "text/event-stream; charset=\x7f"),
    "x-ratelimit-remaining-requests": ("", "many", "1e999", "9" * 400),
    "anthropic-ratelimit-requests-reset": ("tomorrow", "2026-13-45T99:99:99Z"),
}


def recorded(vendor: str, endpoint: str) -> list[Exchange]:
    endpoints = {endpoint, "streamGenerateContent"} if vendor == "gemini" else {endpoint}
    found = [entry for entry in load_exchanges(CORPUS / vendor) if entry.endpoint in endpoints]
    return [entry for entry in found if entry.body]


def runtime_for(wire: str, canned: Canned) -> Runtime:
    provider, _, api = wire.partition("-")
    settings: dict[str, Any] = {
        "api_key": "test-key",
        "base_url": "http://127.0.0.1:9",
        "http_client": canned_client(provider, canned),
        "options": {"api": api} if api else {},
    }
    return Runtime({provider: settings}, max_attempts=1, plugins=[provider])


def can(canned: Canned, exchange: Exchange, draw: random.Random) -> None:
    """Set a damaged form of an exchange as the next answer."""
    headers = {"content-type": exchange.headers.get("content-type", "application/json")}
    if draw.random() < 0.1:
        name = draw.choice(list(ODD_HEADERS))
        headers[name] = draw.choice(ODD_HEADERS[name])
    if draw.random() < 0.5:
        body = damage_bytes(exchange.body, draw)
    else:
        body = (damage_stream if exchange.stream else damage_body)(exchange.body, draw)
    piece = draw.choice([7, 1000, 65_536]) if len(body) < 20_000 else 65_536
    canned.status = draw.choice([400, 429, 500, 200]) if draw.random() < 0.1 else exchange.status
    canned.headers = headers
    canned.chunks = [body[at : at + piece] for at in range(0, len(body), piece)]


async def read(runtime: Runtime, wire: str, model: str, *, stream: bool) -> None:
    """Ask, and take an answer or an error that says what is wrong with the answer."""
    reference = f"{wire.partition('-')[0]}:{model}"
    try:
        async with asyncio.timeout(HANG):
            if not stream:
                await runtime.complete(reference, "Hi")
                return
            async with runtime.stream(reference, "Hi") as events:
                async for event in events:
                    assert_sound(event)
    except ModelyardError as error:
        assert_classified(error)


def assert_classified(error: ModelyardError) -> None:
    """The error is of a class that says what to do, and can be written down."""
    assert type(error) is not ProviderError, f"unclassified: {error}"
    json.dumps(error.to_dict())


def assert_sound(event: Event) -> None:
    """Texts are texts and places are numbers, whatever the provider sent."""
    for name in ("text", "id", "name", "arguments_text", "raw_finish_reason", "response_id", "model"):
        assert isinstance(getattr(event, name, None), (str, NoneType)), f"{event.type}.{name} is no text"
    if isinstance(event, ToolCallDelta):
        assert isinstance(event.arguments, str), "a fragment of arguments is no text"
    assert isinstance(getattr(event, "index", 0), int), f"{event.type}.index is no number"


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no recorded traffic at {CORPUS}")
@pytest.mark.parametrize("wire", WIRES)
async def test_damaged_recordings_are_read_or_refused(
    wire: str, record_property: Callable[[str, object], None]
) -> None:
    exchanges, canned, problems = recorded(*WIRES[wire]), Canned(), list[str]()
    async with runtime_for(wire, canned) as runtime:
        for number in range(SEED, SEED + ROUNDS):
            draw = random.Random(number)
            exchange = draw.choice(exchanges)
            can(canned, exchange, draw)
            try:
                await read(runtime, wire, exchange.model, stream=exchange.stream)
            except Exception as error:
                problems.append(f"seed {number}, {exchange.id}: {type(error).__name__}: {str(error)[:300]}")
    record_property(f"damaged recordings {wire}", f"{ROUNDS} read or refused")
    assert not problems, "\n".join([f"{len(problems)} of {ROUNDS}", *problems[:20]])


def delta_of(wire: str, text: str) -> list[bytes]:
    """A stream whose one piece of text is as given, in the form of each wire."""
    encoded = json.dumps(text)
    forms: dict[str, list[str]] = {
        "claude": [
            '{"type":"message_start","message":{"id":"m","model":"m","usage":{"input_tokens":1}}}',
            '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
            f'{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":{encoded}}}}}',
            '{"type":"content_block_stop","index":0}',
            '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}',
            '{"type":"message_stop"}',
        ],
        "gemini": [f'{{"candidates":[{{"content":{{"parts":[{{"text":{encoded}}}]}},"finishReason":"STOP"}}]}}'],
        "openai": [
            f'{{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":{encoded}}}',
            '{"type":"response.completed","response":{"id":"r","status":"completed","output":[]}}',
        ],
    }
    chat = [f'{{"choices":[{{"index":0,"delta":{{"content":{encoded}}},"finish_reason":"stop"}}]}}', "[DONE]"]
    return [f"data: {data}\n\n".encode() for data in forms.get(wire, chat)]


async def peak_of(wire: str, canned: Canned, *, stream: bool = True) -> tuple[int, str | ModelyardError]:
    """The most memory one call had beyond what was there before it, in bytes, and what came of it."""
    async with runtime_for(wire, canned) as runtime:
        chunks, canned.chunks = canned.chunks, ()
        await read(runtime, wire, MODELS[wire], stream=stream)  # imports and sessions are not the answer's
        canned.chunks = chunks
        tracemalloc.start()
        try:
            reference = f"{wire.partition('-')[0]}:{MODELS[wire]}"
            try:
                call = runtime.stream(reference, "Hi").collect() if stream else runtime.complete(reference, "Hi")
                came: str | ModelyardError = (await call).text
            except ModelyardError as error:
                came = error
            return tracemalloc.get_traced_memory()[1], came
        finally:
            tracemalloc.stop()


MODELS = {
    "claude": "claude-sonnet-5-5",
    "gemini": "gemini-3.8-flash",
    "mistral": "mistral-large-4",
    "openai": "gpt-6",
    "openai-chat": "gpt-6",
}


def in_pieces(data: bytes, size: int = 64 * 1024) -> Iterator[bytes]:
    """The data as a network brings it, each piece new."""
    for at in range(0, len(data), size):
        yield bytes(data[at : at + size])


@pytest.mark.parametrize("wire", WIRES)
async def test_b13_an_event_of_ten_megabytes_takes_a_few_times_its_size(wire: str) -> None:
    text = "naïve " * (10 * MIB // 7)
    data, canned = b"".join(delta_of(wire, text)), Canned()
    canned.headers, canned.chunks = {"content-type": "text/event-stream"}, in_pieces(data)
    peak, came = await peak_of(wire, canned)
    assert came == text
    # Held at once at the most: the pieces, the event joined of them, its data, the text (two bytes a character
    # or less) as parsed, as emitted and as joined for the answer.
    assert peak < 8 * len(data)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("line", [b"data: ", b": ", b"data: x\n"], ids=["data", "comment", "many lines"])
async def test_a_line_without_end_is_refused_at_the_limit_of_an_event(wire: str, line: bytes) -> None:
    canned = Canned()
    canned.headers = {"content-type": "text/event-stream"}

    def endless() -> Iterator[bytes]:
        yield b"data: "
        for _ in range(200):
            yield bytes(line * (MIB // len(line)))

    canned.chunks = endless()
    peak, came = await peak_of(wire, canned)
    assert isinstance(came, InvalidResponseError)
    assert "longer than" in str(came)
    assert peak < MAX_EVENT_BYTES + 8 * MIB  # the event up to the limit, and the pieces under way


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("opening", ["[", '{"a":'], ids=["lists", "objects"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "body"])
async def test_deep_nesting_is_refused(wire: str, opening: str, stream: bool) -> None:
    canned, deep = Canned(), opening.encode() * 500_000
    canned.headers = {"content-type": "text/event-stream" if stream else "application/json"}
    canned.chunks = in_pieces(b"data: %b\n\n" % deep if stream else deep)
    peak, came = await peak_of(wire, canned, stream=stream)
    assert isinstance(came, InvalidResponseError)
    assert peak < 8 * len(deep) + 4 * MIB


@pytest.mark.parametrize("wire", WIRES)
async def test_an_error_page_without_end_is_read_up_to_its_limit(wire: str) -> None:
    canned = Canned()
    canned.status, canned.headers = 502, {"content-type": "text/html"}
    canned.chunks = (bytes(b"<p>" * 20_000) for _ in range(10_000))
    peak, came = await peak_of(wire, canned)
    assert isinstance(came, ServerError)
    assert peak < 4 * MIB  # 64 KiB are kept of it, read in pieces of as much

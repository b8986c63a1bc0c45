"""Answers as Google writes them, and decoding them without a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from modelyard import Completion, Runtime
from modelyard.streaming.collect import collect
from modelyard.streaming.sse import SseParser
from modelyard.testing import LoopbackServer, Reply
from modelyard.types.base import JsonObject
from modelyard.types.events import Event
from modelyard_gemini.events import GeminiDecoder

__all__ = ["answer", "ask", "completed", "decode", "stream_of", "streamed", "whole"]


def answer(*parts: JsonObject, finish: str | None = "STOP", **more: Any) -> JsonObject:
    """A response with these parts; ``more`` are fields beside its candidates."""
    candidate: JsonObject = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "responseId": "resp_1", "modelVersion": "m-001", **more}


def stream_of(*chunks: object) -> bytes:
    """Server-sent events with the line ends Google uses."""
    return b"".join(b"data: %s\r\n\r\n" % json.dumps(chunk, ensure_ascii=False).encode() for chunk in chunks)


def decode(chunks: Iterable[bytes]) -> list[Event]:
    """The events of a stream that arrives in these pieces."""
    parser, decoder = SseParser(), GeminiDecoder("m")
    events: list[Event] = []
    for chunk in chunks:
        for data, _ in parser.feed(chunk):
            decoder.feed(data, events.append)
    decoder.on_end(events.append)
    return events


def completed(events: Sequence[Event]) -> Completion:
    """The completion events make."""
    return collect(events, provider="gemini", model="m")


def whole(body: JsonObject) -> Completion:
    """The completion of a whole answer."""
    events: list[Event] = []
    GeminiDecoder("m").feed_body(body, events.append)
    return completed(events)


def streamed(*chunks: object) -> Completion:
    """The completion of a stream."""
    return completed(decode([stream_of(*chunks)]))


async def ask(
    reply: Reply,
    *,
    stream: bool = True,
    model: str = "gemini:gemini-3.8-flash",
    key: str = "test-key",
    **options: Any,
) -> Completion:
    """Ask a server that answers so, once."""
    with LoopbackServer(lambda _: reply) as server:
        settings = {"api_key": key, "base_url": server.url}
        async with Runtime({"gemini": settings}, max_attempts=1, plugins=["gemini"]) as runtime:
            if stream:
                return await runtime.stream(model, "Hi", **options).collect()
            return await runtime.complete(model, "Hi", **options)

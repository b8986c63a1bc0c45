"""Damaged answers give events or a typed error: never another exception, a hang, or memory without a bound."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.errors import ProviderError
from modelyard.streaming.collect import Collector
from modelyard.streaming.sse import SseParser
from modelyard.testing import Received, Script
from modelyard.types.events import Event
from modelyard_mistral.events import MistralDecoder
from modelyard_mistral.testing.dialect import DIALECT

MODEL = "mistral-medium-3-5"
SCRIPT = Script().think("Hm, ünïcode 🌦.").say("It is ", "sunny.").call("f", a=[1, {"b": None}]).call("g")


def asked(stream: bool) -> Received:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    return Received("POST", "/v1/chat/completions", "", {}, json.dumps(body).encode())


EVENTS = DIALECT.events(SCRIPT, asked(True))
STREAM = b"".join(EVENTS)
BODY = DIALECT.body(SCRIPT, asked(False))


def decode(data: bytes, piece: int = 64) -> list[Event]:
    """The events of a stream that arrives in pieces; raises what the runtime would see."""
    parser, decoder, collector = SseParser(), MistralDecoder(MODEL, think_tags=True), Collector()
    events: list[Event] = []
    for at in range(0, len(data), piece):
        for item, _ in parser.feed(data[at : at + piece]):
            if not decoder.finished:
                decoder.feed(item, events.append)
    collector.extend(events)
    return events


def decode_body(body: Any) -> list[Event]:
    events: list[Event] = []
    MistralDecoder(MODEL, think_tags=True).feed_body(body, events.append)
    Collector().extend(events)
    return events


def is_safe(work: Callable[[], Any]) -> None:
    """Whatever the input, the outcome is events or an error of ours."""
    with contextlib.suppress(ProviderError):
        work()


@settings(max_examples=300, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(0, len(STREAM) - 1), st.integers(1, 255)), min_size=1, max_size=6),
    cut=st.integers(0, len(STREAM)),
)
def test_flipped_and_cut_bytes(flips: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(STREAM)
    for at, mask in flips:
        data[at] ^= mask
    is_safe(lambda: decode(bytes(data)))
    is_safe(lambda: decode(bytes(data[:cut])))


@settings(max_examples=300, deadline=None)
@given(order=st.lists(st.integers(0, len(EVENTS) - 1), max_size=2 * len(EVENTS)))
def test_events_left_out_doubled_and_in_any_order(order: list[int]) -> None:
    is_safe(lambda: decode(b"".join(EVENTS[at] for at in order)))


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, child in items for place in _places(child, (*at, key)))]


CHUNKS = [json.loads(event.removeprefix(b"data: ")) for event in EVENTS[:-1]]
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1.5, 10**30, "", "x", [], [[]], [None], {}, {"type": "text"}, {"text": 5}]
)


@settings(max_examples=400, deadline=None)
@given(data=st.data(), odd=ODD, whole=st.booleans())
def test_any_value_in_any_place(data: st.DataObject, odd: Any, whole: bool) -> None:
    values = json.loads(json.dumps(BODY if whole else data.draw(st.sampled_from(CHUNKS))))
    place = data.draw(st.sampled_from(_places(values)[1:]))
    target = values
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = odd
    if whole:
        is_safe(lambda: decode_body(values))
        return
    text = f"data: {json.dumps(values)}\n\n".encode()
    is_safe(lambda: decode(EVENTS[0] + text + EVENTS[-2] + EVENTS[-1]))


@given(
    body=st.recursive(ODD, lambda child: st.dictionaries(st.sampled_from(["choices", "message", "delta"]), child))
)
def test_any_body(body: Any) -> None:
    if isinstance(body, dict):
        is_safe(lambda: decode_body(body))


HUGE = {
    "one event": b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": "x" * 2**22}}]}).encode(),
    "no line end": b"data: " + b"x" * 2**22,
    "many lines": b"data: x\n" * 2**18,
    "many comments": b": ping\n\n" * 2**18,
    "deep": b"data: " + b"[" * 2**18 + b"\n\n",
}


@pytest.mark.parametrize("data", HUGE.values(), ids=HUGE)
def test_huge_input_takes_memory_in_proportion(data: bytes) -> None:
    tracemalloc.start()
    try:
        is_safe(lambda: decode(data + b"\n\n", piece=2**16))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * len(data) + 2**20

"""Damaged answers give events or a typed error: never another exception, a hang, or memory without bound."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard import ProviderError
from modelyard.http.exchange import decode_json
from modelyard.streaming.collect import Collector
from modelyard.streaming.sse import SseParser
from modelyard.testing import Received, Script
from modelyard.types.events import Event
from modelyard_claude.events import ClaudeDecoder
from modelyard_claude.testing.dialect import DIALECT

MODEL = "claude-sonnet-5-5"
ASKED = Received(
    "POST", "/v1/messages", "", {}, b'{"model": "claude-sonnet-5-5", "messages": [{}], "stream": true}'
)
SCRIPT = Script().think("Hm.", " So.").say("It is ", "süß 🙂").call("get_weather", city="Łódź").call("now")
EVENTS = DIALECT.events(SCRIPT, ASKED)
STREAM = b"".join(EVENTS)
BODY = json.dumps(DIALECT.body(SCRIPT, ASKED), ensure_ascii=False).encode()
JUNK: list[Any] = [None, 5, -1, "", "x", [], {}, [None], {"type": "text"}, True, 1e400, "\ud800"]

Mutation = Callable[[bytes], bytes]


def flip(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value]) + data[at + 1 :]


def places(data: bytes) -> st.SearchStrategy[int]:
    return st.integers(0, len(data) - 1)


def damaged(data: bytes) -> st.SearchStrategy[bytes]:
    """Bytes flipped, cut, doubled, or turned about."""
    at = places(data)
    return st.one_of(
        st.builds(lambda one, value: flip(data, one, value), at, st.integers(0, 255)),
        st.builds(lambda one, two: data[: min(one, two)] + data[max(one, two) :], at, at),
        st.builds(lambda one, two: data[: max(one, two)] + data[min(one, two) :], at, at),
        st.builds(lambda one: data[one:] + data[:one], at),
        st.builds(lambda one: data[:one] + b"\xff\x00\r\n" * 5_000 + data[one:], at),
    )


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places inside a JSON value."""
    if isinstance(value, dict):
        inner = [found for key, child in value.items() for found in paths(child, (*path, key))]
    elif isinstance(value, list):
        inner = [found for index, child in enumerate(value) for found in paths(child, (*path, index))]
    else:
        inner = []
    return [path, *inner]


def replaced(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    """A JSON value with something else in one place."""
    if not path:
        return junk
    if isinstance(value, list):
        return [
            replaced(child, path[1:], junk) if index == path[0] else child for index, child in enumerate(value)
        ]
    return {key: replaced(child, path[1:], junk) if key == path[0] else child for key, child in value.items()}


def read_stream(data: bytes) -> None:
    """Decode and collect a stream as the session does."""
    decoder, collector, events = ClaudeDecoder(MODEL), Collector(), list[Event]()
    try:
        for item, _ in SseParser().feed(data):
            if decoder.finished:
                break
            decoder.feed(item, events.append)
        collector.extend(events)
        collector.completion(provider="claude", model=MODEL)
    except ProviderError:
        return


def read_body(data: bytes) -> None:
    """Decode and collect a whole answer as the session does."""
    events: list[Event] = []
    try:
        ClaudeDecoder(MODEL).feed_body(decode_json(data), events.append)
        collector = Collector()
        collector.extend(events)
        collector.completion(provider="claude", model=MODEL)
    except ProviderError:
        return


@settings(max_examples=400, deadline=None)
@given(damaged(STREAM))
def test_a_stream_of_damaged_bytes_is_read_or_refused(data: bytes) -> None:
    read_stream(data)


@settings(max_examples=200, deadline=None)
@given(damaged(BODY))
def test_a_body_of_damaged_bytes_is_read_or_refused(data: bytes) -> None:
    read_body(data)


@settings(max_examples=300, deadline=None)
@given(st.permutations(EVENTS), st.integers(0, len(EVENTS)))
def test_events_out_of_order_doubled_or_missing_are_read_or_refused(events: list[bytes], cut: int) -> None:
    read_stream(b"".join(events[:cut]))
    read_stream(b"".join([EVENTS[0], *events[:cut], *EVENTS[1:]]))


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_an_event_with_anything_in_any_place_is_read_or_refused(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(EVENTS) - 1))
    event = json.loads(EVENTS[number].partition(b"data: ")[2])
    path = data.draw(st.sampled_from(paths(event)))
    changed = json.dumps(replaced(event, path, data.draw(st.sampled_from(JUNK)))).encode()
    read_stream(b"".join([*EVENTS[:number], b"data: %b\n\n" % changed, *EVENTS[number + 1 :]]))


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_a_body_with_anything_in_any_place_is_read_or_refused(data: st.DataObject) -> None:
    body = json.loads(BODY)
    path = data.draw(st.sampled_from(paths(body)))
    read_body(json.dumps(replaced(body, path, data.draw(st.sampled_from(JUNK)))).encode())

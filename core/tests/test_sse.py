"""The parser of server-sent events: complete by the specification, and blind to how bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard import InvalidResponseError
from modelyard.streaming.sse import ServerSentEvent, SseParser


def parse(*chunks: bytes, limit: int = 10_000) -> list[ServerSentEvent]:
    parser = SseParser(limit)
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    last = parser.flush()
    return [*events, last] if last is not None else events


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [(b"a", b""), (b"b", b"")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [(b"a", b""), (b"b", b"")]),
        (b"data: a\r\rdata: b\r\r", [(b"a", b""), (b"b", b"")]),
        (b"data:a\n\n", [(b"a", b"")]),
        (b"data:  a\n\n", [(b" a", b"")]),
        (b"event: ping\ndata: a\n\n", [(b"a", b"ping")]),
        (b"data: a\nevent: ping\n\n", [(b"a", b"ping")]),
        (b"event:ping\ndata:a\n\n", [(b"a", b"ping")]),
        (b"data: a\ndata: b\n\n", [(b"a\nb", b"")]),
        (b": comment\n\ndata: a\n\n: more\n\n", [(b"a", b"")]),
        (b"id: 1\nretry: 10\ndata: a\n\n", [(b"a", b"")]),
        (b"event: ping\n\ndata: a\n\n", [(b"a", b"")]),
        (b"data\n\n", [(b"", b"")]),
        (b"\xef\xbb\xbfdata: a\n\n", [(b"a", b"")]),
        (b"\n\n\ndata: a\n\n\n\n", [(b"a", b"")]),
        (b"data: a", [(b"a", b"")]),
        (b"", []),
        ("data: a\u2028b\u0085c\x0cd\n\n".encode(), [("a\u2028b\u0085c\x0cd".encode(), b"")]),
    ],
)
def test_every_form_the_specification_allows(stream: bytes, events: list[ServerSentEvent]) -> None:
    assert parse(stream) == events
    assert parse(*(stream[at : at + 1] for at in range(len(stream)))) == events


LINES = st.sampled_from(
    [b"data: x", b"data:y", b"event: e", b": c", b"id: 3", b"data", b"", b"", "data: é\u2028".encode()]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(
    lines=st.lists(st.tuples(LINES, ENDS), max_size=30),
    cuts=st.lists(st.integers(0, 200), max_size=20),
    mark=st.booleans(),
)
def test_the_cut_into_chunks_never_matters(lines: list[tuple[bytes, bytes]], cuts: list[int], mark: bool) -> None:
    stream = (b"\xef\xbb\xbf" if mark else b"") + b"".join(line + end for line, end in lines)
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    chunks = [stream[begin:end] for begin, end in pairwise(places)]
    assert parse(*chunks) == parse(stream)


def test_an_event_over_the_limit_is_an_error_and_not_a_hang() -> None:
    with pytest.raises(InvalidResponseError, match="longer than 100 bytes"):
        parse(*[b"data: " + b"x" * 50] * 3, limit=100)


def test_a_large_event_in_small_chunks_arrives_whole() -> None:
    payload = b"x" * 1_500_000
    stream = b"data: " + payload + b"\n\n"
    chunks = [stream[at : at + 1000] for at in range(0, len(stream), 1000)]
    assert parse(*chunks, limit=2_000_000) == [(payload, b"")]

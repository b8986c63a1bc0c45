"""Broken answers give events or a typed error: never another exception, and never a hang."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard import ModelyardError
from modelyard.http.failures import HttpFailure
from modelyard.streaming.collect import collect
from modelyard.streaming.sse import SseParser
from modelyard.types.base import JsonObject
from modelyard.types.events import Event
from modelyard_gemini.errors import map_error
from modelyard_gemini.events import GeminiDecoder, Segments

from .wire import answer, stream_of

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SEGMENT = answer({"text": "One"}, finish="CONTINUATION")
SEGMENT["candidates"][0]["continuationToken"] = "dG9rZW4="
RICH = answer(
    {"text": "Plan", "thought": True, "thoughtSignature": "cw=="},
    {"text": "naïve 😀"},
    {"functionCall": {"name": "f", "args": {"a": [1, None]}, "id": "x"}, "thoughtSignature": "cw=="},
    {
        "functionCall": {
            "name": "g",
            "willContinue": True,
            "partialArgs": [{"jsonPath": "$.a", "stringValue": "b"}],
        }
    },
    {"functionCall": {}},
    {"executableCode": {"code": "1"}},
    usageMetadata={
        "promptTokenCount": 3,
        "candidatesTokenCount": 4,
        "promptTokensDetails": [{"modality": "TEXT"}],
    },
    modelStatus={"modelStage": "STABLE"},
)
RICH["candidates"][0].update(
    {
        "safetyRatings": [{"category": "X", "blocked": False}],
        "citationMetadata": {"citations": [{"startIndex": 1, "endIndex": 2, "uri": "u"}]},
        "groundingMetadata": {
            "groundingChunks": [{"web": {"uri": "u", "title": "t"}}],
            "groundingSupports": [{"segment": {"endIndex": 4, "text": "na"}, "groundingChunkIndices": [0]}],
        },
        "logprobsResult": {"chosenCandidates": [{"token": "a", "logProbability": -1}], "topCandidates": [{}]},
    }
)
BLOCKED: JsonObject = {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": [{"blocked": True}]}}
FAILED: JsonObject = {
    "error": {
        "code": 429,
        "message": "Slow.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"},
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "PerDay"}]},
        ],
    }
}
CHUNKS = [
    answer({"text": "a"}, finish=None, usageMetadata={"promptTokenCount": 1}),
    SEGMENT,
    RICH,
    BLOCKED,
    FAILED,
]
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 1.5, 10**30, "", "text", "\ud800", [], [None], {}, {"a": {}}, [[]]]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [place for key, child in value.items() for place in places(child, (*path, key))]
    elif isinstance(value, list):
        found += [place for key, child in enumerate(value) for place in places(child, (*path, key))]
    return found


@st.composite
def misshapen(draw: st.DrawFn) -> list[Any]:
    """Some events of a stream, a few of their values replaced or removed."""
    chunks: list[Any] = copy.deepcopy(draw(st.lists(st.sampled_from(CHUNKS), min_size=1, max_size=4)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(chunks)))
        if not path:
            continue
        holder: Any = chunks
        for step in path[:-1]:
            holder = holder[step]
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[path[-1]]
        else:
            holder[path[-1]] = copy.deepcopy(draw(ODD))
    return chunks


def read(stream: bytes) -> None:
    """Decode and collect a stream, following its segments as a session would."""
    parser, decoder = SseParser(), GeminiDecoder("m", Segments(3))
    events: list[Event] = []
    for data, _ in parser.feed(stream):
        decoder.feed(data, events.append)
        if decoder.finished:
            break
    decoder.on_end(events.append)
    decoder.next_segment()
    collect(events, provider="gemini", model="m")


def read_whole(body: JsonObject) -> None:
    decoder = GeminiDecoder("m", Segments(3))
    events: list[Event] = []
    decoder.feed_body(body, events.append)
    decoder.next_segment()
    decoder.feed_body(body, events.append)
    collect(events, provider="gemini", model="m")


@SETTINGS
@given(misshapen())
def test_an_answer_of_any_shape_gives_events_or_a_typed_error(chunks: list[Any]) -> None:
    with contextlib.suppress(ModelyardError):
        read(b"".join(b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in chunks))
    for chunk in chunks:
        if isinstance(chunk, dict):
            with contextlib.suppress(ModelyardError):
                read_whole(chunk)
        assert map_error(HttpFailure(429, {}, json.dumps(chunk).encode())).message


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A stream with bytes flipped, cut out, said twice, put elsewhere or blown up."""
    data = stream_of(*draw(st.lists(st.sampled_from(CHUNKS), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(1, 4))):
        at, to = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        piece = data[at:to]
        changed = draw(
            st.sampled_from([b"", piece * 2, piece[::-1], bytes(byte ^ 1 for byte in piece), piece[:20] * 500])
        )
        data = data[:at] + changed + data[to:]
    return data


@SETTINGS
@given(damaged())
def test_a_damaged_stream_gives_events_or_a_typed_error(stream: bytes) -> None:
    with contextlib.suppress(ModelyardError):
        read(stream)
    assert map_error(HttpFailure(500, {}, stream)).message

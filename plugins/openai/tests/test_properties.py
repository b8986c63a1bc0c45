"""Whatever is asked, the request is one the API documents, or a typed error is raised before it is sent."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard import (
    CitationPart,
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    ModelyardError,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCall,
    ToolResult,
    UnsupportedFeatureError,
)
from modelyard.http.session import WireRequest
from modelyard.streaming.sse import SseParser
from modelyard.testing import Received, Script
from modelyard.types.base import JsonObject, Opaque
from modelyard.types.events import Event
from modelyard_openai.chat.events import OpenAIChatDecoder
from modelyard_openai.events import ResponsesDecoder
from modelyard_openai.testing.checks import cards
from modelyard_openai.testing.dialect import DIALECT

Wire: TypeAlias = Callable[..., WireRequest]

MODELS = st.sampled_from([*cards(), "a-model-of-next-year"])
CACHE = st.sampled_from([False, True, "5m", "30m", "1h", "12h"])
TEXT = st.text(min_size=1, max_size=10)
TEXTS = st.builds(TextPart, text=TEXT, cache=CACHE)
IMAGES = st.builds(
    ImagePart, data=st.just(b"\x89PNG\r\n\x1a\n"), cache=CACHE, detail=st.sampled_from([None, "low", "original"])
)
FILES = st.one_of(
    st.builds(FilePart, data=st.just(b"%PDF"), cache=CACHE, citations=st.booleans()),
    st.builds(
        FilePart, url=st.just("https://x.test/a"), media_type=st.sampled_from([None, "image/png", "audio/wav"])
    ),
    st.builds(FilePart, file_id=st.just("file-1"), media_type=st.sampled_from([None, "image/png"])),
    st.builds(FilePart, data=st.just(b"RIFF"), media_type=st.sampled_from(["audio/wav", "audio/flac"])),
)
USERS = st.builds(
    lambda parts, name: Message(role="user", content=tuple(parts), name=name),
    st.lists(TEXTS | IMAGES | FILES, min_size=1, max_size=3),
    st.sampled_from([None, "Ada"]),
)
SYSTEMS = st.builds(lambda part: Message(role="system", content=(part,)), TEXTS)


@st.composite
def turns(draw: st.DrawFn, model: str, number: int) -> list[Message]:
    """A turn of the model's, with reasoning, text, citations and calls, and the results of the calls."""
    maker = draw(st.sampled_from([model, "gpt-5.4"]))
    parts: list[Any] = []

    def own(kind: str, data: JsonObject) -> Opaque:
        return Opaque(provider="openai", model=maker, kind=kind, data=data)

    if draw(st.booleans()):
        item: JsonObject = {"type": "reasoning", "id": f"rs_{number}", "summary": []}
        item["encrypted_content"] = draw(st.sampled_from(["enc", None]))
        parts.append(ReasoningPart(kind="hidden", opaque=own("reasoning", item)))
    if draw(st.booleans()):
        search: JsonObject = {"type": "web_search_call", "id": f"ws_{number}", "status": "completed"}
        search["action"] = {"type": "search", "query": "x"}
        parts.append(OpaquePart(opaque=own("web_search_call", search)))
    if draw(st.booleans()):
        kept = own("message", {"id": f"msg_{number}", "status": "completed"})
        text = TextPart(text=draw(TEXT), cache=draw(CACHE), opaque=draw(st.sampled_from([None, kept])))
        parts += [text, CitationPart(raw={"type": "x"})]
    if draw(st.booleans()):
        parts.append(RefusalPart(text=draw(TEXT)))
    calls = [ToolCall(id=f"call_{number}_{n}", name="f", arguments={}) for n in range(draw(st.integers(0, 2)))]
    results = [
        ToolResult(
            tool_call_id=call.id,
            content=tuple(draw(st.lists(TEXTS | IMAGES, max_size=2))),
            is_error=draw(st.booleans()),
            cache=draw(CACHE),
        )
        for call in calls
    ]
    made = Message.assistant([*parts, *calls])
    return [made, Message.tool(results)] if results else [made]


LEAVES: list[JsonObject] = [
    {"type": "string"},
    {"type": "integer", "minimum": 1},
    {"enum": ["a", 1]},
    {},
    {"type": "string", "format": "uri"},
]
NAMES = ["a", "title", "$ref", "properties"]


def larger(inner: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    """Schemas around others."""
    objects = st.builds(
        lambda kept, wanted: {"type": "object", "properties": kept, "required": sorted(set(kept) & wanted)},
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
        st.sets(st.sampled_from(NAMES)),
    )
    return st.one_of(
        objects,
        inner.map(lambda kept: {"type": "array", "items": kept, "uniqueItems": True}),
        inner.map(lambda kept: {"anyOf": [kept, {"type": "null"}]}),
        inner.map(lambda kept: {"allOf": [kept], "description": "x"}),
        inner.map(lambda kept: {"type": "object", "additionalProperties": kept}),
    )


SCHEMAS: st.SearchStrategy[JsonObject] = st.recursive(st.sampled_from(LEAVES), larger, max_leaves=6)
OBJECTS = SCHEMAS.map(lambda kept: {"type": "object", "properties": {"x": kept}})
TOOL = st.fixed_dictionaries(
    {"name": st.sampled_from("fgh"), "parameters": OBJECTS},
    optional={"strict": st.booleans(), "cache": CACHE},
)
TOOLS = st.lists(TOOL, max_size=3, unique_by=lambda tool: str(tool["name"]))
OUTPUTS: st.SearchStrategy[Any] = st.just("json") | OBJECTS | SCHEMAS
CONTROLS = st.fixed_dictionaries(
    {},
    optional={
        "system": TEXT,
        "tools": TOOLS,
        "tool_choice": st.sampled_from(["auto", "required", "none"]),
        "parallel_tool_calls": st.booleans(),
        "output": OUTPUTS,
        "reasoning": st.fixed_dictionaries(
            {},
            optional={
                "effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
                "summary": st.sampled_from(["auto", "concise", "detailed", "none"]),
                "budget_tokens": st.integers(0, 9),
            },
        ),
        "verbosity": st.sampled_from(["low", "medium", "high"]),
        "max_output_tokens": st.integers(0, 2_000_000),
        "temperature": st.floats(0, 3),
        "top_p": st.floats(0, 1),
        "top_k": st.integers(0, 5),
        "stop": st.lists(TEXT, max_size=6),
        "seed": st.integers(-5, 5),
        "frequency_penalty": st.floats(-2, 2),
        "presence_penalty": st.floats(-2, 2),
        "top_logprobs": st.integers(0, 20),
        "metadata": st.dictionaries(TEXT, TEXT, max_size=20),
        "user": st.text(max_size=150),
        "service_tier": st.sampled_from(["auto", "flex", "ultrafast", "standard_only"]),
        "cache_key": TEXT,
        "stream": st.booleans(),
        "on_unsupported": st.sampled_from(["error", "drop"]),
    },
)


@pytest.mark.parametrize("api", ["responses", "chat"])
@given(data=st.data())
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_a_request_is_valid_for_sdk_and_dialect_or_a_typed_error(
    wire: Wire, api: str, data: st.DataObject
) -> None:
    model = data.draw(MODELS)
    history = [data.draw(USERS)]
    for number in range(data.draw(st.integers(0, 2))):
        history += data.draw(turns(model, number))
        history.append(data.draw(USERS | SYSTEMS))
    history = [*data.draw(st.lists(SYSTEMS, max_size=2)), *history, data.draw(USERS)]
    fields = {"on_unsupported": "drop", **data.draw(CONTROLS)}
    try:
        built = wire(history, model=model, api=api, **fields)
    except (UnsupportedFeatureError, InvalidRequestError):
        return
    if fields.get("on_unsupported") == "error":
        actions = {note.action for note in built.report.notes} if built.report else set()
        assert not actions & {"clamped", "relaxed"}


def stream_of(api: str) -> bytes:
    script = Script().think("Hm.").say("It is süß.").call("get_weather", city="Łódź").call("now")
    path = "/v1/responses" if api == "responses" else "/v1/chat/completions"
    body = json.dumps({"model": "gpt-6-sol", "input": [], "messages": []}).encode()
    return b"".join(DIALECT.events(script, Received("POST", path, "", {}, body)))


@pytest.mark.parametrize("api", ["responses", "chat"])
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_mutated_stream_gives_events_or_a_typed_error(api: str, data: st.DataObject) -> None:
    stream = bytearray(stream_of(api))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(stream) - 1))
        end = min(at + data.draw(st.integers(0, 60)), len(stream))
        change = data.draw(st.sampled_from(["flip", "cut", "double", "move"]))
        if change == "flip":
            stream[at] ^= data.draw(st.integers(1, 255))
        elif change == "cut" and end - at < len(stream) - 1:
            del stream[at:end]
        elif change == "double":
            stream[at:at] = stream[at:end]
        else:
            stream = stream[end:] + stream[:end]
    decoder = ResponsesDecoder("gpt-6-sol") if api == "responses" else OpenAIChatDecoder()
    events: list[Event] = []
    with contextlib.suppress(ModelyardError):
        for found, _ in SseParser().feed(bytes(stream)):
            if not decoder.finished:
                decoder.feed(found, events.append)
    assert len(events) < 10_000


@pytest.mark.parametrize("decoder", [lambda: ResponsesDecoder("m"), OpenAIChatDecoder])
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_misshapen_body_gives_a_typed_error_or_an_answer(decoder: Any, data: st.DataObject) -> None:
    keys = st.sampled_from(
        "output status choices message content type text id delta tool_calls function name arguments index usage "
        "error summary annotations logprobs item response call_id refusal finish_reason".split()
    )
    values = st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-1, 9)
        | st.sampled_from(["", "message", "completed", "reasoning", "function_call"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=15,
    )
    body = data.draw(st.dictionaries(keys, values, max_size=5))
    with contextlib.suppress(ModelyardError):
        decoder().feed_body(body, list[Event]().append)

"""Any request either fits the API and the SDK's types, or is refused here with a typed error."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard import (
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    ModelCard,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCall,
    ToolResult,
    UnsupportedFeatureError,
)
from modelyard.catalog.loader import load_cards
from modelyard.deployments.field_filter import as_taken
from modelyard.history.opaque import ReplayTarget
from modelyard.http.session import WireRequest
from modelyard.testing import Received
from modelyard.types.base import JsonObject, Opaque
from modelyard.types.content import CitationPart
from modelyard.types.fields import taken_by
from modelyard.types.history_rules import rules_for
from modelyard.types.request import Request
from modelyard.types.request import build_request as neutral_request
from modelyard_claude.counting import counting_request
from modelyard_claude.options import ClaudeOptions
from modelyard_claude.plugin import MODELYARD_API, modelyard_provider
from modelyard_claude.request import build_request, check_request
from modelyard_claude.testing.checks import sign
from modelyard_claude.testing.dialect import DIALECT

CARDS = {card.id: card for card in load_cards("modelyard_claude", "claude")}
MODELS = st.sampled_from([*CARDS, "claude-next"])
OPTIONS = st.sampled_from(
    [ClaudeOptions(), ClaudeOptions(version="2023-06-01"), ClaudeOptions(default_max_tokens=9)]
)
HEADERS = {"authorization": "Bearer key", "content-type": "application/json", "anthropic-version": "2026-10-21"}
NAMES = ("get_weather", "now", "odd name/1")

words = st.sampled_from(["Hi", "", "  \n", "Grüße 🙂", "\u2028", "\x00", "a" * 200])
caches = st.sampled_from([False, False, True, "5m", "30m", "1h", "12h"])
ids = st.sampled_from(["toolu_1", "toolu_2", "call|x.y", "c" * 90])


def opaque(kind: str, data: JsonObject, provider: str = "claude", model: str | None = None) -> Opaque:
    return Opaque(provider=provider, kind=kind, data={"type": kind, **data}, model=model)


def thought(model: str, text: str) -> ReasoningPart:
    data = {"thinking": text, "signature": sign(model, text)}
    return ReasoningPart(text=text, opaque=opaque("thinking", data, model=model))


search_result = opaque(
    "search_result", {"source": "kb", "title": "t", "content": [{"type": "text", "text": "found"}]}
)
texts = st.builds(TextPart, text=words, cache=caches, opaque=st.sampled_from([None, None, search_result]))
images = st.builds(
    ImagePart,
    data=st.sampled_from([b"\x89PNG\r\n\x1a\n0", b"\xff\xd8\xff0", b"", b"BM0000"]),
    media_type=st.sampled_from([None, "image/bmp", "image/webp"]),
    detail=st.sampled_from([None, "high"]),
    cache=caches,
) | st.builds(ImagePart, url=st.sampled_from(["https://e.org/a.png", "gs://b/a.png", "file:///etc/passwd"]))
files = st.builds(
    FilePart,
    data=st.sampled_from([b"%PDF-1", b"plain", b"\xff\xfe", b""]),
    media_type=st.sampled_from([None, "text/plain", "application/pdf", "audio/wav", "image/png"]),
    name=st.sampled_from([None, "a.pdf"]),
    citations=st.booleans(),
    cache=caches,
) | st.builds(FilePart, file_id=st.just("file_1"), citations=st.booleans())
results = st.builds(
    ToolResult,
    tool_call_id=ids,
    content=st.lists(texts | images | files, max_size=2).map(tuple),
    is_error=st.booleans(),
    cache=caches,
)
calls = st.builds(
    ToolCall,
    id=ids,
    name=st.sampled_from(NAMES),
    arguments=st.sampled_from([None, {}, {"city": "Łódź"}]),
    arguments_text=st.sampled_from(["", '{"ci']),
)
foreign = st.sampled_from(
    [
        ReasoningPart(text="Hm."),
        ReasoningPart(kind="hidden", opaque=opaque("reasoning", {"id": "rs_1"}, provider="openai")),
        OpaquePart(opaque=opaque("part", {"thoughtSignature": "x"}, provider="gemini")),
        OpaquePart(opaque=opaque("stop_details", {"category": "cyber"})),
        CitationPart(url="https://e.org", title="t"),
        RefusalPart(text="No."),
    ]
)
own = st.builds(thought, st.sampled_from(["claude-sonnet-5-5", "claude-opus-4-6", "claude-haiku-4-5"]), words)
messages = st.lists(
    st.one_of(
        st.builds(Message, role=st.just("system"), content=st.lists(texts, max_size=2).map(tuple)),
        st.builds(
            Message,
            role=st.just("user"),
            content=st.lists(texts | images | files | results, max_size=3).map(tuple),
        ),
        st.builds(
            Message,
            role=st.just("assistant"),
            content=st.lists(texts | calls | foreign | own, max_size=4).map(tuple),
        ),
        st.builds(Message, role=st.just("tool"), content=st.lists(results, max_size=2).map(tuple)),
    ),
    min_size=1,
    max_size=6,
)
SCHEMAS: list[JsonObject] = [
    {"type": "object", "properties": {}},
    {"type": "object", "properties": {"a": {"type": "string", "minLength": 1, "format": "color"}}},
    {"oneOf": [{"type": "array", "items": {"type": "integer"}, "minItems": 4}, {"type": "null"}]},
    {"$ref": "#/definitions/n", "definitions": {"n": {"type": "object", "additionalProperties": True}}},
    {"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}}}},
]
tools = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(NAMES)},
        optional={
            "description": words,
            "parameters": st.sampled_from([None, SCHEMAS[0], SCHEMAS[1], {"properties": {}}]),
            "strict": st.sampled_from([None, True, False]),
            "cache": caches,
        },
    ),
    unique_by=lambda tool: tool["name"],
    max_size=3,
)
efforts = st.sampled_from([None, "none", "minimal", "low", "medium", "high", "xhigh", "max"])
controls = st.fixed_dictionaries(
    {},
    optional={
        "tools": tools,
        "tool_choice": st.sampled_from(["auto", "required", "none", "now"]),
        "parallel_tool_calls": st.booleans(),
        "output": st.sampled_from(["json", *SCHEMAS]),
        "reasoning": st.fixed_dictionaries(
            {},
            optional={
                "effort": efforts,
                "budget_tokens": st.sampled_from([0, 1, 1024, 30_000, 10**7]),
                "summary": st.sampled_from(["auto", "concise", "detailed", "none"]),
            },
        ),
        "verbosity": st.just("low"),
        "max_output_tokens": st.sampled_from([0, 1, 1024, 20_000, 10**6]),
        "temperature": st.sampled_from([0.0, 1.0, 1.9]),
        "top_p": st.sampled_from([0.0, 0.5, 1.0]),
        "top_k": st.sampled_from([0, 40]),
        "stop": st.sampled_from([[], ["END"], ["END", " "]]),
        "seed": st.just(0),
        "top_logprobs": st.just(0),
        "metadata": st.sampled_from([{}, {"user_id": "u"}, {"team": "a"}]),
        "user": st.just("u"),
        "service_tier": st.sampled_from(["auto", "standard", "priority", "flex"]),
        "cache_key": st.just("k"),
        "on_unsupported": st.sampled_from(["warn", "drop", "error"]),
    },
)


def written(request: Request, card: ModelCard, options: ClaudeOptions) -> WireRequest:
    """What the runtime would send for a request."""
    info = modelyard_provider()
    target = ReplayTarget(rules_for(info.history, card), "claude", request.model)
    adapted = as_taken(request, taken_by(info, MODELYARD_API), info, target)
    check_request(adapted, card)
    built = build_request(adapted, card, options)
    return built if adapted.adaptation is None else replace(built, report=adapted.adaptation.report(built.report))


def accept(wire: WireRequest, options: ClaudeOptions) -> None:
    headers = {**HEADERS, **options.headers}
    DIALECT.check(Received("POST", wire.path, "", headers, json.dumps(wire.body).encode()))


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(model=MODELS, history=messages, fields=controls, options=OPTIONS, stream=st.booleans())
def test_a_request_fits_the_api_or_is_refused_here(
    model: str, history: list[Message], fields: dict[str, Any], options: ClaudeOptions, stream: bool
) -> None:
    card = CARDS.get(model) or ModelCard.unknown("claude", model)
    try:
        request = neutral_request("claude", model, history, None, fields, stream=stream)
        wire = written(request, card, options)
    except (InvalidRequestError, UnsupportedFeatureError):
        return
    accept(wire, options)
    accept(counting_request(wire), options)


@settings(max_examples=100, deadline=None)
@given(model=MODELS, fields=controls)
def test_nothing_asked_for_goes_unsaid(model: str, fields: dict[str, Any]) -> None:
    """Each control of a request is on the wire, or in the report under its own name."""
    fields = {**fields, "on_unsupported": "drop"}
    card = CARDS.get(model) or ModelCard.unknown("claude", model)
    try:
        wire = written(neutral_request("claude", model, "Hi", None, fields), card, ClaudeOptions())
    except (InvalidRequestError, UnsupportedFeatureError):
        return
    said = {note.field.partition(".")[0] for note in wire.report.notes} if wire.report else set()
    places = {
        "stop": "stop_sequences",
        "max_output_tokens": "max_tokens",
        "output": "output_config",
        "user": "metadata",
        "service_tier": "service_tier",
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
    }
    for field, place in places.items():
        assert field not in fields or place in wire.body or field in said, field
    for field in ("seed", "verbosity", "top_logprobs", "cache_key"):
        assert field not in fields or field in said


def test_the_property_is_not_met_by_refusing_everything() -> None:
    card = CARDS["claude-sonnet-5-5"]
    accepted = 0
    for effort in ("none", "high"):
        for output in SCHEMAS[:3]:
            fields = {"output": output, "reasoning": effort, "tools": [{"name": "now"}], "user": "u"}
            accept(
                written(neutral_request("claude", card.id, "Hi", None, fields), card, ClaudeOptions()),
                ClaudeOptions(),
            )
            accepted += 1
    assert accepted == 6
    recursive = neutral_request("claude", card.id, "Hi", None, {"output": SCHEMAS[4]})
    with pytest.raises(UnsupportedFeatureError):
        written(recursive, card, ClaudeOptions())

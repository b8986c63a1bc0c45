"""Whatever is asked is written as the official client and the emulator take it, or refused with a typed error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard import FilePart, ImagePart, Message, TextPart, Tool, ToolCall, ToolResult
from modelyard.catalog.card import ModelCard
from modelyard.catalog.loader import load_cards
from modelyard.errors import InvalidRequestError, UnsupportedFeatureError
from modelyard.history.codec import adapt
from modelyard.history.opaque import ReplayTarget
from modelyard.testing import Received
from modelyard.types.base import Opaque
from modelyard.types.content import CitationPart, ReasoningPart, RefusalPart
from modelyard.types.request import build_request
from modelyard_mistral.counting import counting_body
from modelyard_mistral.plugin import modelyard_provider
from modelyard_mistral.request import build_chat_request
from modelyard_mistral.testing.dialect import DIALECT
from modelyard_mistral.testing.types import find_faults

RULES = modelyard_provider().history
CARDS = [*load_cards("modelyard_mistral", "mistral"), ModelCard.unknown("mistral", "mistral-next")]
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
LOOK_UP = Tool(name="look_up", parameters=SCHEMA, description="Looks up.", strict=True)
TOOLS = [LOOK_UP, Tool(name="now"), Tool(name="server/tools.of.another.kind" * 4)]

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
said = words.filter(str.strip)
cached = st.sampled_from([False, True, "1h"])
texts = st.builds(TextPart, text=words, cache=cached)
media = st.one_of(
    st.builds(ImagePart, data=st.just(b"\x89PNG\r\n\x1a\n"), detail=st.sampled_from([None, "low", "original"])),
    st.builds(ImagePart, url=st.just("https://example.com/a.png"), cache=cached),
    st.builds(FilePart, data=st.just(b"%PDF-1.7"), name=st.sampled_from([None, "a.pdf"]), citations=st.booleans()),
    st.builds(FilePart, url=st.just("https://example.com/a.pdf")),
    st.builds(FilePart, file_id=st.just("file-1")),
    st.builds(FilePart, data=st.just(b"RIFF"), media_type=st.sampled_from(["audio/wav", "image/webp"])),
)
reasoning = st.builds(
    ReasoningPart,
    text=words,
    opaque=st.sampled_from(
        [
            None,
            Opaque(provider="claude", kind="thinking", data={"type": "thinking", "signature": "x"}),
            Opaque(
                provider="mistral",
                model="mistral-large-4",
                kind="thinking",
                data={"type": "thinking", "thinking": []},
            ),
        ]
    ),
)
citations = st.builds(
    CitationPart,
    source=words,
    raw=st.sampled_from([{}, {"type": "reference", "reference_ids": [1, "a"]}, {"type": "url_citation"}]),
)
answers = st.lists(st.one_of(texts, reasoning, citations, st.builds(RefusalPart, text=words)), max_size=4)


@st.composite
def tool_rounds(draw: st.DrawFn) -> list[Message]:
    """A turn that calls tools, and results for all or some of the calls, in one message or in several."""
    ids = draw(st.lists(st.one_of(said, st.just("D681PevKs")), min_size=1, max_size=3, unique=True))
    arguments = st.dictionaries(words, words, max_size=2)
    calls = [ToolCall(id=call_id, name="look_up", arguments=draw(arguments)) for call_id in ids]
    content = st.lists(st.one_of(texts, media), max_size=2)
    results = [ToolResult(tool_call_id=call_id, content=draw(content), name="look_up") for call_id in ids]
    results = results[: draw(st.integers(0, len(results)))] if draw(st.booleans()) else results
    spoken = Message.assistant([*draw(answers), *calls])
    if not results:
        return [spoken]
    if draw(st.booleans()):
        return [spoken, *(Message.tool(result) for result in results)]
    return [spoken, Message.tool(results)]


def turns() -> st.SearchStrategy[list[Message]]:
    user = st.lists(st.one_of(texts, media), min_size=1, max_size=3).map(Message.user)
    named = st.builds(Message, role=st.just("user"), content=said, name=said)
    system = words.map(Message.system)
    assistant = answers.filter(bool).map(Message.assistant)
    one = st.one_of(user, named, system, assistant).map(lambda message: [message])
    lost = st.builds(ToolResult, tool_call_id=said, content=texts).map(lambda result: [Message.tool(result)])
    return st.lists(st.one_of(one, tool_rounds(), lost), min_size=1, max_size=6).map(
        lambda rounds: [message for some in rounds for message in some]
    )


EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
CONTROLS = {
    "tools": st.sampled_from([[], TOOLS]),
    "tool_choice": st.sampled_from(["auto", "required", "none", "any"]),
    "parallel_tool_calls": st.booleans(),
    "output": st.sampled_from(["json", SCHEMA, {"schema": SCHEMA, "description": "A title.", "strict": False}]),
    "reasoning": st.one_of(
        st.sampled_from(EFFORTS),
        st.fixed_dictionaries(
            {}, optional={"budget_tokens": st.integers(0, 9), "summary": st.sampled_from(["auto", "none"])}
        ),
    ),
    "verbosity": st.sampled_from(["low", "high"]),
    "max_output_tokens": st.one_of(st.integers(0, 10), st.integers(30_000, 2_000_000)),
    "temperature": st.floats(0, 3),
    "top_p": st.floats(0, 1),
    "top_k": st.integers(0, 9),
    "stop": st.lists(said, max_size=5),
    "seed": st.integers(0, 2**31),
    "frequency_penalty": st.floats(-2, 2),
    "presence_penalty": st.floats(-2, 2),
    "top_logprobs": st.integers(0, 20),
    "metadata": st.dictionaries(words, words, max_size=2),
    "user": said,
    "service_tier": st.sampled_from(["auto", "standard_only", "default", "flex"]),
    "cache_key": said,
    "history": st.sampled_from(["repair", "refuse"]),
    "on_unsupported": st.sampled_from(["warn", "drop", "error"]),
}


def received(body: Any, path: str = "/v1/chat/completions") -> Received:
    headers = {"authorization": "Bearer k", "content-type": "application/json"}
    return Received("POST", path, "", headers, json.dumps(body).encode())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    messages=turns(),
    fields=st.fixed_dictionaries({}, optional=CONTROLS),
    card=st.sampled_from(CARDS),
    stream=st.booleans(),
)
def test_a_request_is_valid_or_refused(
    messages: list[Message], fields: dict[str, Any], card: ModelCard, stream: bool
) -> None:
    before = [message.model_dump() for message in messages]
    try:
        request = build_request("mistral", card.id, messages, None, fields, stream=stream)
        wire = build_chat_request(adapt(request, ReplayTarget(RULES, "mistral", card.id)), card)
    except (InvalidRequestError, UnsupportedFeatureError):
        return
    DIALECT.check(received(wire.body))
    counting = counting_body(wire.body)
    if counting is not None:
        DIALECT.check(received(counting, "/v1/responses/input_tokens"))
    assert [message.model_dump() for message in messages] == before


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"store": False}, "store"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"reasoning_effort": "extreme"}, "extreme"),
        ({"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "A", "b": 1}]}]}, "messages"),
        ({"messages": [{"role": "user", "content": "A", "name": "B"}]}, "name"),
    ],
)
def test_the_check_against_the_official_types_finds_faults(change: dict[str, Any], word: str) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "temperature": 1}
    assert find_faults(body) == []
    assert word in " ".join(find_faults({**body, **change}))

"""Any request either fits Google's own definition of one, or is refused before the network with a typed error."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from modelyard import InvalidRequestError, Message, UnsupportedFeatureError
from modelyard.catalog.card import ModelCard
from modelyard.types.base import JsonObject, Opaque
from modelyard.types.content import FilePart, ImagePart, ReasoningPart, RefusalPart, TextPart, ToolCall, ToolResult
from modelyard.types.request import Request
from modelyard_gemini.plugin import modelyard_models
from modelyard_gemini.request import build_generate_request
from modelyard_gemini.testing.checks import check_body, make_signature

from .sdk_check import check_against_sdk

CARDS = (*modelyard_models(), ModelCard.unknown("gemini", "gemini-9-neon"))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,12}", fullmatch=True)
DATA = st.binary(min_size=1, max_size=12)
URLS = st.sampled_from(
    [
        "https://example.com/a.png",
        "http://example.com/a",
        "gs://b/a.mp4",
        "https://youtu.be/x",
        "https://e.org/a.mp3",
    ]
)
MEDIA = st.one_of(
    st.builds(ImagePart, data=DATA, detail=st.sampled_from([None, "auto", "high"])),
    st.builds(ImagePart, url=URLS),
    st.builds(FilePart, data=DATA, name=st.sampled_from([None, "a.csv"]), citations=st.booleans()),
    st.builds(FilePart, file_id=st.sampled_from(["files/a", "files/b", "https://x.org/files/a", "file-a"])),
)
CACHES = st.sampled_from([False, True, "1h"])
ARGUMENTS = st.dictionaries(
    TEXTS, st.one_of(st.none(), st.booleans(), st.integers(), TEXTS, st.lists(TEXTS)), max_size=3
)


def schemas() -> st.SearchStrategy[JsonObject]:
    leaf: st.SearchStrategy[JsonObject] = st.sampled_from(
        [
            {"type": "string", "minLength": 1},
            {"type": "integer", "exclusiveMinimum": 3},
            {"enum": [1, "", None]},
            {"const": "x"},
            {"type": ["number", "null"], "multipleOf": 2},
            {"not": {"type": "null"}},
            {},
        ]
    )
    nested = st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds(lambda items: {"type": "array", "items": items, "uniqueItems": True}, inner),
            st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda options: {"allOf": options}, st.lists(inner, min_size=1, max_size=2)),
            st.builds(
                lambda fields: {"type": "object", "properties": fields}, st.dictionaries(NAMES, inner, max_size=3)
            ),
        ),
        max_leaves=6,
    )
    return st.builds(
        lambda fields, more: {"type": "object", "properties": fields, **more},
        st.dictionaries(NAMES, nested, max_size=4),
        st.sampled_from([{}, {"required": ["a"]}, {"additionalProperties": False}, {"$defs": {"d": {}}}]),
    )


@st.composite
def conversations(draw: st.DrawFn, model: str) -> list[Message]:
    """Turns of user and model with complete tool loops, as the core hands them to a plugin."""
    signed = Opaque(
        provider="gemini", model=model, kind="text", data={"thoughtSignature": make_signature(model, 1)}
    )
    texts = st.builds(TextPart, text=TEXTS, cache=CACHES)
    messages = [Message.system(text) for text in draw(st.lists(TEXTS, max_size=2))]
    for turn in range(draw(st.integers(1, 3))):
        content = draw(st.lists(st.one_of(texts, MEDIA), min_size=1, max_size=3))
        messages.append(Message(role="user", content=tuple(content), name=draw(st.sampled_from([None, "ada"]))))
        spoken = draw(
            st.lists(
                st.one_of(
                    texts,
                    st.builds(RefusalPart, text=TEXTS),
                    st.builds(ReasoningPart, text=TEXTS),
                    st.builds(TextPart, text=TEXTS, opaque=st.just(signed)),
                ),
                max_size=2,
            )
        )
        said_something = any(isinstance(part, (ImagePart, FilePart)) or part.text for part in content)
        names = draw(st.lists(NAMES, max_size=2)) if said_something else []
        calls = [
            ToolCall(id=f"c{turn}_{place}", name=name, arguments=draw(ARGUMENTS))
            for place, name in enumerate(names)
        ]
        messages.append(Message(role="assistant", content=(*spoken, *calls)))
        if calls:
            results = [
                ToolResult(
                    tool_call_id=call.id,
                    content=tuple(draw(st.lists(st.one_of(st.builds(TextPart, text=TEXTS), MEDIA), max_size=2))),
                    is_error=draw(st.booleans()),
                )
                for call in calls
            ]
            messages.append(Message.tool(results))
    if draw(st.integers(0, 4)):  # most models refuse to continue a turn of their own
        messages.append(Message.user("Go on."))
    return messages


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


@st.composite
def requests(draw: st.DrawFn) -> tuple[Request, ModelCard]:
    card = draw(st.sampled_from(CARDS))
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    tools = [
        {"name": name, "parameters": draw(schemas()), "strict": draw(maybe(st.booleans())), "cache": draw(CACHES)}
        for name in names
    ]
    floats = st.floats
    wishes = {
        "model": card.id,
        "messages": tuple(draw(conversations(card.id))),
        "tools": tuple(tools),
        "tool_choice": draw(maybe(st.sampled_from(["auto", "required", "none", *names]))),
        "parallel_tool_calls": draw(maybe(st.booleans())),
        "output": draw(maybe(st.one_of(st.just("json"), st.builds(lambda schema: {"schema": schema}, schemas())))),
        "reasoning": draw(
            maybe(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "effort": st.sampled_from("none minimal low medium high xhigh max".split()),
                        "budget_tokens": st.integers(0, 50_000),
                        "summary": st.sampled_from(["auto", "concise", "detailed", "none"]),
                    },
                )
            )
        ),
        "verbosity": draw(maybe(st.sampled_from(["low", "high"]))),
        "max_output_tokens": draw(maybe(st.sampled_from([0, 1, 100, 8192, 65_536, 65_537, 2_000_000]))),
        "temperature": draw(maybe(floats(0, 3))),
        "top_p": draw(maybe(floats(0, 1))),
        "top_k": draw(maybe(st.integers(0, 100))),
        "stop": draw(maybe(st.lists(TEXTS, max_size=7))),
        "seed": draw(maybe(st.integers(-(2**31), 2**31 - 1))),
        "frequency_penalty": draw(maybe(floats(-2, 2))),
        "presence_penalty": draw(maybe(floats(-2, 2))),
        "top_logprobs": draw(maybe(st.integers(0, 20))),
        "metadata": draw(maybe(st.dictionaries(TEXTS, TEXTS, max_size=3))),
        "user": draw(maybe(TEXTS)),
        "service_tier": draw(maybe(st.sampled_from("auto default flex standard priority scale".split()))),
        "cache_key": draw(maybe(TEXTS)),
        "on_unsupported": draw(st.sampled_from(["drop", "drop", "drop", "error"])),
        "stream": draw(st.booleans()),
    }
    return Request.model_validate(wishes), card


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(requests())
def test_a_request_fits_googles_types_and_the_dialect_or_is_refused_with_a_typed_error(
    made: tuple[Request, ModelCard],
) -> None:
    request, card = made
    before = request.model_dump()
    try:
        body = build_generate_request(request, card).body
    except (InvalidRequestError, UnsupportedFeatureError) as error:
        event(f"refused: {type(error).__name__}")
        return
    event("sent")
    check_body(body, card.id, card)
    check_against_sdk(body)
    assert request.model_dump() == before

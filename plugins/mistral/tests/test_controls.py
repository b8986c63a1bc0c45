"""Controls: each reaches the wire as Mistral takes it, or the report says what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from modelyard import FilePart, Message, TextPart, Tool, UnsupportedFeatureError
from modelyard.catalog.card import ModelCard
from modelyard.http.session import WireRequest
from modelyard.types.content import CitationPart
from modelyard_mistral.schema import fit_schema

Write = Callable[..., WireRequest]

TOOL = Tool(name="look_up")
UNKNOWN = ModelCard.unknown("mistral", "mistral-next")


class Invoice(BaseModel):
    """An invoice."""

    title: str
    cents: int


def actions(wire: WireRequest, field: str) -> list[str]:
    return [note.action for note in wire.report.about(field)] if wire.report else []


def card_with(**facts: Any) -> ModelCard:
    return ModelCard.model_validate({"provider": "mistral", "id": "m", "label": "M", **facts})


def test_penalties_cache_key_and_tier_have_fields_of_their_own(write: Write) -> None:
    wire = write("Hi", frequency_penalty=0.5, presence_penalty=-1, cache_key="team-a", service_tier="auto")
    del wire.body["model"], wire.body["messages"]
    assert wire.body == {
        "frequency_penalty": 0.5,
        "presence_penalty": -1,
        "prompt_cache_key": "team-a",
        "service_tier": "auto",
    }
    assert wire.report is None


def test_zero_penalties_are_values(write: Write) -> None:
    body = write("Hi", frequency_penalty=0, presence_penalty=0).body
    assert (body["frequency_penalty"], body["presence_penalty"]) == (0, 0)


@pytest.mark.parametrize(
    ("count", "fields"), [(0, {"logprobs": True}), (5, {"logprobs": True, "top_logprobs": 5})]
)
def test_log_probabilities_are_asked_for_in_two_fields(write: Write, count: int, fields: dict[str, Any]) -> None:
    body = write("Hi", top_logprobs=count).body
    assert {name: body[name] for name in body if "logprobs" in name} == fields


@pytest.mark.parametrize(
    ("tier", "sent", "action"),
    [
        ("auto", "auto", []),
        ("standard_only", "standard_only", []),
        ("default", "standard_only", ["renamed"]),
        ("standard", "standard_only", ["renamed"]),
        ("flex", None, ["dropped"]),
    ],
)
def test_service_tiers(write: Write, tier: str, sent: str | None, action: list[str]) -> None:
    wire = write("Hi", service_tier=tier)
    assert wire.body.get("service_tier") == sent
    assert actions(wire, "service_tier") == action


@pytest.mark.parametrize(("field", "value"), [("user", "u-1"), ("verbosity", "low")])
def test_what_mistral_has_no_field_for_is_dropped_and_reported(write: Write, field: str, value: Any) -> None:
    wire = write("Hi", **{field: value})
    assert set(wire.body) == {"model", "messages"}
    assert actions(wire, field) == ["dropped"]
    with pytest.raises(UnsupportedFeatureError, match=field):
        write("Hi", **{field: value}, on_unsupported="error")


@pytest.mark.parametrize(
    ("messages", "tools"),
    [
        (Message.user([TextPart(text="Hi", cache=True)]), []),
        (Message.user([FilePart(file_id="f-1", cache="1h")]), []),
        ("Hi", [Tool(name="look_up", cache=True)]),
    ],
)
def test_cache_markers_are_reported_once_wherever_they_stand(
    write: Write, messages: Any, tools: list[Tool]
) -> None:
    wire = write(messages, tools=tools)
    assert actions(wire, "cache") == ["dropped"]
    assert "cache" not in str(wire.body).replace("prompt_cache_key", "")


def test_citations_asked_of_a_document_are_reported(write: Write) -> None:
    wire = write(Message.user([FilePart(file_id="f-1", citations=True), FilePart(file_id="f-2", citations=True)]))
    assert actions(wire, "citations") == ["dropped"]


@pytest.mark.parametrize(
    ("effort", "sent", "action"),
    [
        ("none", "none", []),
        ("minimal", "none", ["clamped"]),
        ("low", "high", ["clamped"]),
        ("medium", "high", ["clamped"]),
        ("high", "high", []),
        ("max", "high", ["clamped"]),
    ],
)
def test_a30_an_effort_becomes_one_the_card_lists(write: Write, effort: str, sent: str, action: list[str]) -> None:
    wire = write("Hi", reasoning=effort)
    assert wire.body["reasoning_effort"] == sent
    assert actions(wire, "reasoning") == action


@pytest.mark.parametrize(
    ("model", "effort", "action"),
    [
        ("mistral-large-2512", "high", ["dropped"]),
        ("mistral-large-2512", "none", []),  # it does not reason in any case
        ("magistral-medium-latest", "high", ["dropped"]),
        ("magistral-medium-latest", "none", ["dropped"]),  # it reasons in any case
    ],
)
def test_a30_a_model_without_efforts_is_sent_none(
    write: Write, model: str, effort: str, action: list[str]
) -> None:
    wire = write("Hi", model=model, reasoning=effort)
    assert "reasoning_effort" not in wire.body
    assert actions(wire, "reasoning") == action


def test_a_model_no_card_lists_is_sent_the_effort_as_it_is(write: Write) -> None:
    assert write("Hi", model="mistral-next", card=UNKNOWN, reasoning="low").body["reasoning_effort"] == "low"


@pytest.mark.parametrize(
    ("reasoning", "sent", "action"),
    [
        ({"budget_tokens": 2000}, "high", ["relaxed"]),
        ({"budget_tokens": 0}, "none", ["relaxed"]),
        ({"effort": "none", "budget_tokens": 2000}, "none", ["relaxed"]),
        ({"effort": "high", "summary": "auto"}, "high", ["dropped"]),
        ({"summary": "auto"}, None, ["dropped"]),
        ({}, None, []),
    ],
)
def test_budgets_and_summaries_are_reported(
    write: Write, reasoning: dict[str, Any], sent: str | None, action: list[str]
) -> None:
    wire = write("Hi", reasoning=reasoning)
    assert wire.body.get("reasoning_effort") == sent
    assert actions(wire, "reasoning") == action


def test_a_type_is_a_json_schema_with_its_name(write: Write) -> None:
    wire = write("Hi", output=Invoice)
    form = wire.body["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["name"] == "Invoice"
    assert form["json_schema"]["strict"] is True
    assert form["json_schema"]["schema"]["additionalProperties"] is False
    assert set(form["json_schema"]["schema"]["properties"]) == {"title", "cents"}
    assert wire.report is None


def test_description_and_strictness_of_the_output_are_sent(write: Write) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    form = {"schema": schema, "name": "letter", "description": "A letter.", "strict": False}
    sent = write("Hi", output=form).body["response_format"]["json_schema"]
    assert (sent["name"], sent["description"], sent["strict"]) == ("letter", "A letter.", False)


@pytest.mark.parametrize(("said", "action"), [("Hi", ["converted"]), ("Answer in JSON.", [])])
def test_json_mode_is_asked_for_in_words_too(write: Write, said: str, action: list[str]) -> None:
    wire = write(said, output="json", system="Be brief.")
    assert wire.body["response_format"] == {"type": "json_object"}
    assert actions(wire, "output") == action
    roles = [message["role"] for message in wire.body["messages"]]
    assert roles == (["system", "system", "user"] if action else ["system", "user"])


def test_a_card_without_json_modes_is_asked_in_words(write: Write) -> None:
    card = card_with(capabilities={"json_mode": "unsupported", "structured_output": "unsupported"})
    wire = write("Hi", model="m", card=card, output="json")
    assert "response_format" not in wire.body
    assert "JSON" in wire.body["messages"][0]["content"]
    wire = write(
        "Hi", model="m", card=card_with(capabilities={"structured_output": "unsupported"}), output=Invoice
    )
    assert wire.body["response_format"] == {"type": "json_object"}
    assert "cents" in wire.body["messages"][0]["content"]
    assert actions(wire, "output") == ["relaxed"]


def test_a_card_may_allow_a_format_beside_tools(write: Write) -> None:
    card = card_with(rules={"output_with_tools": True})
    body = write("Hi", model="m", card=card, output=Invoice, tools=[TOOL], strict=False).body
    assert body["response_format"]["type"] == "json_schema"


def test_fitting_a_schema_closes_objects_leaves_maps_and_changes_nothing_of_the_callers() -> None:
    schema = {
        "type": "object",
        "properties": {
            "properties": {"type": "object", "properties": {"type": {"const": "object"}}},
            "prices": {"type": "object", "additionalProperties": {"type": "number"}},
            "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
        },
        "$defs": {"Item": {"anyOf": [{"type": "object", "properties": {}}, {"type": "null"}]}},
        "required": ["prices"],
    }
    kept = str(schema)
    fitted, _ = fit_schema(schema)
    assert str(schema) == kept
    assert fitted["additionalProperties"] is False
    assert fitted["properties"]["properties"]["additionalProperties"] is False
    assert fitted["properties"]["prices"] == schema["properties"]["prices"]  # type: ignore[index]
    assert fitted["$defs"]["Item"]["anyOf"][0]["additionalProperties"] is False
    assert fitted["required"] == ["prices"]


def test_an_output_limit_of_the_whole_window_leaves_room_for_the_prompt(write: Write) -> None:
    wire = write("Hello " * 1000, max_output_tokens=262_144)
    assert 200_000 < wire.body["max_tokens"] < 262_144 - 1_500
    assert actions(wire, "max_output_tokens") == ["clamped"]
    assert write("Hi", max_output_tokens=262_143).report is None


def test_an_output_limit_of_the_model_is_kept_to(write: Write) -> None:
    wire = write("Hi", model="m", card=card_with(limits={"max_output_tokens": 100}), max_output_tokens=200)
    assert wire.body["max_tokens"] == 100
    assert actions(wire, "max_output_tokens") == ["clamped"]


def test_a_partial_capability_is_used_and_reported(write: Write) -> None:
    card = card_with(capabilities={"seed": {"state": "partial", "limits": "best effort"}})
    wire = write("Hi", model="m", card=card, seed=7)
    assert wire.body["random_seed"] == 7
    assert actions(wire, "seed") == ["relaxed"]


def test_tools_follow_their_card(write: Write) -> None:
    card = card_with(tool_choice=["auto", "none"], capabilities={"strict_tools": "unsupported"})
    wire = write("Hi", model="m", card=card, tools=[Tool(name="f", strict=True)], tool_choice="f")
    assert wire.body["tool_choice"] == "auto"
    assert "strict" not in wire.body["tools"][0]["function"]
    assert actions(wire, "tool_choice") == actions(wire, "tools.f.strict") == ["relaxed"]
    none = write("Hi", model="m", card=card_with(capabilities={"tools": "unsupported"}), tools=[TOOL])
    assert "tools" not in none.body
    assert actions(none, "tools") == ["dropped"]


def test_own_references_go_back_in_place_and_foreign_citations_are_dropped(write: Write) -> None:
    reference = {"type": "reference", "reference_ids": [1, 2]}
    own = [CitationPart(source=str(number), raw=reference) for number in (1, 2)]
    turn = Message.assistant([TextPart(text="A"), *own, TextPart(text="B")])
    wire = write([Message.user("Hi"), turn, Message.user("And?")])
    assert wire.body["messages"][1]["content"] == [
        {"type": "text", "text": "A"},
        reference,
        {"type": "text", "text": "B"},
    ]
    foreign = CitationPart(url="https://example.com", raw={"type": "url_citation"})
    wire = write([Message.user("Hi"), Message.assistant([TextPart(text="A"), foreign]), Message.user("And?")])
    assert wire.body["messages"][1]["content"] == "A"
    assert actions(wire, "messages") == ["dropped"]


def test_content_a_model_cannot_take_is_refused_and_never_left_out(write: Write) -> None:
    card = card_with(capabilities={"images": "unsupported", "prefill": "unsupported"})
    picture = Message.user([FilePart(data=b"x", media_type="image/png")])
    with pytest.raises(UnsupportedFeatureError, match="does not take images"):
        write(picture, model="m", card=card, on_unsupported="drop")
    with pytest.raises(UnsupportedFeatureError, match="to be continued"):
        write([Message.user("Count."), Message.assistant("One,")], model="m", card=card)

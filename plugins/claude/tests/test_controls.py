"""Every neutral control reaches the wire in the form the model takes, or is in the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pydantic
import pytest

from modelyard import ModelCard, UnsupportedFeatureError
from modelyard.http.session import WireRequest
from modelyard.testing import Rejection
from modelyard.types.base import JsonObject
from modelyard_claude.options import ClaudeOptions

Write = Callable[..., WireRequest]
WEATHER = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
ALWAYS = ("claude-fable-5-1", "claude-mythos-5-1", "claude-opus-5-5", "claude-fable-5", "claude-mythos-5")
ADAPTIVE: JsonObject = {"type": "adaptive"}
OFF: JsonObject = {"type": "disabled"}


def notes(built: WireRequest) -> list[tuple[str, str]]:
    return [(note.field, note.action) for note in built.report.notes] if built.report else []


def effort(built: WireRequest) -> Any:
    return built.body.get("output_config", {}).get("effort")


# Reasoning


@pytest.mark.parametrize(
    ("model", "wanted", "thinking", "word", "noted"),
    [
        ("claude-sonnet-5-5", "high", None, "high", None),
        ("claude-sonnet-5-5", "max", None, "max", None),
        ("claude-sonnet-5-5", "minimal", None, "low", "clamped"),
        ("claude-sonnet-5-5", "none", {"type": "between_tools"}, None, "converted"),
        ("claude-haiku-5-5", "none", OFF, None, None),
        ("claude-haiku-5-5", "low", None, "low", None),
        ("claude-opus-5", "none", OFF, None, None),
        ("claude-opus-4-8", "medium", ADAPTIVE, "medium", None),
        ("claude-opus-4-8", "none", OFF, None, None),
        ("claude-opus-4-6", "xhigh", ADAPTIVE, "high", "clamped"),
        ("claude-opus-4-6", "max", ADAPTIVE, "max", None),
        ("claude-haiku-4-5", "none", OFF, None, None),
        ("claude-haiku-4-5", "low", {"type": "enabled", "budget_tokens": 2048}, None, "converted"),
        ("claude-opus-4-5", "low", {"type": "enabled", "budget_tokens": 2048}, "low", "converted"),
        ("claude-opus-4-5", "max", {"type": "enabled", "budget_tokens": 10_666}, "high", "converted"),
        ("claude-next", "high", None, "high", None),
        ("claude-next", "none", None, "low", "clamped"),
    ],
)
def test_an_effort_becomes_the_models_own_control(
    write: Write, model: str, wanted: str, thinking: JsonObject | None, word: str | None, noted: str | None
) -> None:
    built = write(model=model, reasoning=wanted)
    assert (built.body.get("thinking"), effort(built)) == (thinking, word)
    assert notes(built) == ([("reasoning.effort", noted)] if noted else [])


@pytest.mark.parametrize("model", ALWAYS)
def test_a_model_that_always_thinks_answers_none_with_its_lowest_effort(write: Write, model: str) -> None:
    built = write(model=model, reasoning="none")
    assert (built.body.get("thinking"), effort(built)) == (None, "low")
    assert notes(built) == [("reasoning.effort", "clamped")]
    with pytest.raises(UnsupportedFeatureError, match="always thinks"):
        write(model=model, reasoning="none", on_unsupported="error")


@pytest.mark.parametrize("wanted", EFFORTS)
def test_every_effort_is_legal_on_every_model(write: Write, cards: dict[str, ModelCard], wanted: str) -> None:
    for model in cards:
        for fields in ({}, {"stream": True}, {"max_output_tokens": 5}, {"max_output_tokens": 0}):
            for summary in (None, "auto", "none"):
                write(model=model, reasoning={"effort": wanted, "summary": summary}, **fields)


@pytest.mark.parametrize(
    ("summary", "display", "noted"),
    [("auto", "summarized", []), ("none", "omitted", []), ("detailed", "summarized", ["relaxed"])],
)
def test_a_summary_is_a_display(write: Write, summary: str, display: str, noted: list[str]) -> None:
    built = write(reasoning={"summary": summary, "effort": "high"})
    assert built.body["thinking"] == {"type": "adaptive", "display": display}
    assert [action for _, action in notes(built)] == noted
    budget = write(model="claude-haiku-4-5", reasoning={"summary": summary, "budget_tokens": 2000})
    assert budget.body["thinking"] == {"type": "enabled", "budget_tokens": 2000, "display": display}


def test_there_is_no_summary_of_thinking_that_is_off(write: Write) -> None:
    built = write(model="claude-opus-5", reasoning={"effort": "none", "summary": "auto"})
    assert built.body["thinking"] == OFF
    assert notes(built) == [("reasoning.summary", "dropped")]


@pytest.mark.parametrize(
    ("model", "budget", "thinking", "noted"),
    [
        ("claude-haiku-4-5", 4000, {"type": "enabled", "budget_tokens": 4000}, []),
        ("claude-haiku-4-5", 10, {"type": "enabled", "budget_tokens": 1024}, ["clamped"]),
        ("claude-haiku-4-5", 900_000, {"type": "enabled", "budget_tokens": 63_999}, ["clamped", "relaxed"]),
        ("claude-haiku-4-5", 0, OFF, []),
        ("claude-sonnet-4-6", 4000, {"type": "enabled", "budget_tokens": 4000}, []),
        ("claude-opus-5-5", 4000, None, ["dropped"]),
        ("claude-next", 4000, None, ["dropped"]),
    ],
)
def test_a_budget_is_for_models_that_take_one(
    write: Write, model: str, budget: int, thinking: JsonObject | None, noted: list[str]
) -> None:
    built = write(model=model, reasoning={"budget_tokens": budget})
    assert built.body.get("thinking") == thinking
    assert [action for _, action in notes(built)] == noted


def test_a_budget_wins_over_an_effort(write: Write) -> None:
    built = write(model="claude-sonnet-4-6", reasoning={"budget_tokens": 3000, "effort": "max"})
    assert built.body["thinking"] == {"type": "enabled", "budget_tokens": 3000}
    off = write(model="claude-haiku-4-5", reasoning={"budget_tokens": 3000, "effort": "none"})
    assert off.body["thinking"] == {"type": "enabled", "budget_tokens": 3000}


def test_the_callers_own_thinking_stands_beside_the_effort(write: Write) -> None:
    own = {"claude": {"thinking": {"type": "adaptive", "display": "omitted"}}}
    built = write(reasoning={"effort": "low", "summary": "auto"}, provider_options=own)
    assert built.body["thinking"] == own["claude"]["thinking"]
    assert effort(built) == "low"
    assert notes(built) == [("reasoning", "converted")]


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-4-8"])
def test_a_model_that_does_not_think_by_itself_is_asked_to_by_a_wish_and_by_nothing_else(
    write: Write, model: str
) -> None:
    for nothing in ({}, {"summary": "none"}):
        assert {"thinking", "output_config"}.isdisjoint(write(model=model, reasoning=nothing).body)
    assert write(model=model, reasoning={"summary": "auto"}).body["thinking"]["display"] == "summarized"


# The form of the answer


class Invoice(pydantic.BaseModel):
    """An invoice."""

    number: int = pydantic.Field(ge=1)
    lines: list[Literal["a", "b"]] = pydantic.Field(min_length=2)
    note: str | None = None


def test_a_schema_becomes_the_format_within_the_subset(write: Write) -> None:
    before = Invoice.model_json_schema()
    built = write(output=Invoice)
    assert built.body["output_config"]["format"]["type"] == "json_schema"
    schema = built.body["output_config"]["format"]["schema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["lines"].get("minItems", 0) <= 1
    assert "minimum" not in schema["properties"]["number"]
    assert set(notes(built)) == {("output", "relaxed")}
    assert Invoice.model_json_schema() == before


def test_a_format_and_an_effort_share_their_place(write: Write) -> None:
    options = {"claude": {"output_config": {"effort": "max"}}}
    built = write(output={"type": "object", "properties": {}}, reasoning="low", provider_options=options)
    assert set(built.body["output_config"]) == {"effort", "format"}
    assert effort(built) == "max"


def test_there_is_no_json_mode(write: Write) -> None:
    built = write(output="json")
    assert "output_config" not in built.body
    assert notes(built) == [("output", "dropped")]
    with pytest.raises(UnsupportedFeatureError, match="JSON mode"):
        write(output="json", on_unsupported="error")


def test_a_schema_that_refers_to_itself_is_refused_here(write: Write) -> None:
    node: JsonObject = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
    with pytest.raises(UnsupportedFeatureError, match="contain itself"):
        write(output={"$ref": "#/$defs/node", "$defs": {"node": node}})


def test_strict_tools_are_fitted_to_the_subset_and_others_are_not(write: Write) -> None:
    parameters = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
    tools = [{"name": name, "parameters": parameters, "strict": name == "strict"} for name in ("strict", "free")]
    built = write(tools=tools)
    strict, free = built.body["tools"]
    assert strict["strict"] is True
    assert strict["input_schema"]["additionalProperties"] is False
    assert "minimum" not in strict["input_schema"]["properties"]["n"]
    assert free["input_schema"] == parameters
    assert notes(built) == [("tools.strict.parameters", "relaxed")]


# The rest


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", 0),
        ("frequency_penalty", 0.0),
        ("presence_penalty", 1.0),
        ("top_logprobs", 0),
        ("verbosity", "low"),
        ("cache_key", "team"),
    ],
)
def test_what_the_api_has_no_field_for_is_dropped_and_reported(write: Write, field: str, value: Any) -> None:
    built = write(**{field: value})
    assert built.body.keys() == write().body.keys()
    assert notes(built) == [(field, "dropped")]
    with pytest.raises(UnsupportedFeatureError, match=field):
        write(**{field: value}, on_unsupported="error")


@pytest.mark.parametrize(
    ("tier", "sent", "noted"),
    [
        ("auto", "auto", []),
        ("standard_only", "standard_only", []),
        ("standard", "standard_only", ["renamed"]),
        ("default", "standard_only", ["renamed"]),
        ("priority", "auto", ["relaxed"]),
        ("flex", None, ["dropped"]),
    ],
)
def test_service_tiers(write: Write, tier: str, sent: str | None, noted: list[str]) -> None:
    built = write(service_tier=tier)
    assert built.body.get("service_tier") == sent
    assert [action for _, action in notes(built)] == noted


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"user": "u-1"}, "u-1"),
        ({"metadata": {"user_id": "u-2"}}, "u-2"),
        ({"user": "u-1", "metadata": {"user_id": "u-2"}}, "u-1"),
    ],
)
def test_the_end_user_is_the_user_id_of_the_metadata(write: Write, fields: JsonObject, sent: str) -> None:
    built = write(**fields)
    assert built.body["metadata"] == {"user_id": sent}


def test_the_output_limit_is_clamped_to_the_models_own_unless_a_beta_lifts_it(write: Write) -> None:
    built = write(model="claude-haiku-4-5", max_output_tokens=100_000)
    assert built.body["max_tokens"] == 64_000
    assert notes(built) == [("max_output_tokens", "clamped")]
    long = ClaudeOptions(beta=("output-300k-2026-03-24",))
    assert write(max_output_tokens=300_000, options=long).body["max_tokens"] == 300_000


def test_the_dialect_refuses_what_the_sdks_types_do_not_know(write: Write) -> None:
    for extra in ({"bogus": 1}, {"metadata": {"team": "a"}}, {"service_tier": "flex"}, {"container": 5}):
        with pytest.raises(Rejection):
            write(provider_options={"claude": extra})
    write(provider_options={"claude": {"mcp_servers": []}}, options=ClaudeOptions(beta=("mcp-client-2026-09-15",)))

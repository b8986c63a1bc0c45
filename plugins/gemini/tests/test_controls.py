"""Every wish of a request reaches the wire, in the form the model's card says, or is in the report."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from modelyard import InvalidRequestError, Message, Runtime, UnsupportedFeatureError
from modelyard.testing import Emulator
from modelyard.types.base import JsonObject
from modelyard.types.content import FilePart, ImagePart, TextPart, ToolCall, ToolResult

from .conftest import sent

FLASH = "gemini:gemini-3.8-flash"
OLDER = "gemini:gemini-3.5-flash"
TWO = "gemini:gemini-2.5-flash"
TWO_PRO = "gemini:gemini-2.5-pro"
ARGON = "gemini:gemini-4-argon"
TOOL: JsonObject = {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}


class Invoice(BaseModel):
    """What is owed."""

    number: str
    total: float


async def config_of(
    runtime: Runtime, emulator: Emulator, model: str, **wishes: Any
) -> tuple[JsonObject, list[str]]:
    """The generation config sent, and the notes as ``field action``."""
    completion = await runtime.complete(model, "Hi", **wishes)
    notes = [f"{note.field} {note.action}" for note in completion.report.notes]
    return sent(emulator).get("generationConfig", {}), notes


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "notes"),
    [
        (FLASH, "none", {"thinkingLevel": "LOW"}, ["reasoning.effort clamped"]),
        (FLASH, "minimal", {"thinkingLevel": "LOW"}, ["reasoning.effort clamped"]),
        (FLASH, "medium", {"thinkingLevel": "MEDIUM"}, []),
        (FLASH, "max", {"thinkingLevel": "HIGH"}, ["reasoning.effort clamped"]),
        (OLDER, "none", {"thinkingLevel": "MINIMAL"}, ["reasoning.effort clamped"]),
        (OLDER, "minimal", {"thinkingLevel": "MINIMAL"}, []),
        (ARGON, "xhigh", {"thinkingLevel": "HIGH"}, ["reasoning.effort clamped"]),
        ("gemini:gemini-4-hydrogen", "xhigh", {"thinkingLevel": "XHIGH"}, []),
        ("gemini:gemini-4-hydrogen", "max", {"thinkingLevel": "XHIGH"}, ["reasoning.effort clamped"]),
        ("gemini:gemini-9-neon", "xhigh", {"thinkingLevel": "XHIGH"}, []),
        (TWO, "none", {"thinkingBudget": 0}, []),
        (TWO, "low", {"thinkingBudget": 1024}, ["reasoning.effort converted"]),
        (TWO, "high", {"thinkingBudget": 24576}, ["reasoning.effort converted"]),
        (TWO, "max", {"thinkingBudget": 24576}, ["reasoning.effort converted"]),
        (TWO_PRO, "none", {"thinkingBudget": 128}, ["reasoning.effort clamped"]),
        (TWO_PRO, "max", {"thinkingBudget": 32768}, ["reasoning.effort converted"]),
    ],
)
async def test_an_effort_becomes_the_models_own_control_or_the_nearest(
    runtime: Runtime, emulator: Emulator, model: str, effort: str, thinking: JsonObject, notes: list[str]
) -> None:
    config, said = await config_of(runtime, emulator, model, reasoning=effort)
    assert config == {"thinkingConfig": thinking}
    assert said == notes


@pytest.mark.parametrize(
    ("model", "budget", "thinking", "notes"),
    [
        (TWO, 0, {"thinkingBudget": 0}, []),
        (TWO, 2048, {"thinkingBudget": 2048}, []),
        (TWO, 99_999, {"thinkingBudget": 24576}, ["reasoning.budget_tokens clamped"]),
        (TWO_PRO, 0, {"thinkingBudget": 128}, ["reasoning.budget_tokens clamped"]),
        ("gemini:gemini-2.5-flash-lite", 100, {"thinkingBudget": 512}, ["reasoning.budget_tokens clamped"]),
        (FLASH, 2048, None, ["reasoning.budget_tokens dropped"]),
    ],
)
async def test_a_budget_is_for_models_that_have_one(
    runtime: Runtime, emulator: Emulator, model: str, budget: int, thinking: JsonObject | None, notes: list[str]
) -> None:
    config, said = await config_of(runtime, emulator, model, reasoning={"budget_tokens": budget})
    assert config.get("thinkingConfig") == thinking
    assert said == notes


async def test_a_budget_wins_over_an_effort_where_there_are_budgets(runtime: Runtime, emulator: Emulator) -> None:
    wish = {"effort": "high", "budget_tokens": 700}
    config, notes = await config_of(runtime, emulator, TWO, reasoning=wish)
    assert config["thinkingConfig"] == {"thinkingBudget": 700}
    assert notes == []
    config, notes = await config_of(runtime, emulator, FLASH, reasoning=wish)
    assert config["thinkingConfig"] == {"thinkingLevel": "HIGH"}
    assert notes == ["reasoning.budget_tokens dropped"]


@pytest.mark.parametrize(
    ("reasoning", "thinking", "notes"),
    [
        ({"summary": "auto"}, {"includeThoughts": True}, []),
        ({"summary": "none"}, {"includeThoughts": False}, []),
        ({"summary": "detailed"}, {"includeThoughts": True}, ["reasoning.summary relaxed"]),
        ({"summary": "auto", "effort": "none"}, {"thinkingBudget": 0}, ["reasoning.summary dropped"]),
    ],
)
async def test_summaries_are_asked_for_only_where_there_are_thoughts(
    runtime: Runtime, emulator: Emulator, reasoning: JsonObject, thinking: JsonObject, notes: list[str]
) -> None:
    config, said = await config_of(runtime, emulator, TWO, reasoning=reasoning)
    assert config["thinkingConfig"] == thinking
    assert said == notes


async def test_a_model_whose_control_no_source_tells_is_not_told_how_much_to_think(
    runtime: Runtime, emulator: Emulator
) -> None:
    config, notes = await config_of(runtime, emulator, "gemini:gemma-4-31b-it", reasoning="high")
    assert config == {}
    assert notes == ["reasoning dropped"]


async def test_a_schema_goes_out_as_json_schema_and_the_callers_own_stays(
    runtime: Runtime, emulator: Emulator
) -> None:
    config, notes = await config_of(runtime, emulator, FLASH, output=Invoice)
    schema = Invoice.model_json_schema()
    assert config == {"responseMimeType": "application/json", "responseJsonSchema": schema}
    assert notes == []


async def test_what_the_schema_loses_is_reported(runtime: Runtime, emulator: Emulator) -> None:
    wanted = {"schema": {"type": "string", "pattern": "^a"}, "description": "A word."}
    config, notes = await config_of(runtime, emulator, FLASH, output=wanted)
    assert config["responseJsonSchema"] == {"type": "string", "description": "A word.\n\n{pattern: ^a}"}
    assert notes == ["output relaxed"]


async def test_json_of_any_shape_is_a_mime_type(runtime: Runtime, emulator: Emulator) -> None:
    config, _ = await config_of(runtime, emulator, FLASH, output="json")
    assert config == {"responseMimeType": "application/json"}


async def test_top_logprobs_ask_for_the_chosen_tokens_and_as_many_others(
    runtime: Runtime, emulator: Emulator
) -> None:
    assert (await config_of(runtime, emulator, FLASH, top_logprobs=0))[0] == {"responseLogprobs": True}
    config, _ = await config_of(runtime, emulator, FLASH, top_logprobs=3)
    assert config == {"responseLogprobs": True, "logprobs": 3}


async def test_penalties_are_sent_or_dropped_as_the_card_says(runtime: Runtime, emulator: Emulator) -> None:
    wishes = {"frequency_penalty": 0.0, "presence_penalty": 2.0}
    config, notes = await config_of(runtime, emulator, OLDER, **wishes)
    assert config == {"frequencyPenalty": 0.0, "presencePenalty": 1.99}
    assert notes == ["presence_penalty clamped"]
    config, notes = await config_of(runtime, emulator, FLASH, **wishes)
    assert config == {}
    assert notes == ["frequency_penalty dropped", "presence_penalty dropped"]


async def test_values_beyond_a_limit_are_clamped(runtime: Runtime, emulator: Emulator) -> None:
    config, notes = await config_of(runtime, emulator, OLDER, temperature=3.5, max_output_tokens=100_000)
    assert config == {"temperature": 2.0, "maxOutputTokens": 65536}
    assert notes == ["max_output_tokens clamped", "temperature clamped"]


async def test_a_model_whose_answers_continue_may_write_as_much_as_its_window(
    runtime: Runtime, emulator: Emulator
) -> None:
    config, notes = await config_of(runtime, emulator, ARGON, max_output_tokens=300_000)
    assert config == {"maxOutputTokens": 300_000}
    assert notes == []


@pytest.mark.parametrize(
    ("tier", "wire", "notes"),
    [
        ("flex", "flex", []),
        ("priority", "priority", []),
        ("default", "standard", ["service_tier renamed"]),
        ("auto", None, ["service_tier dropped"]),
        ("scale", None, ["service_tier dropped"]),
    ],
)
async def test_a_service_tier_has_googles_name(
    runtime: Runtime, emulator: Emulator, tier: str, wire: str | None, notes: list[str]
) -> None:
    _, said = await config_of(runtime, emulator, FLASH, service_tier=tier)
    assert sent(emulator).get("serviceTier") == wire
    assert said == notes


async def test_metadata_goes_out_as_labels_as_far_as_it_is_any(runtime: Runtime, emulator: Emulator) -> None:
    metadata = {"team": "search-1", "empty": "", "Name": "x", "note": "Two words"}
    _, notes = await config_of(runtime, emulator, FLASH, metadata=metadata)
    assert sent(emulator)["labels"] == {"team": "search-1", "empty": ""}
    assert notes == ["metadata.Name dropped", "metadata.note dropped", "metadata renamed"]


async def test_what_gemini_has_nothing_for_is_dropped_with_a_note(runtime: Runtime, emulator: Emulator) -> None:
    messages = [
        Message(role="user", content=(TextPart(text="Hi", cache=True),), name="Ada"),
        Message.assistant([TextPart(text="Yes?", cache="1h")]),
        Message(role="user", content=(FilePart(data=b"%PDF-1", citations=True),)),
    ]
    tools = [{**TOOL, "cache": True}]
    completion = await runtime.complete(
        FLASH, messages, tools=tools, user="u1", cache_key="k", verbosity="low", parallel_tool_calls=False
    )
    assert {note.field for note in completion.report.notes if note.action == "dropped"} == {
        "messages.name",
        "messages.cache",
        "messages.file.citations",
        "tools.f.cache",
        "user",
        "cache_key",
        "verbosity",
        "parallel_tool_calls",
    }
    assert sent(emulator).keys() == {"contents", "tools", "store"}


@pytest.mark.parametrize(
    "part",
    [ImagePart(data=b"\xff\xd8\xff", cache=True), ToolResult(tool_call_id="c", name="f", content="x", cache=True)],
)
async def test_a_cache_marker_is_noticed_on_every_kind_of_part(part: ImagePart | ToolResult) -> None:
    from modelyard.types.reporter import Reporter
    from modelyard_gemini.messages import Rules, write_conversation

    reporter = Reporter("drop", "m")
    called = Message.assistant(ToolCall(id="c", name="f", arguments={}))
    write_conversation([called, Message(role="user", content=(part,))], "m", Rules(), reporter)
    report = reporter.report()
    assert report is not None
    assert report.about("messages.cache")


async def test_choices_without_tools_are_noted(runtime: Runtime, emulator: Emulator) -> None:
    _, notes = await config_of(runtime, emulator, FLASH, tool_choice="required", parallel_tool_calls=False)
    assert notes == ["tool_choice dropped", "parallel_tool_calls dropped"]


async def test_options_of_the_provider_reach_the_wire_untouched(runtime: Runtime, emulator: Emulator) -> None:
    options = {
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "cachedContent": "cachedContents/abc",
        "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
    }
    await runtime.complete(FLASH, "Hi", reasoning="low", provider_options={"gemini": options})
    body = sent(emulator)
    assert body["safetySettings"] == options["safetySettings"]
    assert body["cachedContent"] == "cachedContents/abc"
    assert body["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "LOW", "includeThoughts": True}


async def test_cached_content_stands_alone(runtime: Runtime, emulator: Emulator) -> None:
    options = {"gemini": {"cachedContent": "cachedContents/abc"}}
    with pytest.raises(InvalidRequestError, match="systemInstruction, tools beside cachedContent"):
        await runtime.complete(FLASH, "Hi", system="Be kind.", tools=[TOOL], provider_options=options)
    assert emulator.requests == []


@pytest.mark.parametrize(
    "wishes",
    [
        {"user": "u"},
        {"verbosity": "high"},
        {"cache_key": "k"},
        {"service_tier": "scale"},
        {"frequency_penalty": 1},
        {"reasoning": "none"},
        {"metadata": {"A": "b"}},
    ],
    ids=str,
)
async def test_a_caller_may_have_a_wish_refused_rather_than_dropped(
    runtime: Runtime, emulator: Emulator, wishes: JsonObject
) -> None:
    with pytest.raises(UnsupportedFeatureError):
        await runtime.complete(FLASH, "Hi", on_unsupported="error", **wishes)
    assert emulator.requests == []

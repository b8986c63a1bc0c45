"""Failures of requests that really happened elsewhere, each as a rule for this plugin: gauntlet C, D and F."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest

from modelyard import (
    InvalidRequestError,
    Message,
    ModelNotFoundError,
    Runtime,
    UnsupportedFeatureError,
)
from modelyard.catalog.card import ModelCard
from modelyard.testing import Emulator, Reply, Script
from modelyard.types.base import JsonObject
from modelyard.types.content import FilePart, ImagePart, ToolCall, ToolResult
from modelyard.types.request import Request
from modelyard_gemini.plugin import modelyard_models
from modelyard_gemini.request import build_generate_request
from modelyard_gemini.schema import fit_schema

from .conftest import sent
from .sdk_check import check_against_sdk
from .wire import answer, ask

FLASH = "gemini:gemini-3.8-flash"
OLDER = "gemini:gemini-3.5-flash"
TREE: JsonObject = {
    "type": "object",
    "properties": {"root": {"$ref": "#/$defs/node"}},
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
        }
    },
}


async def both_ways(runtime: Runtime, emulator: Emulator, schema: JsonObject) -> tuple[JsonObject, set[str]]:
    """The schema as it goes out for a tool and for an answer, which is the same, and what the report names."""
    tools = [{"name": "f", "parameters": schema}]
    completion = await runtime.complete(FLASH, "Hi", tools=tools, output={"schema": schema})
    body = sent(emulator)
    fitted: JsonObject = body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]
    assert body["generationConfig"]["responseJsonSchema"] == fitted
    return fitted, {note.field for note in completion.report.notes}


async def test_c01_references_and_recursion_go_out_as_json_schema(runtime: Runtime, emulator: Emulator) -> None:
    fitted, notes = await both_ways(runtime, emulator, TREE)
    assert fitted == TREE
    assert notes == set()
    assert "parameters" not in sent(emulator)["tools"][0]["functionDeclarations"][0]


async def test_c02_a_reference_stands_alone(runtime: Runtime, emulator: Emulator) -> None:
    schema = copy.deepcopy(TREE)
    schema["properties"]["root"]["description"] = "The root."
    fitted, notes = await both_ways(runtime, emulator, schema)
    root = fitted["properties"]["root"]
    assert root == {**fitted["$defs"]["node"], "description": "The root."}
    assert notes == set()


async def test_c03_null_may_be_one_of_several_types(runtime: Runtime, emulator: Emulator) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": ["string", "null"]}, "b": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
    }
    assert (await both_ways(runtime, emulator, schema))[0] == schema


async def test_c04_texts_and_numbers_may_be_listed_but_not_the_empty_text(
    runtime: Runtime, emulator: Emulator
) -> None:
    properties = {"a": {"enum": [1, 2]}, "b": {"enum": ["", "x"]}, "c": {"const": 7}}
    fitted, notes = await both_ways(runtime, emulator, {"type": "object", "properties": properties})
    assert fitted["properties"] == {"a": {"enum": [1, 2]}, "b": {"enum": ["x"]}, "c": {"enum": [7]}}
    assert notes == {"tools.f.parameters", "output"}


async def test_c05_what_google_does_not_take_is_removed_and_reported(runtime: Runtime, emulator: Emulator) -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "patternProperties": {"^x": {}},
        "properties": {"a": {"type": "string", "title": "A", "default": "x", "format": "email", "pattern": "@"}},
    }
    fitted, notes = await both_ways(runtime, emulator, schema)
    assert fitted == {
        "type": "object",
        "additionalProperties": False,
        "properties": {"a": {"type": "string", "title": "A", "format": "email", "description": "{pattern: @}"}},
        "description": '{patternProperties: {"^x": {}}}',
    }
    assert notes == {"tools.f.parameters", "output"}


async def test_c08_properties_named_like_keywords_stay(runtime: Runtime, emulator: Emulator) -> None:
    names = ("title", "type", "properties", "$defs", "$ref", "pattern", "default")
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    assert (await both_ways(runtime, emulator, schema))[0] == schema


async def test_c09_d18_neither_schema_nor_messages_of_the_caller_are_changed(
    runtime: Runtime, emulator: Emulator
) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "x"}}, "definitions": {"b": {}}}
    messages: list[Any] = [{"role": "user", "content": "Hi"}]
    options = {"gemini": {"generationConfig": {"candidateCount": 1}}}
    before = copy.deepcopy((schema, messages, options))
    for _ in range(2):
        tools = [{"name": "f", "parameters": schema}]
        wishes: JsonObject = {"tools": tools, "output": {"schema": schema}, "provider_options": options}
        await runtime.complete(FLASH, messages, max_output_tokens=5, **wishes)
    first, second = (received.json for received in emulator.requests)
    assert first == second
    assert (schema, messages, options) == before


@pytest.mark.slow
def test_c13_a_deep_or_broad_schema_takes_time_in_proportion() -> None:
    def seconds(size: int) -> float:
        broad = {f"p{number}": {"type": "string", "pattern": "x" * 50} for number in range(size)}
        started = time.process_time()
        fit_schema({"type": "object", "properties": broad})
        return time.process_time() - started

    deep: JsonObject = {"type": "string"}
    for _ in range(200):
        deep = {"type": "object", "properties": {"a": deep}}
    assert fit_schema(deep)[0] == deep
    seconds(1000)  # warm
    assert min(seconds(20_000) for _ in range(3)) < 100 * max(min(seconds(2_000) for _ in range(3)), 1e-3)


async def test_d06_system_messages_join_in_one_instruction_and_a_later_one_is_reported(
    runtime: Runtime, emulator: Emulator
) -> None:
    messages = [Message.system("One."), Message.system("Two."), Message.user("Hi"), Message.system("Three.")]
    completion = await runtime.complete(FLASH, [*messages, Message.user("?")])
    assert sent(emulator)["systemInstruction"] == {"parts": [{"text": "One.\n\nTwo.\n\nThree."}]}
    assert [note.action for note in completion.report.about("messages")] == ["converted"]


@pytest.mark.parametrize(
    "part",
    [
        ImagePart(url="http://example.com/a.png"),
        ImagePart(url="http://169.254.169.254/latest"),
        ImagePart(url="https://example.com/a.gif"),
        FilePart(url="https://example.com/a.mp3"),
        FilePart(url="https://example.com/a", media_type="video/mp4"),
        FilePart(url="ftp://example.com/a.pdf"),
        FilePart(url="/etc/passwd"),
    ],
)
async def test_d08_a_url_google_does_not_fetch_is_refused_with_advice(
    runtime: Runtime, emulator: Emulator, part: ImagePart | FilePart
) -> None:
    with pytest.raises(UnsupportedFeatureError, match="bytes as data"):
        await runtime.complete(FLASH, Message.user(part))
    assert emulator.requests == []


@pytest.mark.parametrize(
    "part",
    [
        ImagePart(url="https://example.com/a.png"),
        FilePart(url="https://example.com/a.pdf?signature=x"),
        FilePart(url="https://example.com/page.html"),
        FilePart(url="https://example.com/whatever"),
        FilePart(url="https://www.youtube.com/watch?v=x"),
        FilePart(url="gs://bucket/film.mp4"),
        FilePart(url="https://generativelanguage.googleapis.com/v1beta/files/x", media_type="video/mp4"),
        FilePart(file_id="files/x", media_type="video/mp4"),
    ],
)
async def test_d08_what_google_fetches_itself_goes_out_by_uri(
    runtime: Runtime, emulator: Emulator, part: ImagePart | FilePart
) -> None:
    await runtime.complete(FLASH, Message.user(part))
    assert sent(emulator)["contents"][0]["parts"][0].keys() == {"fileData"}


@pytest.mark.parametrize(
    ("part", "media_type"),
    [
        (ImagePart(data=b"\xff\xd8\xffx"), "image/jpeg"),
        (ImagePart(url="data:image/webp;base64,UklGRg=="), "image/webp"),
        (FilePart(data=b"%PDF-1.7"), "application/pdf"),
        (FilePart(data=b"ID3", media_type="audio/mpeg"), "audio/mpeg"),
        (FilePart(data=b"RIFF", name="talk.wav"), "audio/x-wav"),
        (FilePart(data=b"....ftyp", media_type="video/mp4"), "video/mp4"),
    ],
)
async def test_d08_bytes_of_every_kind_go_in_line_with_their_type(
    runtime: Runtime, emulator: Emulator, part: ImagePart | FilePart, media_type: str
) -> None:
    await runtime.complete(FLASH, Message.user(part))
    data = sent(emulator)["contents"][0]["parts"][0]["inlineData"]
    assert data["mimeType"] == media_type
    assert data["data"]


async def test_d08_the_id_of_a_file_elsewhere_is_refused(runtime: Runtime, emulator: Emulator) -> None:
    with pytest.raises(InvalidRequestError, match="file-abc"):
        await runtime.complete(FLASH, Message.user(FilePart(file_id="file-abc")))
    assert emulator.requests == []


@pytest.mark.parametrize("policy", ["warn", "error", "drop"])
async def test_d10_a_wish_that_cannot_be_met_follows_the_policy_and_is_reported(
    runtime: Runtime, emulator: Emulator, policy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    if policy == "error":
        with pytest.raises(UnsupportedFeatureError):
            await runtime.complete(FLASH, "Hi", presence_penalty=1.0, on_unsupported=policy)
        assert emulator.requests == []
        return
    completion = await runtime.complete(FLASH, "Hi", presence_penalty=1.0, on_unsupported=policy)
    assert [note.action for note in completion.report.about("presence_penalty")] == ["dropped"]
    assert ("presence_penalty" in caplog.text) is (policy == "warn")


async def test_d11_zero_and_empty_are_values(runtime: Runtime, emulator: Emulator) -> None:
    await runtime.complete(
        OLDER, "Hi", temperature=0, top_p=0, top_k=0, seed=0, stop=[], frequency_penalty=0, top_logprobs=0
    )
    assert sent(emulator)["generationConfig"] == {
        "temperature": 0,
        "topP": 0,
        "topK": 0,
        "seed": 0,
        "stopSequences": [],
        "frequencyPenalty": 0,
        "responseLogprobs": True,
    }
    with pytest.raises(InvalidRequestError, match="max_output_tokens"):
        await runtime.complete(OLDER, "Hi", max_output_tokens=0)


async def test_d11_stops_over_the_limit_are_cut_and_reported(runtime: Runtime, emulator: Emulator) -> None:
    completion = await runtime.complete(OLDER, "Hi", stop=list("abcdefg"))
    assert sent(emulator)["generationConfig"]["stopSequences"] == list("abcde")
    assert [note.action for note in completion.report.about("stop")] == ["clamped"]


async def test_d12_a_model_id_may_hold_colons_and_slashes() -> None:
    completion = await ask(Reply.json(answer({"text": "a"})), stream=False, model="gemini:ft:gpt/x:org::id")
    assert completion.model == "ft:gpt/x:org::id"


async def test_d13_a_model_no_card_lists_is_allowed_and_gets_what_was_asked_for(
    runtime: Runtime, emulator: Emulator
) -> None:
    completion = await runtime.complete("gemini:gemini-9-neon", "Hi", max_output_tokens=500_000, reasoning="low")
    assert sent(emulator)["generationConfig"] == {
        "maxOutputTokens": 500_000,
        "thinkingConfig": {"thinkingLevel": "LOW"},
    }
    assert not completion.report


async def test_d14_a_wrong_id_is_not_found_with_near_ones(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().fail("model_not_found"))
    with pytest.raises(ModelNotFoundError, match=r"gemini-3\.8-flash"):
        await runtime.complete("gemini:gemini-3.8-flsh", "Hi")


@pytest.mark.parametrize("model", [card.id for card in modelyard_models()])
async def test_d19_a_turn_of_the_model_at_the_end_goes_out_only_where_it_is_continued(
    runtime: Runtime, emulator: Emulator, model: str
) -> None:
    card = next(card for card in modelyard_models() if card.id == model)
    history = [Message.user("Count."), Message.assistant("One, two,")]
    if card.capability("prefill").state == "unsupported":
        with pytest.raises(UnsupportedFeatureError, match="turn of its own"):
            await runtime.complete(f"gemini:{model}", history, on_unsupported="drop")
        assert emulator.requests == []
    else:
        await runtime.complete(f"gemini:{model}", history)
        assert sent(emulator)["contents"][-1]["role"] == "model"


@pytest.mark.parametrize("messages", [[], [Message.system("Be kind.")], [Message.user("")]])
async def test_d20_a_conversation_in_which_nobody_speaks_is_refused(
    runtime: Runtime, emulator: Emulator, messages: list[Message]
) -> None:
    with pytest.raises(InvalidRequestError):
        await runtime.complete(FLASH, messages)
    assert emulator.requests == []


@pytest.mark.parametrize(
    "card", [*modelyard_models(), ModelCard.unknown("gemini", "new")], ids=lambda card: card.id
)
def test_a_full_request_to_every_model_fits_the_sdks_types_and_the_dialect(card: ModelCard) -> None:
    from modelyard_gemini.testing.checks import check_body

    tools = [{"name": "f", "description": "F.", "parameters": TREE}]
    request = Request.model_validate(
        {
            "model": card.id,
            "messages": (
                Message.system("Be kind."),
                Message.user(["Hi", ImagePart(data=b"\x89PNG\r\n\x1a\n00")]),
                Message.assistant([ToolCall(id="c", name="f", arguments={"root": {}})]),
                Message.tool(ToolResult(tool_call_id="c", content=(ImagePart(data=b"\xff\xd8\xff"),))),
            ),
            "tools": () if card.rules.get("json_with_tools") is False else tools,
            "tool_choice": None if card.rules.get("json_with_tools") is False else "f",
            "output": {"schema": TREE},
            "reasoning": {"effort": "medium", "summary": "auto"},
            "max_output_tokens": 10**6,
            "temperature": 1.0,
            "frequency_penalty": 0.5,
            "top_logprobs": 2,
            "metadata": {"team": "x"},
            "service_tier": "priority",
            "on_unsupported": "drop",
        }
    )
    body = build_generate_request(request, card).body
    check_against_sdk(body)
    check_body(body, card.id, card)


def test_f08_labels_read_like_their_ids() -> None:
    for card in modelyard_models():
        assert card.id.split("-")[0] == card.label.split()[0].lower()
        assert card.label != card.id

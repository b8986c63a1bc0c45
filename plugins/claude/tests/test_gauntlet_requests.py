"""Requests other runtimes send wrong, by their row in the gauntlet."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import Any

import pytest

from modelyard import (
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    ModelNotFoundError,
    Runtime,
    TextPart,
    ToolCall,
    ToolResult,
    UnsupportedFeatureError,
)
from modelyard.http.session import WireRequest
from modelyard.testing import Emulator, Rejection, Script
from modelyard.types.base import JsonObject
from modelyard_claude.options import ClaudeOptions

Write = Callable[..., WireRequest]
PNG = b"\x89PNG\r\n\x1a\n0000"
OLD = ClaudeOptions(version="2023-06-01")


def notes(built: WireRequest) -> list[tuple[str, str]]:
    return [(note.field, note.action) for note in built.report.notes] if built.report else []


@pytest.mark.parametrize("limit", [1, 1024, 4000, 60_000])
def test_d01_the_output_limit_is_above_the_thinking_budget(write: Write, limit: int) -> None:
    model = "claude-haiku-4-5"
    own = write(model=model, max_output_tokens=limit, reasoning={"budget_tokens": 4000})
    assert own.body["max_tokens"] > own.body["thinking"]["budget_tokens"] == 4000
    assert (("max_output_tokens", "relaxed") in notes(own)) == (limit <= 4000)
    effort = write(model=model, max_output_tokens=limit, reasoning="high")
    assert effort.body["max_tokens"] > effort.body["thinking"]["budget_tokens"] >= 1024
    with pytest.raises(Rejection, match="must be greater"):
        write(
            model=model,
            max_output_tokens=2000,
            provider_options={
                "claude": {"thinking": {"type": "enabled", "budget_tokens": 3000}, "max_tokens": 2000}
            },
        )


@pytest.mark.parametrize("reasoning", [None, "high", {"budget_tokens": 2000}])
def test_d02_sampling_beside_thinking_is_omitted_and_reported(write: Write, reasoning: Any) -> None:
    for model in ("claude-haiku-4-5", "claude-opus-4-6"):
        sampling = {"temperature": 0.5, "top_p": 0.5, "top_k": 4}
        built = write(model=model, options=OLD, reasoning=reasoning, **sampling)
        kept = {field for field in sampling if field in built.body}
        dropped = {field for field, action in notes(built) if action == "dropped"}
        assert kept == ({"temperature", "top_k"} if reasoning is None else set())
        assert dropped == set(sampling) - kept
    assert "temperature" not in write(temperature=1.0).body


@pytest.mark.parametrize(
    ("model", "roles", "system"),
    [
        ("claude-sonnet-5-5", ["user", "system", "assistant", "user"], "Be kind."),
        ("claude-opus-4-8", ["user", "system", "assistant", "user"], "Be kind."),
        ("claude-sonnet-5", ["user", "assistant", "user"], "Be kind.\n\nBe brief.\n\nBe exact."),
        ("claude-haiku-4-5", ["user", "assistant", "user"], "Be kind.\n\nBe brief.\n\nBe exact."),
    ],
)
def test_d06_later_system_messages_follow_one_rule_for_each_model_and_are_reported(
    write: Write, model: str, roles: list[str], system: str
) -> None:
    history = [
        Message.system("Be kind."),
        Message.user("Hi"),
        Message.system("Be brief."),
        Message.system("Be exact."),
        Message.assistant("Hello."),
        Message.user("Go on"),
    ]
    built = write(history, model=model)
    assert [turn["role"] for turn in built.body["messages"]] == roles
    assert built.body["system"] == system
    assert bool(built.report) == ("system" not in roles)


def test_d07_more_than_four_markers_or_one_on_nothing_are_never_sent(write: Write) -> None:
    parts = [TextPart(text=text, cache=True) for text in ("a", " ", "b", "c", "d", "e")]
    built = write([Message(role="user", content=tuple(parts))])
    kept = [block["text"] for block in built.body["messages"][0]["content"] if "cache_control" in block]
    assert kept == ["b", "c", "d", "e"]
    assert notes(built) == [("cache", "dropped"), ("cache", "clamped")]
    five = {
        "claude": {
            "system": [{"type": "text", "text": t, "cache_control": {"type": "ephemeral"}} for t in "abcde"]
        }
    }
    with pytest.raises(Rejection, match="maximum of 4"):
        write(provider_options=five)


def test_d08_images_are_sent_in_the_form_they_came_in(write: Write) -> None:
    data_url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    parts = [ImagePart(data=PNG), ImagePart(url=data_url), ImagePart(url="https://example.com/a.png")]
    content = write([Message.user(parts)]).body["messages"][0]["content"]
    assert [block["source"]["type"] for block in content] == ["base64", "base64", "url"]
    assert {block["source"].get("media_type") for block in content[:2]} == {"image/png"}


@pytest.mark.parametrize(
    "part",
    [
        ImagePart(data=b"BM000", media_type="image/bmp"),
        ImagePart(data=b""),
        ImagePart(url="gs://bucket/a.png"),
        FilePart(data=b"RIFF0000WAVE", media_type="audio/wav"),
        FilePart(data=b"", media_type="text/plain"),
        FilePart(url="file:///etc/passwd", media_type="application/pdf"),
    ],
)
def test_d08_media_claude_cannot_read_is_refused_before_the_network(write: Write, part: Any) -> None:
    with pytest.raises((InvalidRequestError, UnsupportedFeatureError)):
        write([Message.user(["Look", part])], on_unsupported="drop")


@pytest.mark.parametrize(
    ("part", "fields"),
    [
        (FilePart(data=b"%PDF-1", name="a.pdf"), {"title": "a.pdf"}),
        (FilePart(data=b"%PDF-1", citations=True), {"citations": {"enabled": True}}),
        (FilePart(file_id="file_1", citations=True), {"citations": {"enabled": True}}),
        (FilePart(url="https://example.com/a.pdf"), {}),
        (FilePart(data=b"text", media_type="text/plain", name="n"), {"title": "n"}),
    ],
)
def test_documents_carry_their_title_and_whether_to_cite(write: Write, part: FilePart, fields: JsonObject) -> None:
    (document,) = write([Message.user(part)]).body["messages"][0]["content"]
    del document["source"]
    assert document == {"type": "document", **fields}


def test_documents_are_cited_all_or_none(write: Write) -> None:
    parts = [FilePart(data=b"%PDF-1", citations=True), FilePart(data=b"%PDF-2")]
    built = write([Message.user(parts)])
    assert all(block["citations"] == {"enabled": True} for block in built.body["messages"][0]["content"])
    assert notes(built) == [("citations", "relaxed")]


def test_an_answer_that_must_fit_a_schema_cites_nothing(write: Write) -> None:
    part = FilePart(data=b"%PDF-1", citations=True)
    built = write([Message.user(part)], output={"type": "object", "properties": {}})
    assert "citations" not in built.body["messages"][0]["content"][0]
    assert notes(built) == [("citations", "dropped")]


@pytest.mark.parametrize("policy", ["warn", "drop", "error"])
async def test_d10_a_seed_is_reported_by_policy(runtime: Runtime, emulator: Emulator, policy: Any) -> None:
    if policy == "error":
        with pytest.raises(UnsupportedFeatureError, match="seed"):
            await runtime.complete("claude:claude-sonnet-5-5", "Hi", seed=1, on_unsupported=policy)
        assert not emulator.requests
        return
    done = await runtime.complete("claude:claude-sonnet-5-5", "Hi", seed=1, on_unsupported=policy)
    assert [note.action for note in done.report.about("seed")] == ["dropped"]


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"max_output_tokens": 0}, {"max_tokens": 0}),
        ({"stop": []}, {"stop_sequences": []}),
        ({"stop": ["a"]}, {"stop_sequences": ["a"]}),
        ({"metadata": {"user_id": ""}}, {"metadata": {"user_id": ""}}),
    ],
)
def test_d11_zero_and_empty_are_values(write: Write, fields: JsonObject, sent: JsonObject) -> None:
    body = write(**fields).body
    assert {key: body.get(key) for key in sent} == sent
    old = write(model="claude-haiku-4-5", options=OLD, temperature=0)
    assert old.body["temperature"] == 0
    assert write(model="claude-haiku-4-5", options=OLD, top_k=0).body["top_k"] == 0


async def test_d12_a_model_id_with_colons_reaches_the_wire_whole(runtime: Runtime, emulator: Emulator) -> None:
    await runtime.complete("claude:ft:claude:org::id", "Hi")
    assert emulator.requests[0].json["model"] == "ft:claude:org::id"


async def test_d13_an_unknown_model_is_asked_with_sane_defaults(runtime: Runtime, emulator: Emulator) -> None:
    done = await runtime.stream("claude:claude-next-7", "Hi", reasoning="high").collect()
    (request,) = emulator.requests
    assert (request.json["model"], request.json["max_tokens"]) == ("claude-next-7", 32_000)
    assert request.json["output_config"] == {"effort": "high"}
    assert not done.report


async def test_d14_a_wrong_id_names_near_matches(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().fail("model_not_found", "model: claude-opus-5-6"))
    with pytest.raises(ModelNotFoundError, match="claude-opus-5-5"):
        await runtime.complete("claude:claude-opus-5-6", "Hi")


async def test_d15_a_retired_model_is_an_error_of_its_own(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().fail("model_not_found", "model: claude-mythos-preview"))
    with pytest.raises(ModelNotFoundError) as caught:
        await runtime.complete("claude:claude-mythos-preview", "Hi")
    assert not caught.value.retryable


def test_d18_what_the_caller_passed_is_not_changed(write: Write) -> None:
    call = ToolCall(id="toolu_1", name="now", arguments={"a": [1]})
    part = FilePart(data=b"%PDF-1", citations=True, cache=True)
    history = [
        Message.user([part, FilePart(data=b"%PDF-2")]),
        Message.assistant(call),
        Message.tool(ToolResult(tool_call_id="toolu_1", content="ok")),
    ]
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
    fields: JsonObject = {
        "tools": [{"name": "now", "parameters": schema, "strict": True, "cache": True}],
        "output": schema,
        "provider_options": {"claude": {"output_config": {"effort": "low"}}},
        "reasoning": "high",
    }
    before = copy.deepcopy((history, fields))
    write(history, **fields)
    assert (history, fields) == before


PREFILL = [Message.user("Name a colour"), Message.assistant("The colour is ")]


def test_d19_a_prefill_goes_only_to_models_that_take_one(write: Write, cards: Any) -> None:
    for model, card in cards.items():
        takes = bool(card.capability("prefill")) or card.capability("prefill").state == "unknown"
        if takes and card.capabilities:
            assert write(PREFILL, model=model).body["messages"][-1]["role"] == "assistant"
        elif card.capabilities:
            with pytest.raises(UnsupportedFeatureError, match="does not continue"):
                write(PREFILL, model=model)


@pytest.mark.parametrize("fields", [{"reasoning": "high"}, {"output": {"type": "object", "properties": {}}}])
def test_d19_a_prefill_stands_beside_neither_a_budget_nor_a_schema(write: Write, fields: JsonObject) -> None:
    with pytest.raises(UnsupportedFeatureError, match="turn of"):
        write(PREFILL, model="claude-haiku-4-5", **fields)


@pytest.mark.parametrize("messages", [[Message.system("Be kind.")], [], "", [Message.user(" ")]])
async def test_d20_a_conversation_without_a_user_is_a_local_error(
    runtime: Runtime, emulator: Emulator, messages: Any
) -> None:
    with pytest.raises(InvalidRequestError):
        await runtime.complete("claude:claude-sonnet-5-5", messages)
    assert not emulator.requests

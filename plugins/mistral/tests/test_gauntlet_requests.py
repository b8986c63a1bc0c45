"""Failures of other runtimes with requests, parameters and figures, each by its row, against the emulator."""

from __future__ import annotations

import copy
import logging
from datetime import date
from typing import Any

import pytest

from modelyard import (
    Completion,
    FilePart,
    ImagePart,
    Message,
    ModelNotFoundError,
    NoRouteError,
    Runtime,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    UnsupportedFeatureError,
)
from modelyard.catalog.card import ModelCard
from modelyard.catalog.loader import load_cards
from modelyard.catalog.pricing import price_at
from modelyard.errors import InvalidRequestError
from modelyard.testing import Emulator, Script

MODEL = "mistral:mistral-medium-3-5"
PNG = b"\x89PNG\r\n\x1a\n"
CARDS = load_cards("modelyard_mistral", "mistral")


def sent(emulator: Emulator) -> Any:
    return emulator.requests[-1].json


def actions(completion: Completion, field: str) -> list[str]:
    return [note.action for note in completion.report.about(field)]


@pytest.mark.parametrize(
    ("messages", "roles"),
    [
        ([Message.system("A"), Message.system("B"), Message.user("C")], ["system", "system", "user"]),
        ([Message.user("A"), Message.system("B"), Message.user("C")], ["user", "system", "user"]),
        (
            [Message.user("A"), Message.assistant("B"), Message.system("C"), Message.user("D")],
            ["user", "assistant", "user", "user"],
        ),
        ([Message.user("A"), Message.system("B")], ["user", "user"]),
    ],
)
async def test_d06_every_system_message_is_sent_and_what_becomes_of_it_is_noted(
    emulator: Emulator, runtime: Runtime, messages: list[Message], roles: list[str]
) -> None:
    completion = await runtime.complete(MODEL, messages)
    assert [message["role"] for message in sent(emulator)["messages"]] == roles
    assert [message["content"] for message in sent(emulator)["messages"]] == [message.text for message in messages]
    moved = [message.role for message in messages] != roles
    assert actions(completion, "messages") == (["converted"] if moved else [])


async def test_d08_images_go_as_urls_and_as_data(emulator: Emulator, runtime: Runtime) -> None:
    pictures = [
        ImagePart(url="https://example.com/a.png"),
        ImagePart(data=PNG),
        ImagePart(url="data:;base64,iVBORw0KGgo="),
    ]
    await runtime.complete(MODEL, Message.user(["Look:", *pictures]))
    chunks = sent(emulator)["messages"][0]["content"][1:]
    assert [chunk["image_url"] for chunk in chunks] == [
        "https://example.com/a.png",
        "data:image/png;base64,iVBORw0KGgo=",
        "data:image/png;base64,iVBORw0KGgo=",
    ]
    assert len(emulator.requests) == 1  # Mistral fetches the URL, so nobody here does


@pytest.mark.parametrize("policy", ["warn", "drop", "error"])
async def test_d09_an_image_for_a_model_that_sees_none_is_refused_and_never_lost(
    emulator: Emulator, runtime: Runtime, policy: Any
) -> None:
    picture = Message.user([ImagePart(data=PNG)])
    with pytest.raises((UnsupportedFeatureError, NoRouteError)):
        await runtime.complete("mistral:codestral-2508", picture, on_unsupported=policy)
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("user", "u-1"), ("verbosity", "low"), ("reasoning", {"effort": "medium"}), ("temperature", 1.9)],
)
async def test_d10_what_is_not_taken_as_asked_follows_the_policy(
    emulator: Emulator, runtime: Runtime, caplog: pytest.LogCaptureFixture, field: str, value: Any
) -> None:
    caplog.set_level(logging.WARNING, "modelyard.report")
    options: dict[str, Any] = {field: value}
    dropped = await runtime.complete(MODEL, "Hi", on_unsupported="drop", **options)
    assert actions(dropped, field)
    assert caplog.records == []
    warned = await runtime.complete(MODEL, "Hi", **options)
    assert warned.report == dropped.report
    assert len(caplog.records) == 1
    before = len(emulator.requests)
    with pytest.raises(UnsupportedFeatureError, match=field):
        await runtime.complete(MODEL, "Hi", on_unsupported="error", **options)
    assert len(emulator.requests) == before


async def test_d11_zero_and_empty_are_values(emulator: Emulator, runtime: Runtime) -> None:
    options: dict[str, Any] = {
        "max_output_tokens": 0,
        "temperature": 0,
        "top_k": 0,
        "seed": 0,
        "stop": [],
        "metadata": {},
    }
    await runtime.complete(MODEL, "Hi", **options, top_logprobs=0)
    body = sent(emulator)
    assert (body["max_tokens"], body["temperature"], body["top_k"], body["random_seed"]) == (0, 0, 0, 0)
    assert (body["stop"], body["metadata"], body["logprobs"]) == ([], {}, True)
    assert "top_logprobs" not in body
    await runtime.complete(MODEL, "Hi", stop=None, temperature=None)
    assert set(sent(emulator)) == {"model", "messages"}


async def test_d12_a_model_id_may_hold_colons(emulator: Emulator, runtime: Runtime) -> None:
    await runtime.complete("mistral:ft:mistral-small:org::id", "Hi")
    assert sent(emulator)["model"] == "ft:mistral-small:org::id"


async def test_d13_an_unknown_model_is_asked_for_without_limits_of_ours(
    emulator: Emulator, runtime: Runtime
) -> None:
    completion = await runtime.complete(
        "mistral:mistral-next-2612", "Hi", reasoning="low", max_output_tokens=900_000
    )
    body = sent(emulator)
    assert (body["model"], body["reasoning_effort"], body["max_tokens"]) == ("mistral-next-2612", "low", 900_000)
    assert not completion.report


async def test_d14_a_wrong_id_is_not_found_with_the_nearest_one_named(
    emulator: Emulator, runtime: Runtime
) -> None:
    emulator.add(Script().fail("model_not_found", "Invalid model: mistral-medium-35"))
    with pytest.raises(ModelNotFoundError, match="Invalid model") as caught:
        await runtime.complete("mistral:mistral-medium-35", "Hi")
    assert "mistral-medium-3-5" in (caught.value.hint or "")


def test_d15_a_model_that_is_gone_names_its_replacement() -> None:
    gone = next(card for card in CARDS if card.id == "devstral-2512")
    assert gone.lifecycle.retires is not None
    assert gone.lifecycle.retires <= date(2026, 11, 22)
    assert gone.lifecycle.replacement in {card.id for card in CARDS}


def test_d16_no_default_is_a_model_that_does_not_chat(runtime: Runtime) -> None:
    for context in ("chat", "structured", "summary", "doc"):
        card = runtime.catalog.default(context)
        assert card.capability("streaming").state == card.capability("tools").state == "supported"
    assert not any("embed" in card.id or "ocr" in card.id for card in CARDS)


async def test_d17_sampling_is_mapped_and_kept_in_range(emulator: Emulator, runtime: Runtime) -> None:
    completion = await runtime.complete(MODEL, "Hi", temperature=2.0, top_p=0, seed=7, max_output_tokens=262_144)
    body = sent(emulator)
    assert (body["temperature"], body["random_seed"]) == (1.5, 7)
    assert 0 < body["top_p"] < 0.01
    assert 0 < body["max_tokens"] < 262_144
    for field in ("temperature", "top_p", "max_output_tokens"):
        assert actions(completion, field) == ["clamped"]
    assert emulator.rejected == []


async def test_d18_nothing_of_the_callers_is_changed(emulator: Emulator, runtime: Runtime) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "object", "properties": {}}}}
    options: dict[str, Any] = {"mistral": {"guardrails": [{"block_on_error": True}]}}
    messages: list[Any] = [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        Message.assistant([TextPart(text="Yes."), ToolCall(id="call_1", name="f.g", arguments={"a": {}})]),
        Message.tool(ToolResult(tool_call_id="call_1", content=[TextPart(text="A"), ImagePart(data=PNG)])),
        Message.user("And?"),
    ]
    tools = [{"name": "f.g", "parameters": schema}]
    before = copy.deepcopy((messages, tools, schema, options))
    for output in (None, schema):
        await runtime.complete(MODEL, messages, tools=tools, output=output, provider_options=options)
    assert (messages, tools, schema, options) == before


async def test_d19_a_last_turn_of_the_assistants_is_continued(emulator: Emulator, runtime: Runtime) -> None:
    await runtime.complete(MODEL, [Message.user("Count."), Message.assistant("One, two,")])
    assert sent(emulator)["messages"][-1] == {"role": "assistant", "content": "One, two,", "prefix": True}
    assert emulator.rejected == []


@pytest.mark.parametrize("messages", [[], [Message.system("Be brief.")], ""])
async def test_d20_a_conversation_in_which_nobody_speaks_is_refused(
    emulator: Emulator, runtime: Runtime, messages: Any
) -> None:
    with pytest.raises(InvalidRequestError):
        await runtime.complete(MODEL, messages)
    assert emulator.requests == []


async def test_provider_options_reach_the_wire_untouched(emulator: Emulator, runtime: Runtime) -> None:
    mine = {"safe_prompt": True, "n": 1, "prediction": {"type": "content", "content": "A"}, "min_tokens": 2}
    await runtime.complete(MODEL, "Hi", provider_options={"mistral": mine, "claude": {"speed": "fast"}})
    body = sent(emulator)
    assert {name: body[name] for name in mine} == mine
    assert "speed" not in body


async def test_audio_and_documents_are_chunks_of_their_own(emulator: Emulator, runtime: Runtime) -> None:
    parts = [
        FilePart(data=b"abc", media_type="audio/wav"),
        FilePart(url="https://example.com/a.pdf", name="a.pdf"),
        FilePart(file_id="f-1"),
    ]
    await runtime.complete("mistral:voxtral-small-2507", Message.user(parts))
    assert [chunk["type"] for chunk in sent(emulator)["messages"][0]["content"]] == [
        "input_audio",
        "document_url",
        "file",
    ]


async def test_f01_cached_tokens_are_part_of_the_input(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Script().say("A").using(input=100, output=10, cached=90))
    completion = await runtime.complete(MODEL, "Hi")
    usage = completion.usage
    assert (usage.input_tokens, usage.cached_input_tokens, usage.total_tokens) == (100, 90, 110)
    assert completion.cost is not None
    assert completion.cost.total == pytest.approx((10 * 1.5 + 90 * 0.15 + 10 * 7.5) / 1e6)


async def test_f04_an_unknown_price_is_none_with_a_reason(emulator: Emulator, runtime: Runtime) -> None:
    completion = await runtime.complete("mistral:mistral-next-2612", "Hi")
    assert completion.cost is None
    assert completion.cost_unknown_because


async def test_f07_an_alias_is_priced_as_its_model(emulator: Emulator, runtime: Runtime) -> None:
    completion = await runtime.complete("mistral:mistral-medium-latest", "Hi")
    assert completion.cost is not None
    step = price_at(next(card for card in CARDS if card.id == "mistral-medium-3-5").prices, date.today(), 10)
    assert step is not None
    assert completion.cost.total == pytest.approx((10 * step.input + 5 * step.output) / 1e6)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_f08_labels_are_words_and_not_ids(card: ModelCard) -> None:
    assert card.label != card.id
    assert card.label[0].isupper()
    assert "-" not in card.label


def test_every_card_states_its_rules_and_capabilities() -> None:
    for card in CARDS:
        assert card.rules["max_temperature"] == 1.5
        assert card.rules["output_with_tools"] is False
        assert card.tool_choice == ("auto", "required", "none", "name")
        assert bool(card.reasoning.efforts) == (card.reasoning.control == "effort")


async def test_tool_declarations_survive_a_schema_of_any_depth(emulator: Emulator, runtime: Runtime) -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(50):
        schema = {"type": "object", "properties": {"a": schema}}
    await runtime.complete(MODEL, "Hi", tools=[Tool(name="f", parameters=schema)], tool_choice="f")
    assert sent(emulator)["tools"][0]["function"]["parameters"] == schema

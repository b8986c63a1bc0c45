"""Failures of other runtimes with parameters and with usage, each against the strict emulator."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from modelyard import (
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    ModelNotFoundError,
    ReasoningPart,
    Runtime,
    TextPart,
    UnsupportedFeatureError,
)
from modelyard.http.session import WireRequest
from modelyard.testing import Emulator, Reply, Script
from modelyard.types.base import Opaque
from modelyard_openai.usage import chat_usage, responses_usage

Wire: TypeAlias = Callable[..., WireRequest]

MODEL = "gpt-6-sol"
PLAIN = "openai:gpt-4.1"
TOOL = {"name": "now"}
PNG = b"\x89PNG\r\n\x1a\n0000"


@pytest.fixture(params=["responses", "chat"])
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def notes(built: WireRequest) -> list[tuple[str, str]]:
    return [(note.field, note.action) for note in built.report.notes] if built.report else []


@pytest.mark.parametrize("model", ["gpt-6.2-astra", "gpt-5", "o3", "gpt-4.1", "a-model-of-next-year"])
def test_d03_the_output_limit_of_chat_has_the_name_reasoning_models_take(wire: Wire, model: str) -> None:
    body = wire(model=model, api="chat", max_output_tokens=100).body
    assert body["max_completion_tokens"] == 100
    assert "max_tokens" not in body


def test_d03_a_card_may_name_the_older_field_for_a_server_that_knows_no_other() -> None:
    from modelyard import ModelCard
    from modelyard.types.request import build_request
    from modelyard_openai.chat.request import build_chat_request

    card = ModelCard(provider="openai", id="llama", label="Llama", rules={"max_tokens": "max_tokens"})
    body = build_chat_request(build_request("openai", "llama", "Hi", None, {"max_output_tokens": 5}), card).body
    assert body["max_tokens"] == 5
    assert "max_completion_tokens" not in body


@pytest.mark.parametrize("model", ["gpt-6-astra", "gpt-6.1-sol", "gpt-6.2-astra", "gpt-6.2-sol"])
def test_d04_tools_of_models_that_always_reason_are_refused_on_chat(wire: Wire, model: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match="Responses") as caught:
        wire(model=model, api="chat", tools=[TOOL])
    assert caught.value.feature == "tools"
    assert wire(model=model, tools=[TOOL], reasoning="high").body["reasoning"] == {"effort": "high"}


@pytest.mark.parametrize("model", ["gpt-5.5", "gpt-5.6-luna", "gpt-6-sol", "gpt-6.1-terra"])
def test_d04_tools_with_a_reasoning_effort_are_refused_on_chat_and_sent_with_none(wire: Wire, model: str) -> None:
    with pytest.raises(UnsupportedFeatureError):
        wire(model=model, api="chat", tools=[TOOL], reasoning="low")
    assert wire(model=model, api="chat", tools=[TOOL], reasoning="none").report is None
    built = wire(model=model, api="chat", tools=[TOOL])
    assert (built.body["reasoning_effort"], notes(built)) == ("none", [("reasoning", "relaxed")])
    with pytest.raises(UnsupportedFeatureError):
        wire(model=model, api="chat", tools=[TOOL], on_unsupported="error")


def test_d04_models_that_do_not_reason_unasked_or_at_all_need_no_word_on_it(wire: Wire) -> None:
    for model in ("gpt-5.4", "gpt-4.1", "llama-3"):
        built = wire(model=model, api="chat", tools=[TOOL])
        assert ("reasoning_effort" in built.body, built.report) == (False, None)


def own(kind: str, **data: Any) -> Opaque:
    return Opaque(provider="openai", model=MODEL, kind=kind, data=data)


def test_d05_reasoning_goes_back_with_the_item_it_led_to_or_not_at_all(wire: Wire) -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "enc"}
    reasoning = ReasoningPart(kind="hidden", opaque=own("reasoning", **item))
    said = TextPart(text="Yes.", opaque=own("message", id="msg_1", status="completed"))
    pair = wire([Message.user("a"), Message.assistant([reasoning, said]), Message.user("b")]).body["input"]
    assert [item.get("id") for item in pair] == [None, "rs_1", "msg_1", None]
    alone = wire([Message.user("a"), Message.assistant([reasoning]), Message.user("b")])
    assert [item.get("role") for item in alone.body["input"]] == ["user", "user"]
    assert set(notes(alone)) <= {("messages", "repaired"), ("messages", "dropped")}
    assert notes(alone)
    without = wire([Message.user("a"), Message.assistant([said]), Message.user("b")]).body["input"]
    assert without[1] == {"type": "message", "role": "assistant", "content": "Yes."}
    bare = ReasoningPart(opaque=own("reasoning", **{**item, "encrypted_content": None}))
    lost = wire([Message.user("a"), Message.assistant([bare, said]), Message.user("b")])
    assert lost.body["input"][1] == without[1]
    assert notes(lost) == [("messages", "dropped")]


def test_d06_every_system_message_reaches_the_model_in_its_place(wire: Wire, api: str) -> None:
    turns = [Message.system("A"), Message.system("B"), Message.user("c"), Message.system("D"), Message.user("e")]
    body = wire(turns, api=api).body
    if api == "responses":
        assert body["instructions"] == "A\n\nB"
        assert [item["role"] for item in body["input"]] == ["user", "developer", "user"]
    else:
        assert [item["content"] for item in body["messages"]] == ["A", "B", "c", "D", "e"]


def test_d08_images_are_sent_in_the_form_the_api_wants(wire: Wire, api: str) -> None:
    parts = [ImagePart(data=PNG), ImagePart(url="data:image/webp;base64,AAAA"), ImagePart(url="https://x.test/i")]
    body = wire(Message.user(parts), api=api).body
    content = (body.get("input") or body["messages"])[0]["content"]
    urls = [part["image_url"] if api == "responses" else part["image_url"]["url"] for part in content]
    assert [url[:22] for url in urls] == ["data:image/png;base64,", "data:image/webp;base64", "https://x.test/i"]


def test_d08_a_url_chat_cannot_fetch_is_refused_and_never_fetched_here(wire: Wire) -> None:
    with pytest.raises(UnsupportedFeatureError):
        wire(Message.user(FilePart(url="http://169.254.169.254/latest", media_type="application/pdf")), api="chat")


ASKED: dict[str, Any] = {
    "top_k": 0,
    "seed": 0,
    "stop": [],
    "temperature": 0.0,
    "top_p": 0.0,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "top_logprobs": 0,
    "verbosity": "low",
    "service_tier": "standard_only",
    "max_output_tokens": 0,
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "reasoning": {"effort": "max", "summary": "auto", "budget_tokens": 0},
}


@pytest.mark.parametrize("field", ASKED)
@pytest.mark.parametrize("model", ["gpt-6.2-astra", "gpt-6-sol", "gpt-5.4", "gpt-5", "o3", "gpt-4.1", "unknown-1"])
def test_d10_what_is_asked_is_on_the_wire_or_in_the_report(wire: Wire, api: str, model: str, field: str) -> None:
    if model == "gpt-audio-mini" and api == "responses":
        return
    built = wire(model=model, api=api, **{field: ASKED[field]})
    plain = wire(model=model, api=api)
    assert built.body != plain.body or any(name == field for name, _ in notes(built))
    with_policy = [action for _, action in notes(built) if action in ("dropped", "clamped", "relaxed")]
    if with_policy and field not in ("parallel_tool_calls", "tool_choice"):
        with pytest.raises(UnsupportedFeatureError):
            wire(model=model, api=api, on_unsupported="error", **{field: ASKED[field]})


def test_d11_zero_and_empty_are_values(wire: Wire) -> None:
    body = wire(model="gpt-4.1", api="chat", temperature=0, seed=0, stop=[], top_p=0, metadata={}).body
    assert (body["temperature"], body["seed"], body["stop"], body["top_p"]) == (0, 0, [], 0)
    assert body["metadata"] == {}
    built = wire(model="gpt-4.1", api="chat", stop=["a", "b", "c", "d", "e"], max_output_tokens=0)
    assert (built.body["stop"], built.body["max_completion_tokens"]) == (["a", "b", "c", "d"], 1)
    assert notes(built) == [("max_output_tokens", "clamped"), ("stop", "clamped")]


async def test_d12_a_model_id_keeps_its_colons(runtime: Runtime, emulator: Emulator) -> None:
    await runtime.complete("openai:ft:gpt-4.1:org::id", "Hi")
    assert emulator.requests[-1].json["model"] == "ft:gpt-4.1:org::id"


def test_d13_an_unknown_model_is_asked_as_told(wire: Wire, api: str) -> None:
    built = wire(
        model="gpt-9", api=api, temperature=0.5, reasoning="max", verbosity="low", max_output_tokens=999_999
    )
    assert built.report is None
    assert built.body["temperature"] == 0.5


async def test_d14_a_wrong_id_is_answered_with_near_ones(runtime: Runtime, emulator: Emulator) -> None:
    for status in (400, 404):
        error = {"error": {"message": "The requested model does not exist.", "code": "model_not_found"}}
        emulator.add(Reply.json(error, status))
        with pytest.raises(ModelNotFoundError, match=r"gpt-6\.1-sol"):
            await runtime.complete("openai:gpt-6.1-sal", "Hi")


def test_d18_the_callers_messages_and_options_are_never_changed(wire: Wire, api: str) -> None:
    turns = [Message.user([TextPart(text="a", cache=True), ImagePart(data=PNG)])]
    options = {"openai": {"metadata": {"b": "c"}, "prompt_cache_options": {"ttl": "30m"}}}
    before = copy.deepcopy((turns, options))
    wire(turns, api=api, metadata={"a": "b"}, provider_options=options, output="json")
    assert (turns, options) == before


@pytest.mark.parametrize("model", ["gpt-6.2-astra", "gpt-4.1"])
def test_d19_prefill_is_refused_before_anything_is_sent(wire: Wire, api: str, model: str) -> None:
    turns = [Message.user("Name a colour"), Message.assistant("The colour is")]
    for ending in (turns, [*turns, Message.system("Be brief.")]):
        with pytest.raises(UnsupportedFeatureError, match="does not continue"):
            wire(ending, model=model, api=api)


def test_d19_a_compatible_server_may_continue_an_answer(wire: Wire) -> None:
    turns = [Message.user("Name a colour"), Message.assistant("The colour is")]
    assert wire(turns, model="llama-3", api="chat").body["messages"][-1]["content"] == "The colour is"


async def test_d20_a_conversation_in_which_nobody_speaks_is_refused(runtime: Runtime, emulator: Emulator) -> None:
    for turns in ([], [Message.system("Be brief.")]):
        with pytest.raises(InvalidRequestError):
            await runtime.complete(PLAIN, turns)
    assert emulator.requests == []


# Usage and cost


def test_f01_cached_tokens_are_part_of_the_input_and_reasoning_of_the_output() -> None:
    responses = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 30},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 7},
        "total_tokens": 120,
    }
    chat = {
        "prompt_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 30, "audio_tokens": 0},
        "completion_tokens": 20,
        "completion_tokens_details": {"reasoning_tokens": 7},
        "total_tokens": 120,
    }
    for usage in (responses_usage(responses), chat_usage(chat)):
        figures = (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens)
        assert figures == (100, 40, 30)
        assert (usage.output_tokens, usage.reasoning_tokens, usage.total_tokens) == (20, 7, 120)
    assert responses_usage(responses).raw == responses


async def test_f01_the_cost_counts_each_token_once(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().say("Hi").using(input=1_000_000, cached=250_000, output=1_000, reasoning=500))
    answer = await runtime.complete("openai:gpt-4.1", "Hi")
    assert answer.cost is not None
    assert float(answer.cost.total) == pytest.approx(0.75 * 2 + 0.25 * 0.5 + 0.001 * 8)


async def test_f04_an_unknown_price_is_none_with_a_reason(runtime: Runtime, emulator: Emulator) -> None:
    answer = await runtime.complete("openai:gpt-9", "Hi")
    assert answer.cost is None
    assert answer.cost_unknown_because


async def test_f07_a_dated_id_in_the_answer_does_not_lose_the_price(runtime: Runtime, emulator: Emulator) -> None:
    item = {"type": "message", "content": [{"type": "output_text", "text": "a"}]}
    usage = {"input_tokens": 10, "output_tokens": 1}
    body = {"id": "r", "status": "completed", "model": "gpt-4.1-2025-04-14", "output": [item], "usage": usage}
    emulator.add(Reply.json(body))
    answer = await runtime.complete(PLAIN, "Hi")
    assert (answer.model, answer.response_model) == ("gpt-4.1", "gpt-4.1-2025-04-14")
    assert answer.cost is not None


def test_f08_labels_are_names_and_no_ids() -> None:
    from modelyard_openai.testing.checks import cards

    assert all(card.label != card.id or card.id.startswith("o") for card in cards().values())

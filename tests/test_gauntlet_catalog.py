"""Failures of other runtimes around catalog, cost and usage, each by its row in the gauntlet."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from modelyard import Completion, Message, ModelCard, ModelNotFoundError, ModelRef, Runtime, Usage
from modelyard.catalog.pricing import CardPrices, cost_of
from modelyard.testing import Emulator, Script, ScriptedProvider, load_dialects

CATALOG = Runtime(plugins=["claude", "gemini", "mistral", "openai"], catalog_cache=False).catalog
DAY = date(2026, 11, 25)


def card(reference: str) -> ModelCard:
    found = CATALOG.get(reference)
    assert found is not None
    return found


def read(provider: str, function: str, raw: dict[str, Any]) -> Usage:
    """What a plugin makes of a usage object of its provider."""
    usage: Usage = getattr(importlib.import_module(f"modelyard_{provider}.usage"), function)(raw)
    return usage


GOLDEN: dict[str, tuple[str, dict[str, Any], tuple[str, float]]] = {
    "claude": (
        "claude_usage",
        {
            "input_tokens": 100,
            "cache_read_input_tokens": 800,
            "cache_creation_input_tokens": 100,
            "output_tokens": 50,
        },
        ("claude:claude-sonnet-5", 100 * 2 + 800 * 0.2 + 100 * 2.5 + 50 * 10),
    ),
    "openai": (
        "responses_usage",
        {
            "input_tokens": 1000,
            "input_tokens_details": {"cached_tokens": 800, "cache_write_tokens": 100},
            "output_tokens": 50,
            "total_tokens": 1050,
        },
        ("openai:gpt-6-sol", 100 * 2 + 800 * 0.2 + 100 * 2.5 + 50 * 10),
    ),
    "gemini": (
        "gemini_usage",
        {
            "promptTokenCount": 1000,
            "cachedContentTokenCount": 800,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 30,
            "totalTokenCount": 1050,
        },
        ("gemini:gemini-3.5-flash", 200 * 1.5 + 800 * 0.15 + 50 * 9),
    ),
    "mistral": (
        "chat_usage",
        {
            "prompt_tokens": 1000,
            "prompt_tokens_details": {"cached_tokens": 800},
            "completion_tokens": 50,
            "total_tokens": 1050,
        },
        ("mistral:mistral-medium-3-5", 200 * 1.5 + 800 * 0.15 + 50 * 7.5),
    ),
}


@pytest.mark.parametrize("provider", GOLDEN)
def test_f01_cached_tokens_are_inside_the_input_for_every_vendor(provider: str) -> None:
    function, raw, (reference, dollars) = GOLDEN[provider]
    usage = read(provider, function, raw)
    assert (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens) == (1000, 800, 50)
    cost, reason = cost_of(usage, card(reference), DAY)
    assert reason is None
    assert cost is not None
    assert cost.total == pytest.approx(dollars / 1e6)


def test_f02_a_cache_write_for_an_hour_has_its_own_price() -> None:
    raw = {
        "input_tokens": 0,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
        "output_tokens": 0,
    }
    usage = read("claude", "claude_usage", raw)
    assert (usage.cache_write_tokens, usage.cache_write_1h_tokens) == (300, 200)
    cost, _ = cost_of(usage, card("claude:claude-sonnet-5"), DAY)
    assert cost is not None
    assert cost.cache_write == pytest.approx((100 * 2.5 + 200 * 4) / 1e6)


@pytest.mark.parametrize(
    ("reference", "below", "above"),
    [("gemini:gemini-3.1-pro-preview", (2, 12), (4, 18)), ("claude:claude-sonnet-4-5", (3, 15), (6, 22.5))],
)
def test_f03_a_long_prompt_is_charged_by_its_own_tier(
    reference: str, below: tuple[float, float], above: tuple[float, float]
) -> None:
    for tokens, (inward, outward) in ((199_000, below), (201_000, above)):
        cost, _ = cost_of(Usage(input_tokens=tokens, output_tokens=1000), card(reference), DAY)
        assert cost is not None
        assert cost.total == pytest.approx((tokens * inward + 1000 * outward) / 1e6)


def test_f04_an_unknown_price_is_none_with_a_reason_and_never_free() -> None:
    cost, reason = cost_of(
        Usage(input_tokens=10, output_tokens=10), CATALOG.resolve(ModelRef("openai", "gpt-99-nova")), DAY
    )
    assert cost is None
    assert "no price is known for openai:gpt-99-nova" in (reason or "")


def test_f04_the_price_library_prices_what_no_card_does() -> None:
    bare = ModelCard.unknown("claude", "claude-sonnet-5")
    cost, _ = cost_of(Usage(input_tokens=1_000_000, output_tokens=0, cached_input_tokens=500_000), bare, DAY)
    assert cost is not None
    assert cost.total == pytest.approx(0.5 * 2 + 0.5 * 0.2)
    assert (cost.source or "").startswith("genai-prices")


def test_f05_thoughts_are_billed_as_output_and_split_out() -> None:
    usage = read("gemini", "gemini_usage", GOLDEN["gemini"][1])
    assert (usage.output_tokens, usage.reasoning_tokens) == (50, 30)


PRICED = card("openai:gpt-6-sol")


@pytest.mark.parametrize("cut", [True, False])
async def test_f06_failed_attempts_are_on_the_ledger(cut: bool) -> None:
    facts = {"provider": "one", "id": "a", "label": "A", "prices": PRICED.prices}
    broken = Script().say("Half an ans").fail("server") if cut else Script().fail("overloaded")
    first = ScriptedProvider("one", [broken], cards=[ModelCard.model_validate(facts)])
    second = ScriptedProvider("two", cards=[ModelCard.model_validate({**facts, "provider": "two"})])
    async with Runtime(plugins=[first, second], fallback="restart", max_attempts=1) as runtime:
        completion = await runtime.stream(["one:a", "two:a"], "word " * 700).collect()
    failed, answered = completion.record.attempts
    assert answered.outcome == "ok"
    assert failed.maybe_billed is cut
    if cut:
        assert failed.cost_estimated
        assert failed.cost == pytest.approx(1004 * 2 / 1e6, rel=0.05)
        assert completion.record.failed_cost == failed.cost
    else:
        assert failed.cost is None
    assert completion.record.model_dump_json()


def test_f07_a_dated_alias_in_the_answer_does_not_hide_the_price() -> None:
    completion = Completion(
        message=Message.assistant("Hi"),
        finish_reason="stop",
        usage=Usage(input_tokens=1000, output_tokens=10),
        provider="openai",
        model="gpt-6-sol",
        response_model="gpt-6-sol-2026-09-01",
    ).priced_by(CardPrices(PRICED))
    assert completion.cost is not None
    asked = CATALOG.resolve(ModelRef("openai", "gpt-6-sol-2026-09-01"))
    assert (asked.id, asked.prices) == ("gpt-6-sol-2026-09-01", PRICED.prices)
    claude = CATALOG.resolve(ModelRef("claude", "claude-sonnet-5-20260901"))
    assert claude.known


def test_d12_a_reference_is_split_once() -> None:
    call = Runtime({"openai": {"api_key": "k"}}, catalog_cache=False)._planner.prepare(
        "openai:ft:gpt:org::id", "Hi", {}, stream=False
    )
    assert call.deployments[0].model == "ft:gpt:org::id"


def test_d13_a_new_model_is_allowed_and_all_unknown() -> None:
    runtime = Runtime({"openai": {"api_key": "k"}}, catalog_cache=False)
    call = runtime._planner.prepare("openai:gpt-99-nova", "Hi", {}, stream=False)
    found = call.deployments[0].card
    assert (found.id, found.known, found.limits.max_output_tokens) == ("gpt-99-nova", False, None)
    assert found.capability("tools").state == "unknown"


@pytest.fixture
def gemini() -> Iterator[Emulator]:
    with Emulator(load_dialects(["gemini"])["gemini"]) as running:
        yield running


async def test_d14_a_wrong_id_is_not_found_with_near_matches(gemini: Emulator) -> None:
    gemini.add(Script().fail("model_not_found"))
    async with Runtime({"gemini": gemini.settings()}, max_attempts=1, catalog_cache=False) as runtime:
        with pytest.raises(ModelNotFoundError) as caught:
            await runtime.complete("gemini:gemini-3.1-pro", "Hi")
    assert "gemini-3.1-pro-preview" in str(caught.value)


def test_d15_a_model_retired_by_the_clock_says_what_to_use(caplog: pytest.LogCaptureFixture) -> None:
    runtime = Runtime({"gemini": {"api_key": "k"}}, today=lambda: date(2026, 12, 24), catalog_cache=False)
    runtime._planner.prepare("gemini:gemini-2.5-pro", "Hi", {}, stream=False)
    assert "gemini:gemini-2.5-pro: It was retired on 2026-12-01; use gemini:gemini-3.8-flash." in caplog.text


def test_d16_every_model_offered_for_chat_chats() -> None:
    for context in ("chat", "structured", "summary", "doc"):
        assert all(found.kind == "chat" for found in CATALOG.find(context=context))
    offered = [model["model_id"] for model in CATALOG.describe()["models"]]
    assert not [model for model in offered if "embed" in model or "rerank" in model]

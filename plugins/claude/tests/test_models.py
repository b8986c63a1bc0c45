"""The cards: complete, sourced and consistent."""

from __future__ import annotations

import re
from datetime import date

import pytest

from modelyard import ModelCard
from modelyard.catalog.capability import CAPABILITIES
from modelyard.catalog.pricing import price_at
from modelyard_claude.plugin import modelyard_models

CARDS = {card.id: card for card in modelyard_models()}
TODAY = date(2026, 11, 22)
LITERALS = """
claude-fable-5-2 claude-mythos-5-2 claude-haiku-5-5 claude-sonnet-5-5 claude-fable-5-1 claude-opus-5-5
claude-mythos-5-1 claude-sonnet-5 claude-fable-5 claude-mythos-5 claude-opus-5 claude-opus-4-8 claude-opus-4-7
claude-mythos-preview claude-opus-4-6 claude-sonnet-4-6 claude-haiku-4-5 claude-opus-4-5 claude-sonnet-4-5
""".split()
CURRENT = [card for card in CARDS.values() if (card.lifecycle.retires or date.max) > TODAY]
ids = [card.id for card in CURRENT]


def test_every_model_the_sdk_names_has_a_card() -> None:
    assert sorted(CARDS) == sorted(LITERALS)


def test_dated_ids_are_aliases() -> None:
    aliases = {alias: card.id for card in CARDS.values() for alias in card.aliases}
    assert aliases == {
        "claude-haiku-4-5-20251001": "claude-haiku-4-5",
        "claude-opus-4-5-20251101": "claude-opus-4-5",
        "claude-sonnet-4-5-20250929": "claude-sonnet-4-5",
    }


def test_labels_are_the_names_of_their_ids() -> None:
    for card in CARDS.values():
        words = card.label.lower().replace(".", "-").split()
        assert card.id == "-".join(words)


def test_each_context_has_one_default_and_it_is_not_about_to_retire() -> None:
    defaults = [context for card in CARDS.values() for context in card.default_contexts]
    assert sorted(defaults) == ["chat", "doc", "structured", "summary"]
    assert all(card.lifecycle.retires is None for card in CARDS.values() if card.default_contexts)


@pytest.mark.parametrize("card", CURRENT, ids=ids)
def test_every_group_of_figures_names_its_source(card: ModelCard) -> None:
    groups = {
        "limits": card.limits != type(card.limits)(),
        "capabilities": bool(card.capabilities),
        "reasoning": card.reasoning != type(card.reasoning)(),
        "prices": bool(card.prices),
        "retention": bool(card.retention),
    }
    for group, stated in groups.items():
        assert not stated or group in card.sources, group
    for source in card.sources.values():
        assert source.as_of <= TODAY
        assert re.search(r"anthropic|litellm|genai-prices", source.title, re.IGNORECASE)


@pytest.mark.parametrize("card", CURRENT, ids=ids)
def test_limits_prices_and_capabilities_are_stated(card: ModelCard) -> None:
    assert card.limits.context_window in (200_000, 1_000_000)
    assert card.limits.max_output_tokens in (64_000, 128_000)
    assert set(card.capabilities) == set(CAPABILITIES)
    step = price_at(card.prices, TODAY, 1000)
    assert step is not None
    assert step.cache_write == pytest.approx(1.25 * step.input)
    assert step.cache_write_1h == pytest.approx(2 * step.input)
    assert step.cache_read is not None
    assert step.cache_read < step.input < step.output


@pytest.mark.parametrize("card", CURRENT, ids=ids)
def test_the_forms_of_tool_choice_fit_the_capability(card: ModelCard) -> None:
    assert ("required" in card.tool_choice) == bool(card.capability("forced_tool_choice"))
    assert ("name" in card.tool_choice) == bool(card.capability("forced_tool_choice"))


@pytest.mark.parametrize("card", CURRENT, ids=ids)
def test_the_rules_speak_the_words_the_request_builder_knows(card: ModelCard) -> None:
    assert set(card.rules) <= {"account_bound", "budgets", "system_turns", "thinking", "thinking_types"}
    assert card.rules["thinking"] in ("always", "on", "off")
    may_be_off = "disabled" in card.rules["thinking_types"]
    assert may_be_off == (card.rules["thinking"] != "always") or "between_tools" in card.rules["thinking_types"]
    assert ("enabled" in card.rules["thinking_types"]) <= (card.reasoning.control == "budget" or "4-6" in card.id)


@pytest.mark.parametrize("card", CURRENT, ids=ids)
def test_a_model_that_thinks_by_budget_has_one_for_every_effort(card: ModelCard) -> None:
    budgets = card.rules.get("budgets", {})
    assert bool(budgets) == (card.reasoning.control == "budget")
    assert list(budgets.values()) == sorted(budgets.values())
    assert set(budgets) == ({"minimal", "low", "medium", "high", "xhigh", "max"} if budgets else set())


def test_the_price_step_of_haiku() -> None:
    prices = CARDS["claude-haiku-5-5"].prices
    below, above = price_at(prices, TODAY, 100_000), price_at(prices, TODAY, 100_001)
    assert below is not None
    assert above is not None
    assert (below.input, below.output, above.input, above.output) == (0.10, 0.50, 0.50, 2.50)


def test_known_retirements() -> None:
    retiring = {card.id: card.lifecycle.retires for card in CARDS.values() if card.lifecycle.retires}
    assert retiring == {
        "claude-sonnet-4-5": date(2026, 11, 30),
        "claude-mythos-preview": date(2026, 6, 30),
    }


def test_nothing_is_claimed_of_a_retired_model_but_its_end() -> None:
    card = CARDS["claude-mythos-preview"]
    assert (card.capabilities, card.prices, card.limits.context_window) == ({}, (), None)

"""The model cards that are shipped."""

from __future__ import annotations

from datetime import date

import pytest

from modelyard.catalog.card import ModelCard
from modelyard.catalog.pricing import cost_of
from modelyard.types.usage import Usage
from modelyard_gemini.plugin import modelyard_models, modelyard_provider

CARDS = {card.id: card for card in modelyard_models()}
RULES = {"call_signatures", "media_in_results", "penalties", "json_with_tools", "continues", "thinking_budget"}
CURRENT = (
    "gemini-4-argon gemini-4-carbon gemini-4-neon gemini-4-hydrogen gemini-3.8-flash gemini-3.7-flash "
    "gemini-3.6-flash gemini-3.5-flash gemini-3.5-flash-lite gemini-3.1-pro-preview "
    "gemini-3.1-pro-preview-customtools gemini-3.1-flash-lite gemini-3-flash-preview gemini-2.5-pro "
    "gemini-2.5-flash gemini-2.5-flash-lite gemini-pro-latest gemini-flash-latest gemini-flash-lite-latest "
    "gemma-4-26b-a4b-it gemma-4-31b-it"
).split()


def price(model: str, day: date, tokens: int = 1000) -> float:
    usage = Usage.build(raw={}, input_tokens=tokens, output_tokens=0)
    cost, _ = cost_of(usage, CARDS[model], day)
    assert cost is not None
    return float(cost.total) / tokens * 1_000_000


def test_every_current_model_has_a_card() -> None:
    assert set(CARDS) == set(CURRENT)


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.id)
def test_every_group_of_figures_names_its_source(card: ModelCard) -> None:
    groups = {
        "limits": card.limits.context_window,
        "capabilities": card.capabilities,
        "reasoning": card.reasoning.tier != "none",
        "lifecycle": card.lifecycle.released or card.lifecycle.retires,
        "prices": card.prices,
    }
    for group, present in groups.items():
        assert not present or group in card.sources, group


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.id)
def test_a_card_contradicts_neither_itself_nor_the_list(card: ModelCard) -> None:
    assert card.provider == modelyard_provider().id
    assert f"models/{card.id}" in card.aliases
    assert card.lifecycle.replacement in (None, *CARDS)
    assert card.reasoning.default in (None, *(card.reasoning.efforts or ("medium",)))
    assert bool(card.capability("reasoning")) is (card.reasoning.tier != "none")
    assert set(card.rules) <= RULES


def test_names_are_unique() -> None:
    names = [name for card in CARDS.values() for name in (card.id, *card.aliases)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("context", ["chat", "structured", "summary", "doc"])
def test_each_context_has_one_default(context: str) -> None:
    assert sum(context in card.default_contexts for card in CARDS.values()) == 1


def test_announced_price_steps_take_effect_on_their_day() -> None:
    assert price("gemini-4-argon", date(2026, 11, 30)) == pytest.approx(2)
    assert price("gemini-4-argon", date(2026, 12, 1)) == pytest.approx(4)
    assert price("gemini-3.8-flash", date(2026, 12, 31)) == pytest.approx(0.75)
    assert price("gemini-3.8-flash", date(2027, 1, 1)) == pytest.approx(1.5)


def test_long_prompts_cost_more_where_google_says_so() -> None:
    assert price("gemini-3.1-pro-preview", date(2026, 11, 23), 200_000) == pytest.approx(2)
    assert price("gemini-3.1-pro-preview", date(2026, 11, 23), 200_001) == pytest.approx(4)


def test_models_since_gemini_3_want_signatures_back_and_older_ones_do_not() -> None:
    unsigned = {card.id for card in CARDS.values() if not card.rules.get("call_signatures")}
    assert unsigned == {name for name in CURRENT if name.startswith(("gemini-2.5", "gemma"))}

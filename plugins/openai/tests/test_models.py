"""The model cards that are shipped."""

from __future__ import annotations

from datetime import date

import pytest

from modelyard.catalog.card import ModelCard
from modelyard.catalog.pricing import cost_of
from modelyard.types.usage import Usage
from modelyard_openai.plugin import modelyard_models, modelyard_provider

CARDS = {card.id: card for card in modelyard_models()}
CURRENT = (
    "gpt-6.2-astra gpt-6.2-sol gpt-6.1-sol gpt-6.1-terra gpt-6-astra gpt-6-sol gpt-6-luna gpt-5.6-sol "
    "gpt-5.6-terra gpt-5.6-luna gpt-5.5 gpt-5.4 gpt-5.4-mini gpt-5.4-nano gpt-5.2 gpt-5.2-pro gpt-5.1 "
    "gpt-5 gpt-5-mini gpt-5-nano o3 gpt-4.1 gpt-4.1-mini gpt-4o gpt-4o-mini"
).split()
RESPONSES_ONLY = (
    "gpt-5.5-pro gpt-5-pro o1-pro o3-pro o3-deep-research o4-mini-deep-research gpt-5-codex gpt-5.1-codex-max "
    "gpt-5.6-cyber gpt-6-cyber gpt-6-rosalind gpt-6.2-astra-law gpt-daybreak-blue-latest gpt-daybreak-red-latest "
    "computer-use-preview gpt-rosalind-research"
).split()
AUDIO = "gpt-audio gpt-audio-1.5 gpt-audio-mini".split()
PRICED_ALONE = "chat-latest gpt-5.3-codex gpt-5.4-pro gpt-5.5-cyber gpt-rosalind-discovery".split()
"""Named by the price library and not by the SDK: which of the APIs serves them no source says."""
RULES = {"cache_breakpoints", "chat_tools", "summaries", "verbosities", "max_tokens"}


def price(model: str, day: date, tokens: int = 1000) -> float:
    usage = Usage.build(raw={}, input_tokens=tokens, output_tokens=0)
    cost, _ = cost_of(usage, CARDS[model], day)
    assert cost is not None
    return float(cost.total) / tokens * 1_000_000


def test_every_current_model_has_a_card() -> None:
    assert set(CARDS) == {*CURRENT, *RESPONSES_ONLY, *AUDIO, *PRICED_ALONE}


def test_the_models_of_responses_alone_are_marked() -> None:
    assert {name for name, card in CARDS.items() if card.apis == ("responses",)} == set(RESPONSES_ONLY)
    assert {name for name, card in CARDS.items() if not card.apis} == set(PRICED_ALONE)


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
def test_a_card_does_not_contradict_itself(card: ModelCard) -> None:
    assert card.provider == modelyard_provider().id
    assert card.lifecycle.replacement in (None, *CARDS)
    assert card.reasoning.default in (None, *card.reasoning.efforts)
    assert bool(card.capability("reasoning")) is (card.reasoning.tier != "none")
    assert set(card.rules) <= RULES
    if card.rules.get("chat_tools") == "effort_none":
        assert "none" in card.reasoning.efforts
    if card.rules.get("chat_tools") == "never":
        assert "none" not in card.reasoning.efforts


def test_flagships_take_no_effort_none_and_call_tools_through_responses_alone() -> None:
    never = {name for name, card in CARDS.items() if card.rules.get("chat_tools") == "never"}
    assert never == {"gpt-6-astra", "gpt-6.1-sol", "gpt-6.2-astra", "gpt-6.2-sol"}
    assert all(CARDS[name].capability("sampling").state == "unsupported" for name in never)


def test_names_are_unique() -> None:
    names = [name for card in CARDS.values() for name in (card.id, *card.aliases)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("context", ["chat", "structured", "summary", "doc"])
def test_each_context_has_one_default(context: str) -> None:
    assert sum(context in card.default_contexts for card in CARDS.values()) == 1


@pytest.mark.parametrize(
    ("model", "short"),
    [("gpt-6.1-sol", 2), ("gpt-5.5", 5), ("gpt-5.5-pro", 30), ("gpt-5.4", 2.5), ("gpt-5.4-pro", 30)],
)
def test_long_prompts_cost_twice_the_input_price(model: str, short: float) -> None:
    day = date(2026, 11, 28)
    assert price(model, day, 272_000) == pytest.approx(short)
    assert price(model, day, 272_001) == pytest.approx(2 * short)


def test_price_cuts_take_effect_on_their_day() -> None:
    assert price("gpt-5.6-sol", date(2026, 8, 20)) == pytest.approx(5)
    assert price("gpt-5.6-sol", date(2026, 8, 21)) == pytest.approx(4)


@pytest.mark.parametrize(
    ("day", "models"),
    [
        (
            date(2026, 7, 23),
            "computer-use-preview gpt-5-codex gpt-5.1-codex-max o3-deep-research o4-mini-deep-research",
        ),
        (date(2026, 10, 23), "o1-pro"),
        (date(2026, 12, 11), "gpt-5 gpt-5-mini gpt-5-nano gpt-5-pro o3 o3-pro"),
        (date(2027, 1, 14), "gpt-4.1 gpt-4.1-mini gpt-4o gpt-4o-mini"),
        (date(2027, 1, 20), "gpt-audio gpt-audio-mini"),
        (date(2027, 4, 1), "gpt-5.1 gpt-5.3-codex gpt-5.4-nano"),
    ],
)
def test_announced_shutdowns_are_on_the_cards(day: date, models: str) -> None:
    assert {name for name, card in CARDS.items() if card.lifecycle.retires == day} == set(models.split())

"""How cards are compared with what the price library and the SDKs name, as ``make catalog-check`` does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib.metadata import version

import pytest

from modelyard import ModelCard
from modelyard.catalog.card import PriceStep

from .catalog_check import REASONS, WRITTEN_AGAINST, Difference, Reason, Sources, differences, explain
from .catalog_check import installed as installed_sources
from .catalog_check import shipped as shipped_cards

TODAY = date(2026, 11, 28)
PRICE = PriceStep(input=2, output=10, cache_read=0.2)
CARD = ModelCard(provider="openai", id="big-1", label="Big 1", aliases=("big",), prices=(PRICE,))


def others(*names: str, prices: Mapping[str, PriceStep] | None = None) -> Sources:
    """What a library says that names models of OpenAI's, some with a price."""
    known = prices or {}
    return Sources({"openai": dict.fromkeys(names, "a library")}, lambda _, model, day, tokens: known.get(model))


def found(sources: Sources, *cards: ModelCard, today: date = TODAY) -> list[tuple[str, str]]:
    """The differences, as kind and model."""
    return [(one.kind, one.model) for one in differences(cards or (CARD,), sources, today)]


def test_a_name_without_a_card_is_new() -> None:
    assert found(others("big-1", "small-1")) == [("new", "small-1")]


@pytest.mark.parametrize("name", ["big", "big-1-2026-11-01"])
def test_an_alias_and_a_dated_version_of_a_known_model_are_not_new(name: str) -> None:
    assert found(others(name, "big-1")) == []


def test_a_card_nobody_names_is_gone() -> None:
    assert found(others()) == [("gone", "big-1")]


def test_a_card_whose_alias_is_named_or_that_has_a_price_elsewhere_is_not_gone() -> None:
    assert found(others("big")) == []
    assert found(others(prices={"big-1": PRICE})) == []


@pytest.mark.parametrize("figure", ["input", "output", "cache_read"])
def test_a_figure_that_differs_is_told_once_with_both_values(figure: str) -> None:
    theirs = PRICE.model_copy(update={figure: 7.0})
    (one,) = differences((CARD,), others("big-1", prices={"big-1": theirs}), TODAY)
    assert (one.kind, one.model) == ("price", "big-1")
    assert one.said.startswith(f"{figure} {float(getattr(PRICE, figure))}, theirs 7.0 (on 2026-11-28")
    assert one.said.count(figure) == 1


def test_a_card_without_a_price_for_cached_tokens_says_nothing_about_them() -> None:
    card = CARD.model_copy(update={"prices": (PRICE.model_copy(update={"cache_read": None}),)})
    assert found(others("big-1", prices={"big-1": PRICE}), card) == []


def test_a_price_for_long_prompts_alone_is_seen() -> None:
    long = PRICE.model_copy(update={"input": 4.0})
    sources = Sources({"openai": {"big-1": "a library"}}, lambda *key: long if key[3] > 272_000 else PRICE)
    assert found(sources) == [("price", "big-1")]


def test_a_price_that_is_announced_is_seen_before_its_day() -> None:
    later = PRICE.model_copy(update={"input": 4.0})
    sources = Sources(
        {"openai": {"big-1": "a library"}}, lambda *key: later if key[2] >= date(2027, 1, 1) else PRICE
    )
    assert found(sources) == [("price", "big-1")]


def test_a_reason_explains_what_it_names_of_its_kind_and_provider() -> None:
    differences = [
        Difference("openai", "new", "embed-1", ""),
        Difference("openai", "gone", "embed-2", ""),
        Difference("mistral", "new", "embed-3", ""),
    ]
    open_, idle = explain(differences, [Reason("openai", "new", ("embed-*",), "makes embeddings")])
    assert [one.model for one in open_] == ["embed-2", "embed-3"]
    assert idle == []


def test_a_name_in_a_reason_that_explains_nothing_is_told() -> None:
    reason = Reason("openai", "new", ("embed-*", "old-1"), "...")
    open_, idle = explain([Difference("openai", "new", "embed-1", "")], [reason])
    assert open_ == []
    assert idle == [(reason, "old-1")]


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: f"{reason.provider}-{reason.names[0]}")
def test_a_reason_says_something(reason: Reason) -> None:
    assert reason.provider in {"claude", "gemini", "mistral", "openai"}
    assert reason.kind in {"new", "gone", "price"}
    assert len(reason.why.split()) > 1


def test_every_difference_has_a_card_or_a_reason_and_every_reason_is_used() -> None:
    here = {name: version(name) for name in WRITTEN_AGAINST}
    if here != WRITTEN_AGAINST:
        pytest.skip(f"the reasons were written against {WRITTEN_AGAINST}, here are {here}: make catalog-check")
    assert explain(differences(shipped_cards(), installed_sources(), TODAY), REASONS) == ([], [])


def test_models_that_mistral_serves_for_others_have_cards() -> None:
    cards = {card.id: card for card in shipped_cards() if card.provider == "mistral"}
    for name in ("zai-glm-5-3", "zai-glm-5-3-flash", "deepseek-v4-1-flash-1017"):
        assert cards[name].prices
        assert "prices" in cards[name].sources
    assert cards["zai-glm-5-3"].limits.context_window == 1_000_000
    assert cards["zai-glm-5-3-flash"].capability("tools").state == "unknown"

"""Every figure of every shipped card has a source, and is about a model its source knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic_core import from_json

from modelyard import ModelCard, Runtime
from modelyard.catalog.card import Group, Lifecycle, ModelLimits, Reasoning
from modelyard.catalog.construct import Constructor
from modelyard.catalog.library_prices import library_price
from modelyard.catalog.pricing import price_at
from modelyard.catalog.retention import Retention

from .conftest import PROVIDERS

ROOT = Path(__file__).parents[1]
CARDS = tuple(Runtime(plugins=PROVIDERS, catalog_cache=False).catalog)
EMPTY: dict[str, Any] = {
    "limits": ModelLimits(),
    "capabilities": {},
    "reasoning": Reasoning(),
    "lifecycle": Lifecycle(),
    "prices": (),
    "retention": Retention(),
}
every_card = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.ref)


@every_card
def test_every_group_of_figures_has_a_source(card: ModelCard) -> None:
    stated = {group for group in get_args(Group) if getattr(card, group) != EMPTY[group]}
    assert stated <= set(card.sources)


@every_card
def test_a_price_read_off_the_price_library_is_one_the_library_has(card: ModelCard) -> None:
    source = card.sources.get("prices")
    if source is None or not card.prices or not source.title.startswith("genai-prices 0.2.3"):
        return
    there = library_price(card.provider, card.id, source.as_of, 1)
    here = price_at(card.prices, source.as_of, 1)
    assert there is not None, f"{source.title} does not name {card.id}"
    assert here is not None
    assert (here.input, here.output) == pytest.approx((there.input, there.output))


def sdk_names(provider: str) -> frozenset[str]:
    """The model ids an installed SDK names."""
    if provider == "claude":
        from anthropic.types.model import Model
    else:
        from openai.types.shared import AllModels as Model
    return frozenset(_literals(Model))


def _literals(kind: object) -> Iterator[str]:
    for argument in get_args(kind):
        if isinstance(argument, str):
            yield argument
        else:
            yield from _literals(argument)


@pytest.mark.parametrize("provider", ["claude", "openai"])
def test_a_date_read_off_an_sdk_is_of_a_model_the_sdk_names(provider: str) -> None:
    known = sdk_names(provider)
    for card in CARDS:
        source = card.sources.get("lifecycle")
        if card.provider == provider and source is not None and card.lifecycle != Lifecycle():
            assert {card.id, *card.aliases} & known or "page" in source.title, card.ref


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_built_without_pydantic_is_what_pydantic_builds(provider: str) -> None:
    own = [card for card in CARDS if card.provider == provider]
    assert own
    for card in own:
        assert ModelCard.model_validate(card.model_dump()) == card
        assert ModelCard.model_validate_json(card.model_dump_json()) == card


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_shipped_card_is_built_the_fast_way(provider: str) -> None:
    from modelyard.catalog import loader

    content = (ROOT / f"plugins/{provider}/src/modelyard_{provider}/models.json").read_bytes()
    slow: list[str] = []

    class Watching(Constructor):
        def make(self, facts: dict[str, Any]) -> ModelCard | None:
            made = super().make(facts)
            slow.extend([] if made is not None else [str(facts["id"])])
            return made

    watching = Watching(provider)
    document = from_json(content)
    sources = {name: watching.source(facts) for name, facts in document["sources"].items()}
    families = {
        name: loader.merge_facts(document["defaults"], each) for name, each in document["families"].items()
    }
    families[""] = document["defaults"]
    for entry in document["models"]:
        loader._card(entry, watching, families, sources, "models.json", [])
    assert slow == []


def test_f08_no_label_is_a_raw_id_and_none_is_used_twice() -> None:
    labels = [(card.provider, card.label) for card in CARDS]
    assert len(set(labels)) == len(labels)
    own_names = re.compile(r"o\d")  # OpenAI writes these small itself
    raw = [card.ref for card in CARDS if card.label == card.id or not card.label[0].isupper()]
    assert [ref for ref in raw if not own_names.match(ref.partition(":")[2])] == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_states_its_retention(provider: str) -> None:
    for card in CARDS:
        if card.provider == provider:
            assert card.retention.default_days is not None
            assert card.retention.zero_retention == "by_contract"
            assert card.retention.trains is False
            assert card.retention.stateful


def test_fable_and_mythos_are_kept_for_thirty_days_whatever_the_contract() -> None:
    kept = {card.id for card in CARDS if card.retention.minimum_days == 30}
    assert {"claude-fable-5", "claude-mythos-5", "claude-fable-5-2"} <= kept
    assert all("fable" in model or "mythos" in model for model in kept)

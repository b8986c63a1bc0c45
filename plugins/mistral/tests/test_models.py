"""Model cards: valid, sourced, and true to what the sources say."""

from __future__ import annotations

import json
import pkgutil
from datetime import date
from typing import Any, get_args

import pytest

from modelyard import Runtime
from modelyard.catalog.card import Context, Lifecycle, ModelCard
from modelyard.catalog.loader import load_cards
from modelyard.catalog.pricing import cost_of, price_at
from modelyard.types.usage import Usage

CARDS = load_cards("modelyard_mistral", "mistral")
CURRENT = [
    "mistral-large-4",
    "mistral-medium-3-5",
    "mistral-small-2603",
    "mistral-large-2512",
    "zai-glm-5-3",
    "zai-glm-5-3-flash",
    "deepseek-v4-1-flash-1017",
    "ministral-14b-2512",
    "ministral-8b-2512",
    "ministral-3b-2512",
    "codestral-2508",
    "voxtral-small-2507",
]
DEPRECATED = ["devstral-2512", "magistral-medium-latest", "magistral-small-latest"]


def card(model: str) -> ModelCard:
    return next(entry for entry in CARDS if entry.id == model)


def test_every_documented_model_has_a_card() -> None:
    assert [entry.id for entry in CARDS] == CURRENT + DEPRECATED


def test_ids_and_aliases_name_one_model_each() -> None:
    names = [name for entry in CARDS for name in (entry.id, *entry.aliases)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("entry", CARDS, ids=lambda entry: entry.id)
def test_every_group_of_figures_has_a_source(entry: ModelCard) -> None:
    groups = {
        "limits": entry.limits.context_window is not None,
        "capabilities": bool(entry.capabilities),
        "reasoning": entry.reasoning.tier != "none",
        "lifecycle": entry.lifecycle != Lifecycle(),
        "prices": bool(entry.prices),
        "retention": entry.retention.default_days is not None,
    }
    assert set(entry.sources) == {name for name, stated in groups.items() if stated}


@pytest.mark.parametrize("entry", CARDS, ids=lambda entry: entry.id)
def test_reasoning_is_stated_in_both_places_or_in_none(entry: ModelCard) -> None:
    assert bool(entry.capability("reasoning")) == (entry.reasoning.tier != "none")


@pytest.mark.parametrize("entry", CARDS, ids=lambda entry: entry.id)
def test_no_output_limit_is_made_up(entry: ModelCard) -> None:
    stated = {"zai-glm-5-3": 128_000}  # Mistral's page of the model; of its own models it states none
    assert entry.limits.max_output_tokens == stated.get(entry.id)


def test_each_context_has_one_default_and_it_is_current() -> None:
    defaults = [context for entry in CARDS for context in entry.default_contexts]
    assert sorted(defaults) == sorted(get_args(Context))
    assert all(entry.lifecycle.deprecated is None for entry in CARDS if entry.default_contexts)


def test_replacements_are_models_of_the_catalog() -> None:
    ids = {entry.id for entry in CARDS}
    assert all(entry.lifecycle.replacement in ids for entry in CARDS if entry.lifecycle.deprecated)


@pytest.mark.parametrize(
    ("alias", "model"),
    [
        ("mistral-large-latest", "mistral-large-2512"),
        ("mistral-medium-latest", "mistral-medium-3-5"),
        ("mistral-small-latest", "mistral-small-2603"),
        ("mistral-large-4-0", "mistral-large-4"),
        ("codestral-latest", "codestral-2508"),
    ],
)
def test_aliases_lead_to_their_model(alias: str, model: str) -> None:
    catalog = Runtime({"mistral": {"api_key": "k"}}, plugins=["mistral"]).catalog
    assert any(entry.id == model and alias in entry.aliases for entry in catalog)


@pytest.mark.parametrize(
    ("model", "day", "expected"),
    [
        ("mistral-large-4", date(2026, 10, 19), (0.68, 2.09)),
        ("mistral-large-4", date(2026, 10, 20), (1.36, 4.18)),
        ("mistral-large-4", date(2026, 10, 29), (0.7, 2.1)),
        ("voxtral-small-2507", date(2026, 8, 10), (0.1, 0.3)),
        ("voxtral-small-2507", date(2026, 8, 11), (0.1, 0.4)),
        ("mistral-small-2603", date(2026, 11, 22), (0.15, 0.6)),
    ],
)
def test_prices_follow_their_dates(model: str, day: date, expected: tuple[float, float]) -> None:
    step = price_at(card(model).prices, day, 1000)
    assert step is not None
    assert (step.input, step.output) == expected


def test_cached_tokens_cost_a_tenth() -> None:
    usage = Usage(input_tokens=2_000_000, cached_input_tokens=1_000_000, output_tokens=0)
    cost, _ = cost_of(usage, card("mistral-medium-3-5"), date(2026, 11, 22))
    assert cost is not None
    assert cost.total == pytest.approx(1.5 + 0.15)


def test_the_file_names_no_source_it_does_not_use() -> None:
    content = pkgutil.get_data("modelyard_mistral", "models.json")
    assert content is not None
    document: dict[str, Any] = json.loads(content)
    entries = [*document["families"].values(), *document["models"], document["defaults"]]
    used = {source for entry in entries for source in entry.get("sources", {}).values()}
    assert used == set(document["sources"])

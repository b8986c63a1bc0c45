"""Cards, catalog and prices: facts with sources, unknown where nothing is known."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from modelyard import Completion, ConfigurationError, Message, ModelCard, ModelRef, NoRouteError, Usage
from modelyard.catalog.card import PriceStep
from modelyard.catalog.catalog import Catalog
from modelyard.catalog.library_prices import library_name
from modelyard.catalog.loader import parse_cards
from modelyard.catalog.pricing import CardPrices, cost_of, price_at
from modelyard.types.record import AttemptRecord, Record

DOCUMENT: dict[str, Any] = {
    "sources": {"docs": {"title": "The model page", "as_of": "2026-11-22"}},
    "families": {
        "big": {
            "capabilities": {"tools": "supported", "images": {"state": "partial", "limits": "PNG only"}},
            "limits": {"context_window": 1000},
            "sources": {"capabilities": "docs", "limits": "docs"},
        }
    },
    "models": [
        {"id": "m-2", "label": "M 2", "family": "big", "aliases": ["m-latest"], "default_contexts": ["chat"]},
        {
            "id": "m-1",
            "label": "M 1",
            "family": "big",
            "capabilities": {"images": "unsupported"},
            "limits": {"max_output_tokens": 100},
        },
    ],
}


def cards(document: dict[str, Any] = DOCUMENT) -> tuple[ModelCard, ...]:
    return parse_cards(json.dumps(document).encode(), "acme", "acme/models.json")


def test_models_inherit_from_their_family_group_by_group() -> None:
    newer, older = cards()
    assert (newer.ref, older.ref) == ("acme:m-2", "acme:m-1")
    assert older.capability("tools").state == "supported"
    assert older.capability("images").state == "unsupported"
    assert (older.limits.context_window, older.limits.max_output_tokens) == (1000, 100)
    assert newer.sources["limits"].as_of == date(2026, 11, 22)


def test_what_a_card_does_not_say_is_unknown() -> None:
    card = cards()[0]
    assert card.capability("audio").state == "unknown"
    assert not card.capability("audio")
    assert card.capability("images")
    assert not ModelCard.unknown("acme", "new").known


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"id": "x"}, "model 'x', label"),
        ({"id": "x", "label": "X", "family": "huge"}, "unknown family 'huge'"),
        ({"id": "x", "label": "X", "sources": {"limits": "blog"}}, "unknown source 'blog'"),
        ({"id": "x", "label": "X", "capabilities": {"tools": "partial"}}, "must say what its limits are"),
    ],
)
def test_a_malformed_card_is_named_with_its_key(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        cards({**DOCUMENT, "models": [change]})
    assert complaint in str(caught.value)
    assert "acme/models.json" in str(caught.value)


def test_a_file_that_is_no_json_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"acme/models\.json is not valid JSON"):
        parse_cards(b"{", "acme", "acme/models.json")


def test_finding_cards() -> None:
    catalog = Catalog(cards(), ready=["acme"])
    assert len(catalog) == 2
    assert catalog.get("acme:m-latest") is catalog.get("acme:m-2")
    assert "acme:m-3" not in catalog
    assert [card.id for card in catalog.find(needs=["tools", "images"])] == ["m-2"]
    assert catalog.find(provider="other") == ()
    assert catalog.resolve(ModelRef("acme", "m-3")).id == "m-3"
    assert catalog.suggest(ModelRef("acme", "m-lates")) == "Did you mean 'm-latest'?"
    assert catalog.suggest(ModelRef("acme", "gpt-9")) is None
    assert repr(catalog) == "<Catalog of 2 models from acme>"


def test_a_default_needs_a_provider_with_a_credential() -> None:
    assert Catalog(cards(), ready=["acme"]).default("chat").id == "m-2"
    with pytest.raises(NoRouteError) as caught:
        Catalog(cards()).default("chat")
    assert caught.value.candidates == (("acme:m-2", "no credential was found for its provider"),)
    with pytest.raises(NoRouteError, match="Install a provider plugin"):
        Catalog(()).default("doc")


def test_the_description_for_a_selector() -> None:
    described = Catalog(cards(), ready=["acme"]).describe()
    assert described["providers"] == [{"provider_id": "acme", "status": "ready"}]
    assert described["models"][0] == {
        "provider_id": "acme",
        "model_id": "m-2",
        "label": "M 2",
        "reasoning_tier": "none",
        "supports_tools": True,
        "supports_streaming": False,
        "default_contexts": ["chat"],
    }
    assert described["defaults"] == [{"context": "chat", "provider_id": "acme", "model_id": "m-2"}]
    assert json.loads(json.dumps(described)) == described


STEPS = (
    PriceStep(input=2, output=10, cache_read=0.2),
    PriceStep(input=4, output=15, cache_read=0.4, above_input_tokens=200_000),
    PriceStep(input=6, output=20, starts=date(2026, 12, 1)),
)


@pytest.mark.parametrize(
    ("day", "tokens", "price"),
    [
        (date(2026, 11, 30), 199_000, 2),
        (date(2026, 11, 30), 200_000, 2),
        (date(2026, 11, 30), 200_001, 4),
        (date(2026, 12, 1), 10, 6),
        (date(2030, 1, 1), 500_000, 6),
        (date(2026, 11, 30), 0, 2),
    ],
)
def test_the_price_depends_on_the_day_and_the_size(day: date, tokens: int, price: float) -> None:
    step = price_at(STEPS, day, tokens)
    assert step is not None
    assert step.input == price


def test_cached_and_written_tokens_have_their_own_price() -> None:
    card = ModelCard(provider="acme", id="m", label="M", prices=STEPS)
    usage = Usage(input_tokens=1000, cached_input_tokens=600, cache_write_tokens=100, output_tokens=50)
    cost, reason = cost_of(usage, card, date(2026, 11, 1))
    assert reason is None
    assert cost is not None
    assert cost.input == pytest.approx(300 * 2 / 1e6)
    assert cost.cached_input == pytest.approx(600 * 0.2 / 1e6)
    assert cost.cache_write == pytest.approx(100 * 2 / 1e6)
    assert cost.total == pytest.approx(cost.input + cost.cached_input + cost.cache_write + 50 * 10 / 1e6)


def test_an_unknown_cost_has_a_reason_and_is_not_zero() -> None:
    priced = ModelCard(provider="acme", id="m", label="M", prices=STEPS)
    free = ModelCard.unknown("acme", "new")
    usage = Usage(input_tokens=1, output_tokens=1)
    assert cost_of(usage, free, date(2026, 1, 1)) == (
        None,
        f"no price is known for acme:new: its card has none, and {library_name()} does not list it",
    )
    assert cost_of(Usage(), priced, date(2026, 1, 1)) == (None, "the provider sent no usage")
    later = priced.model_copy(update={"prices": STEPS[2:]})
    assert cost_of(usage, later, date(2026, 1, 1))[1] == "no price of acme:m was in force on 2026-01-01"


def test_a_completion_is_priced_on_the_day_of_its_attempt() -> None:
    attempt = AttemptRecord(deployment="acme:m", number=1, started=1_796_200_000, duration=1, outcome="ok")
    completion = Completion(
        message=Message.assistant("Hi"),
        finish_reason="stop",
        usage=Usage(input_tokens=1_000_000, output_tokens=0),
        provider="acme",
        model="m",
        record=Record(attempts=(attempt,)),
    )
    assert completion.cost is None
    assert completion.cost_unknown_because == "the answer is not tied to a model card"
    cost = completion.priced_by(CardPrices(ModelCard(provider="acme", id="m", label="M", prices=STEPS[::2]))).cost
    assert cost is not None
    assert cost.total == 6.0


def test_cards_never_change() -> None:
    with pytest.raises(ValidationError):
        cards()[0].label = "Other"  # type: ignore[misc]

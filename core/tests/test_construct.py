"""Cards made without pydantic's validators are those that pydantic would make, read off the same annotations."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.catalog.card import ModelCard
from modelyard.catalog.construct import Constructor

FULL: dict[str, Any] = {
    "id": "one",
    "label": "One",
    "kind": "chat",
    "aliases": ["uno"],
    "limits": {"context_window": 200_000},
    "capabilities": {"tools": "supported", "images": {"state": "partial", "limits": "no GIF"}},
    "reasoning": {"tier": "deep", "control": None, "efforts": ["low", "high"], "default": "low"},
    "tool_choice": ["auto", "none"],
    "rules": {"anything": [1, {}]},
    "default_contexts": ["chat"],
    "lifecycle": {"released": "2026-01-31", "replacement": None},
    "prices": [{"input": 1, "output": 2.5}, {"input": 2, "output": 5, "starts": "2027-01-01"}],
    "retention": {"default_days": 30, "trains": False, "regions": {"eu": {"fields": {"a": 1}}}},
    "sources": {"limits": {"title": "Docs", "as_of": "2026-11-22"}},
}


def test_a_card_is_the_one_pydantic_makes_down_to_the_fields_that_were_given() -> None:
    made = Constructor("acme").make(FULL)
    validated = ModelCard.model_validate({"provider": "acme", **FULL})
    assert made is not None
    assert made == validated
    assert made.model_dump_json() == validated.model_dump_json()
    assert made.model_fields_set | {"provider"} == validated.model_fields_set
    assert made.retention.model_fields_set == validated.retention.model_fields_set


def test_every_field_a_file_may_state_is_read_without_pydantic() -> None:
    assert set(ModelCard.model_fields) - set(FULL) == {"provider", "known", "extra", "apis"}
    assert Constructor("acme").make({**FULL, "apis": ["chat"]}) is not None


@pytest.mark.parametrize(
    "odd",
    [
        {"id": None},
        {"kind": "telepathy"},
        {"kind": None},
        {"aliases": "uno"},
        {"limits": {"context_window": "200000"}},
        {"limits": {"context_window": True}},
        {"limits": {"windows": 1}},
        {"capabilities": {"tools": "partial"}},
        {"capabilities": {"telepathy": "supported"}},
        {"reasoning": {"efforts": [["low"]]}},
        {"lifecycle": {"released": "soon"}},
        {"prices": [{"input": 1}]},
        {"retention": {"minimum_days": None}},
        {"rules": []},
        {"provider": "other"},
        {"field_of_tomorrow": 1},
    ],
    ids=str,
)
def test_whatever_is_not_plainly_right_is_left_to_pydantic(odd: dict[str, Any]) -> None:
    assert Constructor("acme").make({**FULL, **odd}) is None


def test_a_card_without_a_label_is_left_to_pydantic() -> None:
    assert Constructor("acme").make({"id": "one"}) is None

"""The folders of the core import each other one way only, and the page that draws them is current."""

from __future__ import annotations

import pytest

from . import architecture
from .architecture import LAYERS, ORDER, PAGE

BACKWARD_FOR_TYPES = {
    ("calls", "runs"): "the options of a call are those of a run too",
    ("catalog", "deployments"): "a description of the catalog says which models can be called",
    ("catalog", "loading"): "the store asks the registry for the cards of the plugins",
    ("credentials", "config"): "the keys of a provider's settings",
    ("errors", "runs"): "an error of a run carries its state",
    ("errors", "types"): "errors carry completions and records",
    ("jsonio", "types"): "the alias for an object of JSON",
    ("loading", "deployments"): "observers and readiness look at deployments",
    ("runs", "runtime"): "a run asks its runtime for answers",
    ("tools", "runs"): "limits of a run hold for its tools",
    ("types", "catalog"): "rules of a provider are changed by those of a card",
    ("types", "history"): "a request remembers what the core changed in it",
}
"""Imports for the type checker only that run against the order, and why they are there."""


def test_every_folder_has_a_place_in_the_order() -> None:
    known = {architecture.folder_of(name) for name in architecture.modules()}
    assert known == set(ORDER)
    assert len(ORDER) == len(set(ORDER))


def test_imports_at_run_time_go_one_way_only() -> None:
    assert architecture.backward("run") == set()


def test_imports_for_types_that_go_the_other_way_are_listed() -> None:
    assert architecture.backward("types") == set(BACKWARD_FOR_TYPES)


@pytest.mark.parametrize("kind", ["run", "types"])
def test_types_stand_on_the_ground(kind: architecture.Kind) -> None:
    allowed = {*LAYERS[0][1].split(), *({"catalog", "history"} if kind == "types" else ())}
    assert architecture.arrows(kind)["types"] <= allowed


def test_the_picture_in_the_page_is_that_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert architecture.with_picture(page) == page, "run make architecture"

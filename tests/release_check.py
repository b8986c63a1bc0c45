"""What must hold on the day of a release: ``make release-check``, with ``TAG=v<version>`` for the tag's rule too.

These checks read the calendar, so the suite does not collect them: an unchanged checkout stays green for ever.
"""

from __future__ import annotations

import os
import re
from datetime import date, timedelta

import pytest

import modelyard
from modelyard import ModelCard, Runtime

from .conftest import PROVIDERS
from .fresh import ROOT

CARDS = tuple(Runtime(plugins=PROVIDERS, catalog_cache=False).catalog)
TAG = os.environ.get("TAG", "")
OLDEST = timedelta(days=120)
"""Providers change prices and names every few weeks; a figure of two quarters ago is a guess."""

tagged = pytest.mark.skipif(not TAG, reason="no TAG=v<version> was given")


def released(version: str) -> date | None:
    """The day the changelog gives a version; none while it is unreleased or not in it."""
    heading = rf"^## {re.escape(version)} - (\d{{4}}-\d\d-\d\d)$"
    found = re.search(heading, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    return None if found is None else date.fromisoformat(found[1])


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.ref)
def test_no_figure_is_older_than_120_days_at_the_release(card: ModelCard) -> None:
    day = released(modelyard.__version__) or date.today()
    oldest = min(source.as_of for source in card.sources.values())
    assert oldest >= day - OLDEST, f"read {card.ref} up again"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.ref)
def test_no_default_is_about_to_retire(card: ModelCard) -> None:
    day = released(modelyard.__version__) or date.today()
    if card.default_contexts:
        retires = card.lifecycle.retires
        assert retires is None or retires > day + OLDEST, f"{card.ref} is no default any more"


@tagged
def test_the_tag_is_the_version() -> None:
    assert f"v{modelyard.__version__}" == TAG, "core/src/modelyard/__init__.py says otherwise"


@tagged
def test_the_changelog_dates_the_version() -> None:
    day = released(modelyard.__version__)
    assert day is not None, f"CHANGELOG.md has no '## {modelyard.__version__} - <date>'"
    assert abs(date.today() - day) <= timedelta(days=3), f"CHANGELOG.md says {day}"

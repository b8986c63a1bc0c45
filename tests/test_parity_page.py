"""The parity page says what the criteria find, for every card."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from modelyard.testing.parity import CRITERIA, measure, render

PAGE = Path(__file__).parents[1] / "docs" / "parity.md"


async def test_the_page_is_what_make_parity_writes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="modelyard")
    cells = await measure()
    assert render(cells) == PAGE.read_text(encoding="utf-8"), "run: make parity"
    for ref, row in cells.items():
        assert set(row) == {one.id for one in CRITERIA}
        assert all(cell == "yes" or cell.startswith(("no: ", "partly: ")) for cell in row.values()), ref

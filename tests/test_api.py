"""The public interface changes on purpose only: a checked-in dump of its signatures is compared with the code."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest

from . import api
from .fresh import ROOT

CURRENT = api.files()
ADVICE = (
    "The public interface has changed. If it is meant, run `make api`, let CHANGELOG.md say what users and "
    "authors of plugins must know, and see docs/stability.md for what a release may change."
)


@pytest.mark.parametrize("path", CURRENT, ids=lambda path: path.stem)
def test_the_interface_of_a_public_module_is_the_one_checked_in(path: Path) -> None:
    stored = path.read_text(encoding="utf-8") if path.exists() else ""
    changes = difflib.unified_diff(stored.splitlines(), CURRENT[path].splitlines(), "checked in", "now", n=1)
    assert stored == CURRENT[path], "\n".join([ADVICE, *changes])


def test_no_dump_is_left_of_a_module_that_is_gone() -> None:
    assert set(api.FOLDER.glob("*.txt")) == set(CURRENT)


def test_the_page_on_stability_names_every_public_module_and_no_other() -> None:
    page = (ROOT / "docs/stability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(modelyard[a-z.]*)` \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(api.MODULES)


def test_the_dump_names_every_member_and_argument_a_caller_may_use() -> None:
    runtime = api.dump("modelyard")
    assert (
        "  async def complete(self, model: Models, messages: Messages, **options: Unpack[CallOptions])" in runtime
    )
    assert "    hedge_after: float | None = None,\n" in runtime
    assert "  temperature: float | None\n" in api.dump("modelyard.calls")
    assert "ModelCard: see modelyard.catalog" in runtime

"""Every rule of ``docs/known-failures.md`` has a test that carries its number, and every number is a rule's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "known-failures.md"
SECTIONS = {"A": 30, "B": 32, "C": 13, "D": 20, "E": 25, "F": 8, "G": 20}
NOT_APPLICABLE = {"G15", "G16"}
"""Explained at the end of the page."""
AWAITED: set[str] = set()
"""Rules whose tests do not carry their number yet."""


def _rules() -> list[str]:
    return re.findall(r"^\| ([A-G]\d\d) \| \S", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def _tested() -> Iterator[tuple[str, str]]:
    for folder in ("core/tests", "plugins", "tests"):
        for path in sorted((ROOT / folder).rglob("test_*.py")):
            for name, numbers in re.findall(
                r"def (test_((?:[a-g]\d\d_)+)\w*)\(", path.read_text(encoding="utf-8")
            ):
                for number in numbers.rstrip("_").split("_"):
                    yield number.upper(), f"{path.relative_to(ROOT)}::{name}"


def test_the_page_lists_every_rule_once() -> None:
    every = [f"{section}{number:02}" for section, count in SECTIONS.items() for number in range(1, count + 1)]
    assert _rules() == [number for number in every if number not in NOT_APPLICABLE]


def test_every_rule_has_a_test_that_carries_its_number() -> None:
    assert set(_rules()) - {number for number, _ in _tested()} - AWAITED == set()


def test_every_number_a_test_carries_is_a_rule() -> None:
    assert [name for number, name in _tested() if number not in _rules()] == []

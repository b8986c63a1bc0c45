"""Decisions are numbered, dated and in order, and a replaced one says by which."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[1] / "docs/decisions.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"^### (\d+)\. (.+)\n\n(\d{4}-\d\d-\d\d)\.((?: .+)?)\n(?:\n|\Z)", re.MULTILINE)
ENTRIES = {int(number): (title, date.fromisoformat(day), body) for number, title, day, body in ENTRY.findall(TEXT)}


def _numbers(what: str, body: str) -> list[int]:
    found = re.search(rf"{what}:? ((?:\d+(?:, | and )?)+)\.", body)
    return [int(number) for number in re.findall(r"\d+", found[1])] if found else []


def test_every_entry_has_its_number_its_date_and_blank_lines_around_it() -> None:
    assert list(ENTRIES) == list(range(1, TEXT.count("\n### ") + 1))


def test_the_newest_stand_last() -> None:
    days = [day for _, day, _ in ENTRIES.values()]
    assert days == sorted(days)


def test_no_title_comes_twice() -> None:
    titles = [title for title, _, _ in ENTRIES.values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("number", ENTRIES)
def test_an_entry_and_the_one_that_replaced_it_name_each_other(number: int) -> None:
    body = ENTRIES[number][2]
    for older in _numbers("Replaces", body):
        assert older < number
        assert number in _numbers("Replaced by", ENTRIES[older][2])
    for newer in _numbers("Replaced by", body):
        assert number in _numbers("Replaces", ENTRIES[newer][2])

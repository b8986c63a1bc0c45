"""Every fault comes to what ``docs/reliability.md`` says, for each provider, policy and way of asking."""

from __future__ import annotations

import pytest

from . import fault_matrix
from .fault_matrix import CASES, PAGE, Case, render, rows_of, warm_up


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_fault_comes_to_what_the_page_says(case: Case) -> None:
    await warm_up()
    page = PAGE.read_text(encoding="utf-8")
    for line in render(await rows_of(case)).splitlines()[2:]:
        assert line in page, f"docs/reliability.md does not hold this row; run `make reliability`:\n{line}"


def test_the_page_names_no_fault_that_is_not_run() -> None:
    _, _, table = PAGE.read_text(encoding="utf-8").partition(fault_matrix.BEGIN)
    named = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][1:]
    faults = [case.name for case in CASES]
    assert [name for name in named if name in faults] == faults
    assert all(any(name.startswith(fault) for fault in faults) for name in named)

"""Hostile providers, stored runs and terminals: what `make attack` holds, in its short form."""

from __future__ import annotations

import sys

import pytest

from .attack.cases import CASES, WIRES
from .attack.drive import attack
from .attack.plan import jobs
from .attack.report import BEGIN, END, PAGE, measured
from .attack.states import STATES
from .attack.terminal import TERMINALS

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@pytest.mark.slow
@linux
async def test_hostile_input_ends_in_a_typed_error_or_a_sound_answer_within_its_bounds() -> None:
    seen = await attack(jobs(short=True))
    assert [problem for one in seen for problem in one.problems] == []


def rows() -> list[list[str]]:
    """The cells of the page's table."""
    table = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_the_page_lists_every_attack_and_each_is_held() -> None:
    asked = list(dict.fromkeys((job.case, job.mode) for job in jobs()))
    assert [(name, mode) for name, mode, *_ in rows()] == asked
    assert {held for *_, held in rows()} == {"yes"}


def test_the_table_has_the_bounds_of_today() -> None:
    for name, _, _, memory, stood, _ in rows():
        assert (memory, stood) == tuple(measured(name, memory.split()[0], stood.split()[0] if stood else ""))


def test_every_case_is_asked_at_every_provider_whole_and_streamed_where_there_are_both() -> None:
    assert len({case.name for case in (*CASES, *STATES, *TERMINALS)}) == len([*CASES, *STATES, *TERMINALS])
    providers = {wire.partition("-")[0] for wire in WIRES}
    assert providers == {"claude", "gemini", "mistral", "openai"}
    for name in {job.case for job in jobs()}:
        assert {job.wire.partition("-")[0] for job in jobs() if job.case == name} == providers

"""Reasoning between tags is told from the answer wherever the pieces are cut."""

from __future__ import annotations

import pytest

from modelyard.streaming.think_tags import ThinkTags


def split(*pieces: str) -> tuple[str, str]:
    """The reasoning and the answer in some pieces of text."""
    tags = ThinkTags()
    found = [item for piece in pieces for item in tags.feed(piece)] + list(tags.end())
    assert all(text for _, text in found)
    reasoning = "".join(text for kind, text in found if kind == "reasoning")
    return reasoning, "".join(text for kind, text in found if kind == "text")


WHOLE = "\n<think>Hm, 1 < 2.</thin</think>\nYes."


@pytest.mark.parametrize("at", range(len(WHOLE) + 1))
def test_b29_a_tag_split_anywhere_is_a_tag(at: int) -> None:
    assert split(WHOLE[:at], WHOLE[at:]) == ("Hm, 1 < 2.</thin", "\nYes.")


def test_b29_one_character_at_a_time() -> None:
    assert split(*WHOLE) == ("Hm, 1 < 2.</thin", "\nYes.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No tags.", ("", "No tags.")),
        ("  <thinking> is a word", ("", "  <thinking> is a word")),
        ("Use <think>this</think>.", ("", "Use <think>this</think>.")),
        ("<think>never closed", ("never closed", "")),
        ("<think></think>Only an answer.", ("", "Only an answer.")),
        ("<thi", ("", "<thi")),
        ("   ", ("", "   ")),
        ("", ("", "")),
    ],
)
def test_b29_only_a_tag_before_the_answer_is_one(text: str, expected: tuple[str, str]) -> None:
    assert split(text) == split(*text) == expected


def test_after_the_closing_tag_nothing_is_looked_for() -> None:
    tags = ThinkTags()
    assert list(tags.feed("<think>a</think>b")) == [("reasoning", "a"), ("text", "b")]
    assert tags.over
    assert list(tags.feed("<think>")) == [("text", "<think>")]

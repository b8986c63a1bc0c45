"""Reporter: what a plugin changes is said once, however often it meets it."""

from __future__ import annotations

import logging

import pytest

from modelyard import UnsupportedFeatureError
from modelyard.provider import Reporter


def test_what_is_said_again_is_noted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    reporter = Reporter("warn", "acme:one")
    with caplog.at_level(logging.WARNING, "modelyard"):
        for _ in range(3):
            reporter.drop("name", "no names of speakers")
            reporter.note("messages", "converted", "files follow their result")
    report = reporter.report()
    assert report is not None
    assert [(note.field, note.action) for note in report.notes] == [("name", "dropped"), ("messages", "converted")]
    assert [record.getMessage() for record in caplog.records] == [
        "acme:one: name was dropped: no names of speakers"
    ]


def test_another_reason_is_another_note() -> None:
    reporter = Reporter("drop", "acme:one")
    reporter.drop("cache", "a tool cannot carry it")
    reporter.drop("cache", "a text cannot carry it")
    reporter.clamp("cache", "a text cannot carry it")
    report = reporter.report()
    assert report is not None
    assert len(report.about("cache")) == 3


def test_a_caller_who_wants_no_change_is_told_every_time() -> None:
    reporter = Reporter("error", "acme:one")
    for _ in range(2):
        with pytest.raises(UnsupportedFeatureError, match="acme:one does not take seed"):
            reporter.drop("seed", "it has none")

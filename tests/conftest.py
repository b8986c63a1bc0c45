"""What the whole-system tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CORPUS = Path(os.environ.get("MODELYARD_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")
"""Recorded provider traffic, kept beside the project; tests that need it say so when it is absent."""


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and URLs of the developer's environment must not leak into a test."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "ANTHROPIC_", "MISTRAL_", "GEMINI_", "GOOGLE_", "MODELYARD_")):
            monkeypatch.delenv(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the counts tests recorded, so that nothing is left out silently."""
    lines = [
        f"{name}: {value}"
        for outcome in ("passed", "failed", "skipped")
        for report in terminalreporter.stats.get(outcome, [])
        for name, value in getattr(report, "user_properties", [])
    ]
    if lines:
        terminalreporter.section("counts")
        for line in sorted(set(lines)):
            terminalreporter.write_line(line)

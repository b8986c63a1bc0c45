"""What the whole-system tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelyard import Completion, Runtime
from modelyard.testing import Emulator, load_dialects

CORPUS = Path(os.environ.get("MODELYARD_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")
"""Recorded provider traffic, kept beside the project; tests that need it say so when it is absent."""

PROVIDERS = ("claude", "gemini", "mistral", "openai")
VARIANTS = (*PROVIDERS, "openai-chat")
"""Every wire format: the four providers, and OpenAI's second API."""


@dataclass(frozen=True, slots=True)
class Emulated:
    """An emulator and how to reach it through a runtime."""

    provider: str
    reference: str
    emulator: Emulator
    settings: dict[str, Any]

    def runtime(self, **arguments: Any) -> Runtime:
        """A runtime that knows this provider only; without retries unless told."""
        arguments.setdefault("max_attempts", 1)
        return Runtime({self.provider: self.settings}, plugins=[self.provider], **arguments)


@pytest.fixture(params=VARIANTS)
def emulated(request: pytest.FixtureRequest) -> Iterator[Emulated]:
    """Each wire format in turn, emulated."""
    provider, _, api = str(request.param).partition("-")
    with Emulator(load_dialects([provider])[provider]) as emulator:
        settings: dict[str, Any] = {**emulator.settings()}
        if api:
            settings["options"] = {"api": api}
        yield Emulated(provider, f"{provider}:{emulator.dialect.model}", emulator, settings)


async def ask(
    runtime: Runtime, reference: str, *, stream: bool, messages: Any = "Hi", **options: Any
) -> Completion:
    """Ask for a whole answer, or for a stream and collect it."""
    if stream:
        return await runtime.stream(reference, messages, **options).collect()
    return await runtime.complete(reference, messages, **options)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and URLs of the developer's environment must not leak into a test."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "ANTHROPIC_", "MISTRAL_", "GEMINI_", "GOOGLE_", "MODELYARD_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)  # no list of models of the developer's either


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


def variant_settings(variant: str, url: str) -> tuple[str, str, dict[str, Any]]:
    """The provider, a model reference and the settings to reach a wire format at some server."""
    provider, _, api = variant.partition("-")
    settings: dict[str, Any] = {"api_key": "test-key", "base_url": url}
    if api:
        settings["options"] = {"api": api}
    return provider, f"{provider}:{load_dialects([provider])[provider].model}", settings

"""The acceptance scenario runs over the emulators as it would against the real endpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from modelyard.testing import Emulator, Script, load_dialects
from modelyard.testing.live import STEPS, main
from modelyard.testing.server import Received

from .conftest import PROVIDERS
from .test_documentation import KEYS


def answer(received: Received) -> Script:
    """What a model would answer to each step of the scenario."""
    asked = json.dumps(received.json)
    if "18 degrees" in asked:
        return Script().say("It is 18 degrees in Paris.")
    if "What is the weather" in asked:
        return Script().call("get_weather", city="Paris")
    if "capital of France" in asked:
        return Script().say('{"city": "Paris"}')
    return Script().say("Ready.")


@pytest.fixture
def emulators(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Emulator]]:
    """Every provider emulated, and set up by the environment alone."""
    with ExitStack() as stack:
        started: dict[str, Emulator] = {}
        for name, dialect in load_dialects(PROVIDERS).items():
            started[name] = stack.enter_context(Emulator(dialect, default=answer))
            monkeypatch.setenv(f"MODELYARD_{name.upper()}_BASE_URL", started[name].url)
            monkeypatch.setenv(KEYS[name], "test-key")
        yield started


def test_every_step_is_accepted_from_every_provider(
    emulators: dict[str, Emulator], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert printed.count(" ok") == len(PROVIDERS) * len(STEPS)
    assert "4 providers accepted" in printed
    assert all(emulator.requests and not emulator.rejected for emulator in emulators.values())


def test_a_provider_without_a_key_is_skipped_by_name(
    emulators: dict[str, Emulator], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEYS["mistral"])
    assert main([]) == 0
    assert "skipped mistral: no key is set" in capsys.readouterr().out
    assert emulators["mistral"].requests == []


def test_a_failing_step_is_told_and_makes_the_run_fail(
    emulators: dict[str, Emulator], capsys: pytest.CaptureFixture[str]
) -> None:
    emulators["gemini"].default = Script().say("No.")
    assert main(["gemini:gemini-3.5-flash"]) == 1
    printed = capsys.readouterr().out
    assert "FAILED" in printed
    assert "gemini:gemini-3.5-flash chat: Failed: the model answered 'No.'" in printed

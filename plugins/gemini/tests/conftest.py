"""What the Gemini tests share: the strict emulator, and a runtime that calls it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from modelyard import Runtime
from modelyard.testing import Emulator
from modelyard_gemini.dialect import DIALECT


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and URLs of the developer's environment must not leak into a test."""
    for name in list(os.environ):
        if name.startswith(("GEMINI_", "GOOGLE_", "MODELYARD_")):
            monkeypatch.delenv(name)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(DIALECT) as running:
        yield running


@pytest.fixture
async def runtime(emulator: Emulator) -> AsyncIterator[Runtime]:
    settings = {"gemini": emulator.settings()}
    async with Runtime(settings, max_attempts=1, plugins=["gemini"]) as running:
        yield running

"""What the Gemini tests share: the strict emulator, and a runtime that calls it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from modelyard import Runtime
from modelyard.testing import Emulator
from modelyard.types.base import JsonObject

from .sdk_check import CheckedDialect


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and URLs of the developer's environment must not leak into a test."""
    for name in list(os.environ):
        if name.startswith(("GEMINI_", "GOOGLE_", "MODELYARD_")):
            monkeypatch.delenv(name)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """The strict emulator; every request it accepts must fit the types of Google's SDK too."""
    dialect = CheckedDialect()
    with Emulator(dialect) as running:
        yield running
    assert dialect.problems == []


@pytest.fixture
async def runtime(emulator: Emulator) -> AsyncIterator[Runtime]:
    settings = {"gemini": emulator.settings()}
    async with Runtime(settings, max_attempts=1, plugins=["gemini"]) as running:
        yield running


def sent(emulator: Emulator) -> JsonObject:
    """The last body sent; nothing the emulator got may have been refused."""
    assert emulator.rejected == []
    body: JsonObject = emulator.requests[-1].json
    return body

"""What the tests of this plugin share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from modelyard.testing import Emulator
from modelyard_claude.dialect import DIALECT


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and URLs of the developer's environment must not leak into a test."""
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "AWS_", "MODELYARD_")):
            monkeypatch.delenv(name)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """The Messages API on loopback, as strict as the real one."""
    with Emulator(DIALECT) as running:
        yield running

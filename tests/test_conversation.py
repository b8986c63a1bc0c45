"""``modelyard chat`` in a terminal: what is typed or pasted is said, and nothing ends it but Ctrl-D."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator

import pytest

from modelyard.testing import Emulator, load_dialects

COMMAND = [sys.executable, "-c", "from modelyard.cli import main; main()", "chat", "-m", "openai:gpt-6-luna"]
END = b"\x04"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(load_dialects(["openai"])["openai"]) as running:
        yield running


def converse(emulator: Emulator, keys: bytes) -> int:
    """Type keys into a conversation, and give its exit code."""
    outer, inner = pty.openpty()
    os.write(outer, keys)
    with subprocess.Popen(
        COMMAND,
        env={**os.environ, "OPENAI_API_KEY": "test-key", "MODELYARD_OPENAI_BASE_URL": emulator.url},
        stdin=inner,
        stdout=inner,
        stderr=inner,
    ) as process:
        os.close(inner)
        while _read(outer):
            pass
        code = process.wait(timeout=60)
    os.close(outer)
    return code


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody has the other side open any more
        return b""


def questions(emulator: Emulator) -> list[str]:
    """The last turn of each request."""
    return [json.dumps(request.json["input"][-1]) for request in emulator.requests]


def test_u01_a_blank_line_does_nothing(emulator: Emulator) -> None:
    assert converse(emulator, b"\rHello there\r  \r" + END) == 0
    (question,) = questions(emulator)
    assert "Hello there" in question


def test_u03_nothing_of_a_paste_is_left_for_the_shell(emulator: Emulator) -> None:
    assert converse(emulator, b"Explain this script:\n\ntouch SOMETHING\n" + END) == 0
    first, second = questions(emulator)
    assert "Explain this script:" in first
    assert "touch SOMETHING" in second

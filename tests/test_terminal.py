"""What others say never gives orders to a terminal, and reaches a pipe as it was said."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from modelyard.testing import Emulator, Script, load_dialects

COMMAND = [sys.executable, "-c", "from modelyard.cli import main; main()"]
PIECES = (
    "Hello\x1b]0;owned\x07\x1b]52;c;cm0gLXJmIH4=\x07\x1b[2J\x1b[8m there",
    " \x9b31m \x7f\x08 [on cyan]m[/on cyan] :bomb: \u202eevil\u202c",
)
HOSTILE = "".join(PIECES)
SHOWN = HOSTILE.encode("unicode_escape").decode()
ORDERS = ("\x1b]", "\x07", "\x1b[2J", "\x1b[8m", "\x9b", "\x7f", "\x08", "\u202e", "\u202c", "\x1b[46m")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(load_dialects(["openai"])["openai"]) as running:
        yield running


def environment(emulator: Emulator | None, variables: Mapping[str, str]) -> dict[str, str]:
    own = {**os.environ, "COLUMNS": "400", "TERM": "xterm-256color", "PYTHONUTF8": "1", **variables}
    if emulator is not None:
        own |= {"OPENAI_API_KEY": "test-key-of-the-test", "MODELYARD_OPENAI_BASE_URL": emulator.url}
    return own


def on_terminal(
    *arguments: str, emulator: Emulator | None = None, variables: Mapping[str, str] | None = None
) -> str:
    """What a command writes to a terminal that is its standard input, output and error."""
    outer, inner = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(emulator, variables or {}),
        stdin=inner,
        stdout=inner,
        stderr=inner,
    ) as process:
        os.close(inner)
        written = b"".join(iter(lambda: _read(outer), b""))
        process.wait(timeout=60)
    os.close(outer)
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody has the other side open any more
        return b""


def on_pipe(
    *arguments: str, emulator: Emulator | None = None, variables: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """What a command writes to standard output and standard error when they are pipes."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        env=environment(emulator, variables or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.stdout.decode(), done.stderr.decode()


def assert_harmless(written: str, shown: str = SHOWN) -> None:
    assert shown in written
    assert [order for order in ORDERS if order in written] == []


ASK = ("chat", "-m", "openai:gpt-6-sol", "--reasoning", "hi")


def test_fault_a33_an_answer_shows_its_control_characters(emulator: Emulator) -> None:
    emulator.add(Script().think(HOSTILE).say(HOSTILE))
    assert_harmless(on_terminal(*ASK, emulator=emulator))


def test_fault_a33_a_sequence_cut_into_deltas_is_shown_too(emulator: Emulator) -> None:
    emulator.add(Script().say(*HOSTILE))
    assert_harmless(on_terminal(*ASK, emulator=emulator))


def test_fault_a33_a_pipe_gets_the_answer_as_it_is(emulator: Emulator) -> None:
    emulator.add(Script().say(HOSTILE))
    assert on_pipe(*ASK, emulator=emulator) == (f"{HOSTILE}\n", "")


def test_fault_a34_an_error_shows_its_control_characters(emulator: Emulator) -> None:
    emulator.add(Script().fail("invalid_request", HOSTILE))
    assert_harmless(on_terminal(*ASK, emulator=emulator))


def test_fault_a34_a_pipe_gets_the_error_as_it_is(emulator: Emulator) -> None:
    emulator.add(Script().fail("invalid_request", HOSTILE))
    assert HOSTILE in on_pipe(*ASK, emulator=emulator)[1]


def test_the_reason_of_a_retry_is_shown(emulator: Emulator) -> None:
    emulator.add(Script().fail("overloaded", HOSTILE, retry_after=0.01), Script().say("ok"))
    written = on_terminal(*ASK, emulator=emulator)
    assert [order for order in ORDERS if order in written] == []


@pytest.fixture
def bad_plugin(tmp_path: Path) -> dict[str, str]:
    """The environment in which an installed plugin fails with hostile words."""
    info = tmp_path / "bad_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[modelyard.providers]\nbad = bad_plugin\n")
    (tmp_path / "bad_plugin.py").write_text(f"raise RuntimeError({HOSTILE!r})\n")
    return {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize("command", ["plugins", "doctor"])
def test_a_plugin_that_fails_has_its_words_shown(command: str, bad_plugin: dict[str, str]) -> None:
    assert_harmless(on_terminal(command, variables=bad_plugin))


@pytest.fixture
def catalog(tmp_path: Path) -> dict[str, str]:
    """The environment in which a catalog file holds hostile words."""
    words = HOSTILE.replace("\x1b", "\\u001b").replace("\x07", "\\u0007").replace("\x08", "\\b")
    words = words.replace("\x7f", "\\u007f")
    path = tmp_path / "catalog.toml"
    path.write_text(
        f'[models."openai:house"]\nlike = "openai:gpt-6-sol"\nlabel = "{words}"\n'
        f'capabilities = {{ tools = {{ state = "partial", limits = "{words}" }} }}\n',
        encoding="utf-8",
    )
    return {"MODELYARD_CATALOG": str(path), "OPENAI_API_KEY": "test-key-of-the-test"}


def test_facts_of_a_catalog_file_are_shown(catalog: dict[str, str]) -> None:
    assert_harmless(on_terminal("models", "--needs", "tools", "--provider", "openai", variables=catalog))


@pytest.mark.parametrize(
    "arguments",
    [
        ("route", "hi", "-m", "openai:house", "--needs", "tools", "--strict"),
        ("route", "hi", "-m", f"openai:{HOSTILE}"),
        ("models", "--needs", HOSTILE.replace(" ", "")),
        ("models", "--json"),
    ],
)
def test_nothing_else_gives_orders_either(arguments: tuple[str, ...], catalog: dict[str, str]) -> None:
    written = on_terminal(*arguments, variables={**catalog, "NO_COLOR": "1"})
    assert [order for order in ORDERS if order in written] == []


def test_json_on_a_pipe_is_data(catalog: dict[str, str]) -> None:
    written, _ = on_pipe("models", "--json", "--provider", "openai", variables=catalog)
    assert "\x9b31m" in written

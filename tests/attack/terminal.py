"""A terminal that hostile text reaches through the command line, and the sequences that may not arrive there."""

from __future__ import annotations

import os
import pty
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from modelyard.testing import Script

from .hostility import honest, whole
from .upstream import Act, Ask, Pause, head

__all__ = ["TERMINALS", "TerminalCase", "outcome_of", "written_by"]

ORDERS = "\x1b]0;owned\x07\x1b]52;c;cm0gLXJmIH4=\x07\x1b[2J\x1b[8m\x9b31m\x7f"
"""Title, clipboard, clear screen, hidden text; in the eight-bit form too."""

FORBIDDEN = ("\x1b]", "\x07", "\x1b[2J", "\x1b[8m", "\x9b", "\x7f")


@dataclass(frozen=True, slots=True)
class TerminalCase:
    """What a provider says to a command on a terminal."""

    name: str
    act: Act
    outcomes: tuple[str, ...] = ("shown",)
    peak: int = 96
    seconds: float = 20.0


def _says(script: Script) -> Act:
    def act(ask: Ask) -> Iterable[bytes | Pause]:
        return whole(ask, honest(ask, script))

    return act


def _refuses(ask: Ask) -> Iterable[bytes | Pause]:
    reply = ask.dialect.error(Script().fail("invalid_request", f"Hello {ORDERS}").failure, ask.received)  # type: ignore[arg-type]
    body = b"".join(step for step in reply.steps if isinstance(step, bytes))
    yield head(400, "application/json", length=len(body)) + body


TERMINALS = (
    TerminalCase("orders to the terminal in an answer", _says(Script().say(f"Hello {ORDERS} there"))),
    TerminalCase("the same, a character at a time", _says(Script().say("Hello ", *ORDERS))),
    TerminalCase("the same in an error", _refuses),
)


def written_by(arguments: list[str]) -> tuple[str, int]:
    """What a command writes to a terminal, and the most memory it had, in bytes. Call it in a forked process."""
    child, terminal = pty.fork()
    if not child:
        from modelyard.cli import main

        signal.alarm(15)
        sys.argv = ["modelyard", *arguments]
        sys.stdin, sys.stdout, sys.stderr = (open(number, mode) for number, mode in enumerate(("r", "w", "w")))  # noqa: SIM115, PTH123
        try:
            main()
        except SystemExit:
            pass
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
    written = b"".join(iter(lambda: _read(terminal), b""))
    _, _, used = os.wait4(child, 0)
    return written.decode(errors="surrogateescape"), used.ru_maxrss * 1024


def outcome_of(written: str) -> str:
    """``shown`` when the words came and no order did, else what is wrong."""
    orders = [order for order in FORBIDDEN if order in written]
    if orders:
        return f"reached the terminal: {orders}"
    return "shown" if "Hello" in written else f"lost: {written[-200:]!r}"


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # how Linux says that nobody has the other side open any more
        return b""

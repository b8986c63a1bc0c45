"""The table of ``docs/security.md``: each attack, what came of it, and what it cost at most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .plan import ALL, Seen
from .terminal import TerminalCase

__all__ = ["BEGIN", "END", "PAGE", "measured", "render", "write"]

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
BEGIN, END = "<!-- the table below is written by `make attack` -->", "<!-- end of the table -->"
HEAD = "| attack | asked | what came of it | memory, MiB (bound) | loop stood, s (bound) | held |"
RULE = "|---|---|---|---|---|---|"


def write(seen: Sequence[Seen]) -> None:
    """Put the table into its page."""
    start, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, tail = rest.split(END)
    PAGE.write_text(f"{start}{BEGIN}\n\n{render(seen)}\n\n{END}{tail}", encoding="utf-8")


def render(seen: Sequence[Seen]) -> str:
    """A row for each case and way of asking: the worst of all APIs."""
    rows: dict[tuple[str, str], list[Seen]] = {}
    for one in seen:
        rows.setdefault((one.job.case, one.job.mode), []).append(one)
    return "\n".join([HEAD, RULE, *(_row(name, mode, found) for (name, mode), found in rows.items())])


def _row(name: str, mode: str, seen: Sequence[Seen]) -> str:
    outcomes = sorted({one.outcome.outcome for one in seen})
    came = ", ".join(f"`{text}`" if text.endswith("Error") else text for text in outcomes)
    peak, stood = max(one.outcome.peak for one in seen), max(one.outcome.stood for one in seen)
    cells = measured(name, f"{peak / 2**20:.0f}", f"{stood:.1f}")
    held = "no" if any(one.problems for one in seen) else "yes"
    return f"| {name} | {mode} | {came} | {' | '.join(cells)} | {held} |"


def measured(name: str, peak: str, stood: str) -> tuple[str, str]:
    """The two measured cells of a case, each figure with its bound."""
    case = ALL[name]
    loop = "" if isinstance(case, TerminalCase) else f"{stood} ({case.stood:g})"
    return f"{peak} ({case.peak})", loop

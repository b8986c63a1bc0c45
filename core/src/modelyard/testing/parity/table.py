"""Writing the measured cells as the page ``docs/parity.md``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelyard.testing.parity.criteria import CRITERIA

__all__ = ["render"]

_HEAD = """# Parity

What "tool support" and "structured output" mean here, as criteria, and which model meets them. `make parity` runs
each criterion for every model card over the emulator of its provider, which refuses what the real API refuses, and
writes this page; a test holds it current. `make live` asks the real endpoints ([acceptance](acceptance.md)).

A cell that is not `yes` carries the number of its reason. `no` stands where the model's card rules a thing out or
the request cannot be made; `partly` where it can, and the report says what is lost.

## Criteria

"""


def render(cells: Mapping[str, Mapping[str, str]]) -> str:
    """The page for the cells of each model reference, one table for each provider."""
    reasons: dict[str, int] = {}
    providers = dict.fromkeys(ref.partition(":")[0] for ref in cells)
    tables = [_table(provider, cells, reasons) for provider in providers]
    criteria = "".join(f"{number}. **{one.id}**: {one.statement}\n" for number, one in enumerate(CRITERIA, 1))
    listed = "".join(f"{number}. {reason}\n" for reason, number in reasons.items())
    return f"{_HEAD}{criteria}\n{''.join(tables)}## Reasons\n\n{listed}"


def _table(provider: str, cells: Mapping[str, Mapping[str, str]], reasons: dict[str, int]) -> str:
    rows = [(ref.partition(":")[2], cells[ref]) for ref in cells if ref.startswith(f"{provider}:")]
    head = _row("model", (one.id for one in CRITERIA)) + _row("---", ("---" for _ in CRITERIA))
    body = "".join(_row(f"`{model}`", (_shown(row[one.id], reasons) for one in CRITERIA)) for model, row in rows)
    return f"## {provider}\n\n{head}{body}\n"


def _row(first: str, rest: Iterable[str]) -> str:
    return f"| {' | '.join((first, *rest))} |\n"


def _shown(cell: str, reasons: dict[str, int]) -> str:
    word, _, reason = cell.partition(": ")
    return f"{word} ({reasons.setdefault(reason, len(reasons) + 1)})" if reason else word

"""Tables of models and plugins, to be read at a glance, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from modelyard.catalog.capability import CapabilityName
from modelyard.catalog.card import ModelCard
from modelyard.catalog.pricing import price_of
from modelyard.cli.screen import Screen
from modelyard.loading.discovery import PROVIDER_GROUP
from modelyard.loading.failures import PluginStatus
from modelyard.loading.kinds import word_of

__all__ = ["models_table", "plugin_row", "plugins_table"]

_LETTERS: tuple[tuple[str, CapabilityName], ...] = (
    ("T", "tools"),
    ("S", "structured_output"),
    ("R", "reasoning"),
    ("I", "images"),
    ("F", "files"),
    ("A", "audio"),
)
_LEGEND = (
    "T tools  S schema  R reasoning  I images  F files  A audio · lower case: in part  -: no  ?: not documented\n"
    "prices in US dollars per million tokens, in / out"
)
_STATES = {
    "loaded": "[green]loaded[/green]",
    "quarantined": "[red]set aside[/red]",
    "disabled": "[dim]disabled[/dim]",
}


def models_table(screen: Screen, cards: Iterable[ModelCard], needs: Sequence[CapabilityName] = ()) -> Table:
    """One line for each model, narrow enough for a terminal of 80 columns.

    The limits of a need that a model meets only in part are among the notes.
    """
    table = Table(box=SIMPLE_HEAD, caption=_LEGEND, caption_justify="left", pad_edge=False)
    table.add_column("model", style="bold", no_wrap=True)
    table.add_column("window", justify="right")
    table.add_column("out", justify="right")
    table.add_column("can", no_wrap=True)
    table.add_column("price", justify="right", no_wrap=True)
    table.add_column("notes")
    for card in cards:
        window = _tokens(card.limits.context_window or card.limits.max_input_tokens)
        output = _tokens(card.limits.max_output_tokens)
        table.add_row(card.ref, window, output, _letters(card), _price(card), _notes(screen, card, needs))
    return table


def plugins_table(screen: Screen, statuses: Iterable[PluginStatus]) -> Table:
    """One line for each plugin."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in ("kind", "name", "package", "version", "state"):
        table.add_column(title, no_wrap=True)
    table.add_column("what went wrong")
    for status in statuses:
        wrong = f"{status.stage}: {status.error}" if status.stage else ""
        state = screen.marked(_STATES[status.state])
        kind = word_of(status.group)
        table.add_row(kind, status.name, status.distribution, status.version, state, wrong)
    return table


def plugin_row(status: PluginStatus) -> dict[str, Any]:
    """A plugin's state as plain data; ``provider`` is null for one of another kind."""
    return {
        "name": status.name,
        "kind": word_of(status.group),
        "group": status.group,
        "provider": status.name if status.group == PROVIDER_GROUP else None,
        "package": status.distribution,
        "version": status.version,
        "state": status.state,
        "stage": status.stage,
        "error": status.error,
    }


def _tokens(count: int | None) -> str | Text:
    if count is None:
        return Text("?", "dim")
    return f"{count / 1_000_000:.3g}M" if count >= 1_000_000 else f"{count / 1000:.3g}K"


def _price(card: ModelCard) -> str | Text:
    step = price_of(card, date.today())
    return f"{step.input:g} / {step.output:g}" if step else Text("?", "dim")


def _letters(card: ModelCard) -> str:
    letters = ""
    for letter, name in _LETTERS:
        state = card.capability(name).state
        letters += {"supported": letter, "partial": letter.lower(), "unsupported": "-", "unknown": "?"}[state]
    return letters


def _notes(screen: Screen, card: ModelCard, needs: Sequence[CapabilityName]) -> Text:
    notes = [Text(f"default for {', '.join(card.default_contexts)}")] if card.default_contexts else []
    if card.lifecycle.retires is not None:
        notes.append(Text(f"retires {card.lifecycle.retires.isoformat()}", "yellow"))
    notes += [screen.marked("{}: {}", name, limits) for name in needs if (limits := card.capability(name).limits)]
    return Text("; ").join(notes)

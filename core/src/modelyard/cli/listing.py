"""``modelyard models``: the catalog, or the part of it that meets conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from modelyard import ModelCard, Runtime
from modelyard.catalog.capability import CapabilityName
from modelyard.cli import tables

__all__ = ["refresh", "show"]


def show(
    console: Console, cards: Sequence[ModelCard], needs: Sequence[CapabilityName], given: Mapping[str, Any]
) -> None:
    """The models as a table, and how many met the conditions; a limit of what was asked for is spelled out."""
    if not needs and not given:
        console.print(tables.models_table(cards))
        return
    if cards:
        console.print(tables.models_table(cards, needs))
    words = [*needs, *(f"{name} {_text(value)}" for name, value in given.items())]
    console.print(f"{len(cards)} models: {escape(', '.join(words))}", highlight=False)


async def refresh(runtime: Runtime, provider: str | None) -> None:
    """Ask the providers, and say on standard error what is new."""
    notes = Console(stderr=True)
    async with runtime:
        for result in await runtime.refresh(provider):
            if result.error is not None:
                notes.print(
                    f"{result.provider}: not asked. {escape(result.error)}", style="yellow", highlight=False
                )
                continue
            changes = [
                f"{len(result.added)} new",
                f"{len(result.changed)} changed",
                f"{len(result.missing)} not listed",
            ]
            notes.print(f"{result.provider}: {', '.join(changes)}", highlight=False)
            for reference in result.added:
                notes.print(f"  + {escape(reference)}", style="green", highlight=False)


def _text(value: object) -> str:
    return "/".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)

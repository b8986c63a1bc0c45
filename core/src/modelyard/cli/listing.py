"""``modelyard models``: the catalog, or the part of it that meets conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard import ConfigurationError, ModelCard, Runtime
from modelyard.catalog.capability import CapabilityName
from modelyard.cli import tables
from modelyard.cli.screen import Screen
from modelyard.refs import canonical_provider
from modelyard.suggest import did_you_mean

__all__ = ["check_provider", "refresh", "show"]


def show(
    screen: Screen, cards: Sequence[ModelCard], needs: Sequence[CapabilityName], given: Mapping[str, Any]
) -> None:
    """The models as a table, and how many met the conditions; a limit of what was asked for is spelled out."""
    if not needs and not given:
        screen.print(tables.models_table(screen, cards))
        return
    if cards:
        screen.print(tables.models_table(screen, cards, needs))
    words = [*needs, *(f"{name} {_text(value)}" for name, value in given.items())]
    screen.say(f"{len(cards)} models: {', '.join(words)}")


def check_provider(runtime: Runtime, provider: str | None) -> None:
    """Refuse a provider nobody knows; raises ``ConfigurationError`` that names the one probably meant."""
    known = [status.provider for status in runtime.providers()]
    if provider is None or canonical_provider(provider) in known:
        return
    hint = did_you_mean(provider, known) or f"Installed: {', '.join(known) or 'none'}."
    raise ConfigurationError(f"No installed plugin provides {provider!r}.", hint=hint)


async def refresh(runtime: Runtime, provider: str | None, seconds: float) -> None:
    """Ask the providers, each for so long at most, and say on standard error what is new."""
    notes = Screen(stderr=True)
    async with runtime:
        for result in await runtime.refresh(provider, deadlines=seconds):
            if result.error is not None:
                notes.say(f"{result.provider}: not asked. {result.error}", "yellow")
                continue
            changes = [
                f"{len(result.added)} new",
                f"{len(result.changed)} changed",
                f"{len(result.missing)} not listed",
            ]
            notes.say(f"{result.provider}: {', '.join(changes)}")
            for reference in result.added:
                notes.say(f"  + {reference}", "green")


def _text(value: object) -> str:
    return "/".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)

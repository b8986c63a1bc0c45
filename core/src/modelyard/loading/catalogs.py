"""Additions of packages to the catalog: laid over the cards of the plugins, and under what the host adds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from modelyard.errors import ConfigurationError
from modelyard.loading.kinds import CATALOG

if TYPE_CHECKING:
    from modelyard.catalog.card import ModelCard
    from modelyard.catalog.overrides import Overrides
    from modelyard.loading.extensions import Extension, Extensions

__all__ = ["InstalledCatalogs", "Laid"]


@dataclass(frozen=True, slots=True)
class Laid:
    """Cards, aliases and defaults with those of the packages among them."""

    cards: Sequence[ModelCard]
    aliases: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class InstalledCatalogs:
    """The overlays of packages, in the order of their names: a later one wins over an earlier one.

    One with an error in it is set aside; the others hold.
    """

    def __init__(self, extensions: Extensions) -> None:
        self._extensions = extensions
        self._read: dict[str, Overrides] = {}

    def __bool__(self) -> bool:
        return bool(self._extensions.names(CATALOG))

    def lay_over(self, cards: Sequence[ModelCard], providers: Collection[str], today: date) -> Laid:
        """Lay everything packages bring over the cards of these providers."""
        laid = Laid(cards)
        for each in self._extensions.all(CATALOG):
            try:
                laid = self._lay(each, laid, providers, today)
            except Exception as error:
                self._extensions.set_aside(CATALOG, each.name, "models", error)
        return laid

    def _lay(self, each: Extension, laid: Laid, providers: Collection[str], today: date) -> Laid:
        from modelyard.catalog.overlay import overlay

        overrides = self._overrides(each, today)
        strange = [card.ref for card in overrides.cards if card.provider not in providers]
        if strange:
            raise ConfigurationError(f"it lists {strange[0]}, and no plugin of that provider is installed.")
        overlaid = overlay(laid.cards, overrides, providers)
        return Laid(
            overlaid.cards,
            {**laid.aliases, **overlaid.aliases},
            {**laid.defaults, **overrides.defaults},
        )

    def _overrides(self, each: Extension, today: date) -> Overrides:
        from modelyard.catalog.overrides import read_overrides

        if each.name not in self._read:
            self._read[each.name] = read_overrides(each.value, today, f"{each.name} of {each.where}")
        return self._read[each.name]

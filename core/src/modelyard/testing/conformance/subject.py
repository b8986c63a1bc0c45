"""The plugin under test, with its dialect and its cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any

from modelyard.catalog.card import ModelCard
from modelyard.errors import ConfigurationError
from modelyard.loading.binding import ProviderBinding
from modelyard.loading.policy import PluginPolicy
from modelyard.loading.registry import PluginRegistry
from modelyard.testing.dialect import Dialect, load_dialects

__all__ = ["Subject", "representatives"]


@dataclass(frozen=True)
class Subject:
    """A provider plugin: an installed one by its id, or ``plugin``, a module that is not installed.

    ``options`` are the plugin's own settings. ``api`` picks one of several APIs of the provider: it is passed as
    the option ``api``, and only cards that list it are tested.
    """

    provider: str
    plugin: ModuleType | None = None
    given_dialect: Dialect | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    api: str | None = None

    @cached_property
    def dialect(self) -> Dialect:
        """The dialect given, else the installed one."""
        return self.given_dialect or _installed_dialect(self.provider)

    @property
    def plugins(self) -> list[object]:
        """Value of ``plugins`` for a runtime under test."""
        return [self.plugin or self.provider]

    @property
    def session_options(self) -> dict[str, Any]:
        """The plugin's own settings, the API among them."""
        return {**self.options, **({"api": self.api} if self.api else {})}

    def registry(self) -> PluginRegistry:
        """A registry that holds just this plugin, and raises for whatever is wrong with it."""
        names = [] if self.plugin else [self.provider]
        objects = [self.plugin] if self.plugin else []
        return PluginRegistry(PluginPolicy.make(names, strict=True), plugins=objects)

    @cached_property
    def _registry(self) -> PluginRegistry:
        return self.registry()

    def binding(self) -> ProviderBinding:
        """The plugin, loaded."""
        return self._registry.binding(self.provider)

    def cards(self) -> tuple[ModelCard, ...]:
        """All cards of the plugin."""
        return self._registry.models()

    def chat_cards(self) -> tuple[ModelCard, ...]:
        """The cards the cases can talk to: those for chat, of the API under test."""
        cards = (card for card in self.cards() if card.kind == "chat")
        return tuple(card for card in cards if self.api is None or self.api in card.apis)

    def default_card(self) -> ModelCard:
        """The card of the model the dialect names."""
        for card in self.cards():
            if self.dialect.model in (card.id, *card.aliases):
                return card
        raise ConfigurationError(
            f"The dialect names the model {self.dialect.model!r}, for which the plugin has no card.",
            hint="Let Dialect.model be the id of one of the plugin's models.",
        )


def representatives(subject: Subject) -> list[ModelCard]:
    """One card for each distinct set of capabilities, tool choices and ways to reason, the default first."""
    chosen: dict[object, ModelCard] = {}
    ordered = sorted(subject.chat_cards(), key=lambda card: card.id != subject.dialect.model)
    for card in ordered:
        states = frozenset((name, value.state) for name, value in card.capabilities.items())
        chosen.setdefault((states, card.tool_choice, card.reasoning.control), card)
    return list(chosen.values())


def _installed_dialect(provider: str) -> Dialect:
    dialect = load_dialects([provider]).get(provider)
    if dialect is None:
        raise ConfigurationError(
            f"No installed package has a dialect for {provider!r}.",
            hint="Name its module in the entry-point group modelyard.dialects, or set `dialect` on the suite.",
        )
    return dialect

"""The catalog of one runtime: built when first asked for, swapped whole when something new is learned."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.catalog.catalog import Catalog
from modelyard.catalog.retirement import Retirements

if TYPE_CHECKING:
    from modelyard.catalog.card import ModelCard
    from modelyard.catalog.overrides import Additions, Overrides
    from modelyard.catalog.refresh import Listed, Refreshed
    from modelyard.deployments.endpoints import Endpoints
    from modelyard.loading.catalogs import InstalledCatalogs
    from modelyard.loading.registry import PluginRegistry

__all__ = ["CatalogStore"]


class CatalogStore:
    """Builds snapshots: what the plugins ship, what providers last listed, what packages add, what the host adds.

    A snapshot in use stays as it is; ``current`` gives the newest. Safe to use from several threads. What the host
    adds is read at once: an error in it is raised here, naming the file and the key.
    """

    def __init__(
        self,
        registry: PluginRegistry,
        endpoints: Endpoints,
        *,
        additions: Additions = None,
        defaults: Mapping[str, Sequence[str]] | None = None,
        cache: Path | None = None,
        today: Callable[[], date] = date.today,
        installed: InstalledCatalogs | None = None,
    ) -> None:
        from modelyard.catalog.overrides import read_overrides

        self.today = today
        self._registry = registry
        self._endpoints = endpoints
        self._overrides: Overrides = read_overrides(additions, today())
        self._defaults = {**self._overrides.defaults, **(defaults or {})}
        self._installed = installed
        self._cache = cache
        self._lists: dict[str, Listed] | None = None
        self._retirements = Retirements(today)
        self._lock = threading.RLock()
        self._snapshot: Catalog | None = None

    def current(self) -> Catalog:
        """The newest snapshot."""
        snapshot = self._snapshot
        if snapshot is None:
            with self._lock:
                if self._snapshot is None:
                    self._snapshot = self._build()
                snapshot = self._snapshot
        return snapshot

    def learn(self, provider: str, cards: Sequence[ModelCard]) -> Refreshed:
        """Take a provider's own list: keep it on disk, and swap the snapshot for one that knows it."""
        from modelyard.catalog.refresh import Listed, RefreshFile, compare

        listed = Listed(self.today(), tuple(cards))
        with self._lock:
            refreshed = compare(self.current(), provider, listed)
            self._lists = {**self._kept(), provider: listed}
            RefreshFile(self._cache).save(self._lists)
            self._snapshot = self._build()
        return refreshed

    def _kept(self) -> dict[str, Listed]:
        if self._lists is None:
            if self._cache is None or not self._cache.exists():
                self._lists = {}
            else:
                from modelyard.catalog.refresh import RefreshFile

                self._lists = RefreshFile(self._cache).load()
        return self._lists

    def _build(self) -> Catalog:
        cards: Sequence[ModelCard] = self._registry.models()
        bindings = self._registry.bindings()
        installed = [binding.info.id for binding in bindings]
        for provider, listed in self._kept().items():
            if provider in installed:
                from modelyard.catalog.refresh import merge_listed

                cards = merge_listed(cards, provider, listed)
        aliases: Mapping[str, str] = {}
        defaults: Mapping[str, Sequence[str]] = self._defaults
        if self._installed is not None and self._installed:
            laid = self._installed.lay_over(cards, installed, self.today())
            cards, aliases, defaults = laid.cards, laid.aliases, {**laid.defaults, **defaults}
        if self._overrides:
            from modelyard.catalog.overlay import overlay

            overlaid = overlay(cards, self._overrides, installed)
            cards, aliases = overlaid.cards, {**aliases, **overlaid.aliases}
        return Catalog(
            cards,
            [binding.info.id for binding in bindings if self._endpoints.problem(binding) is None],
            labels={binding.info.id: binding.info.name for binding in bindings},
            aliases=aliases,
            defaults=defaults,
            retirements=self._retirements,
        )

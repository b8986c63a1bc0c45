"""The catalog of one runtime: built when first asked for, swapped whole when something new is learned."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.catalog.catalog import Catalog
from modelyard.catalog.contexts import context_of, is_pattern
from modelyard.catalog.retirement import Retirements
from modelyard.refs import canonical_provider

if TYPE_CHECKING:
    from modelyard.catalog.card import ModelCard
    from modelyard.catalog.overrides import Additions, Overrides
    from modelyard.catalog.refresh import Listed, Refreshed
    from modelyard.deployments.endpoints import Endpoints
    from modelyard.loading.binding import ProviderBinding
    from modelyard.loading.catalogs import InstalledCatalogs
    from modelyard.loading.registry import PluginRegistry

__all__ = ["CatalogStore"]


_MAX_PARTIAL = 64
"""Lists of references whose cards are kept before every plugin is loaded; a host names few."""


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
        self._partial_lock = threading.RLock()
        self._partial: dict[tuple[str, ...], Catalog] = {}

    def current(self) -> Catalog:
        """The newest snapshot."""
        snapshot = self._snapshot
        if snapshot is None:
            with self._lock:
                if self._snapshot is None:
                    self._snapshot = self._build_whole()
                snapshot = self._snapshot
        return snapshot

    @property
    def whole(self) -> bool:
        """True if every plugin is loaded and its cards are at hand."""
        return self._snapshot is not None

    def knows(self, names: tuple[str, ...]) -> bool:
        """Return whether ``of`` has an answer at hand."""
        return self._snapshot is not None or names in self._partial

    def of(self, names: tuple[str, ...]) -> Catalog:
        """The cards that names can lead to: for references those of their providers alone, if no more is loaded.

        So a call that names its model loads one plugin, and no other can delay or break it.
        """
        if self._snapshot is not None:
            return self._snapshot
        known = self._partial.get(names)
        if known is not None:
            return known
        providers = self.providers_of(names)
        return self._build_partial(names, providers) if providers else self.current()

    def providers_of(self, names: tuple[str, ...]) -> frozenset[str]:
        """The providers whose cards are enough for references; empty where those of all are needed.

        So it is for patterns and contexts, and where what is laid over the cards concerns others too.
        """
        if self._installed is not None and self._installed:
            return frozenset()
        found = set()
        for name in names:
            given: object = self._overrides.aliases.get(name, name)
            if not isinstance(given, str):  # a caller without a type checker: told when it is parsed
                return frozenset()
            if is_pattern(given) or context_of(given) is not None or ":" not in given:
                return frozenset()
            found.add(canonical_provider(given.partition(":")[0]))
        return frozenset(found) if self._overrides.only(found) is not None else frozenset()

    async def ready(self, within: float | None = None) -> None:
        """Load every plugin, outside the event loop where any is to be imported; wait so many seconds at most."""
        import asyncio

        if self._snapshot is not None:
            return
        if not self._registry.pending():
            self.current()
            return
        loading = asyncio.get_running_loop().run_in_executor(None, self.current)
        await asyncio.wait({loading}, timeout=within)
        if loading.done():
            loading.result()
        else:
            loading.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def load(self, names: tuple[str, ...]) -> None:
        """Load the plugins that references name, outside the event loop where one may have yet to be imported."""
        import asyncio

        if not self.knows(names) and self._registry.pending():
            await asyncio.get_running_loop().run_in_executor(None, self.of, names)

    def warn_retirement(self, card: ModelCard) -> None:
        """Log, once for each model, that it is retired or soon will be."""
        self._retirements.warn(card)

    def _build_partial(self, names: tuple[str, ...], providers: frozenset[str]) -> Catalog:
        """The catalog of some providers."""
        overrides = self._overrides.only(providers)
        assert overrides is not None  # or their cards would not be enough
        with self._partial_lock:
            if names not in self._partial:
                if len(self._partial) >= _MAX_PARTIAL:
                    self._partial.clear()
                self._partial[names] = self._build(self._registry.usable(providers), overrides)
            return self._partial[names]

    def learn(self, provider: str, cards: Sequence[ModelCard]) -> Refreshed:
        """Take a provider's own list: keep it on disk, and swap the snapshot for one that knows it."""
        from modelyard.catalog.refresh import Listed, RefreshFile, compare

        listed = Listed(self.today(), tuple(cards))
        with self._lock:
            refreshed = compare(self.current(), provider, listed)
            self._lists = {**self._kept(), provider: listed}
            RefreshFile(self._cache).save(self._lists)
            self._snapshot = self._build_whole()
        return refreshed

    def _kept(self) -> dict[str, Listed]:
        if self._lists is None:
            if self._cache is None or not self._cache.exists():
                self._lists = {}
            else:
                from modelyard.catalog.refresh import RefreshFile

                self._lists = RefreshFile(self._cache).load()
        return self._lists

    def _build_whole(self) -> Catalog:
        self._registry.models()  # a plugin whose cards are broken is set aside by it
        return self._build(self._registry.bindings(), self._overrides)

    def _build(self, bindings: Sequence[ProviderBinding], overrides: Overrides) -> Catalog:
        cards: Sequence[ModelCard] = self._registry.models_of(bindings)
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
        if overrides:
            from modelyard.catalog.overlay import overlay

            overlaid = overlay(cards, overrides, installed)
            cards, aliases = overlaid.cards, {**aliases, **overlaid.aliases}
        return Catalog(
            cards,
            [binding.info.id for binding in bindings if self._endpoints.problem(binding) is None],
            labels={binding.info.id: binding.info.name for binding in bindings},
            aliases=aliases,
            defaults=defaults,
            retirements=self._retirements,
        )

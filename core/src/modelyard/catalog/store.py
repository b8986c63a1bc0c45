"""The catalog of one runtime: built when first asked for, swapped whole when something new is learned."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from modelyard.catalog.catalog import Catalog
from modelyard.catalog.retirement import Retirements

if TYPE_CHECKING:
    from modelyard.plugins.registry import PluginRegistry
    from modelyard.routing.endpoints import Endpoints

__all__ = ["CatalogStore"]


class CatalogStore:
    """Builds snapshots from what the plugins ship and the host adds. Safe to use from several threads.

    A snapshot in use stays as it is; ``current`` gives the newest.
    """

    def __init__(
        self,
        registry: PluginRegistry,
        endpoints: Endpoints,
        *,
        defaults: Mapping[str, Sequence[str]] | None = None,
        today: Callable[[], date] = date.today,
    ) -> None:
        self._registry = registry
        self._endpoints = endpoints
        self._defaults = dict(defaults or {})
        self._retirements = Retirements(today)
        self._lock = threading.Lock()
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

    def _build(self) -> Catalog:
        cards = self._registry.models()
        bindings = self._registry.bindings()
        return Catalog(
            cards,
            [binding.info.id for binding in bindings if self._endpoints.problem(binding) is None],
            labels={binding.info.id: binding.info.name for binding in bindings},
            defaults=self._defaults,
            retirements=self._retirements,
        )

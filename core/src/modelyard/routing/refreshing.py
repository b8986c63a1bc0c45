"""Asking providers for their models, each on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.catalog.refresh import Refreshed
from modelyard.errors import ModelyardError

if TYPE_CHECKING:
    from modelyard.catalog.store import CatalogStore
    from modelyard.plugins.registry import PluginRegistry
    from modelyard.routing.endpoints import Endpoints
    from modelyard.routing.planner import Planner

__all__ = ["refresh"]


async def refresh(
    provider: str | None, planner: Planner, store: CatalogStore, registry: PluginRegistry, endpoints: Endpoints
) -> tuple[Refreshed, ...]:
    """Ask one provider, raising what goes wrong, or every one that is ready, reporting it."""
    if provider is not None:
        return (await _ask(provider, planner, store),)
    refreshed = []
    for binding in registry.bindings():
        name = binding.info.id
        problem = endpoints.problem(binding)
        if problem is not None:
            refreshed.append(Refreshed(name, store.today(), error=problem))
            continue
        try:
            refreshed.append(await _ask(name, planner, store))
        except ModelyardError as error:
            refreshed.append(Refreshed(name, store.today(), error=str(error)))
    return tuple(refreshed)


async def _ask(provider: str, planner: Planner, store: CatalogStore) -> Refreshed:
    deployment = planner.provider(provider)
    try:
        with deployment.use() as use:
            cards = await deployment.binding.list_models(await use.session())
    except Exception as error:
        failure = deployment.to_error(error)
    else:
        return store.learn(provider, cards)
    raise failure

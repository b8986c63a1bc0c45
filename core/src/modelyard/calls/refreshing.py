"""Asking providers for their models, each on its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modelyard.calls.operation import LIST_MODELS
from modelyard.calls.questions import list_models
from modelyard.catalog.refresh import Refreshed
from modelyard.errors import ModelyardError, RuntimeClosedError

if TYPE_CHECKING:
    from modelyard.calls.planner import Planner
    from modelyard.catalog.store import CatalogStore
    from modelyard.deadlines import DeadlinesLike
    from modelyard.deployments.endpoints import Endpoints
    from modelyard.loading.binding import ProviderBinding
    from modelyard.loading.registry import PluginRegistry

__all__ = ["refresh"]


async def refresh(
    provider: str | None,
    planner: Planner,
    store: CatalogStore,
    registry: PluginRegistry,
    endpoints: Endpoints,
    deadlines: DeadlinesLike,
) -> tuple[Refreshed, ...]:
    """Ask one provider, raising what goes wrong, or every one that is ready at once, reporting it.

    Each has the deadlines to itself: one that is silent holds up no other.
    """

    async def ask(name: str) -> Refreshed:
        cards = await list_models(planner.ask_provider(LIST_MODELS, name, deadlines=deadlines))
        await store.ready()
        return store.learn(name, cards)

    async def report(binding: ProviderBinding) -> Refreshed:
        name = binding.info.id
        if (problem := endpoints.problem(binding)) is not None:
            return Refreshed(name, store.today(), error=problem)
        try:
            return await ask(name)
        except RuntimeClosedError:
            raise  # nothing was found out about the provider
        except ModelyardError as error:
            return Refreshed(name, store.today(), error=str(error))

    if provider is not None:
        return (await ask(provider),)
    await store.ready()
    return tuple(await asyncio.gather(*(report(binding) for binding in registry.bindings())))

"""Readiness of each provider to be called, judged without calling it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from modelyard.credentials.resolve import missing_credential
from modelyard.errors import ConfigurationError

if TYPE_CHECKING:
    from modelyard.deployments.endpoints import Endpoint, Endpoints
    from modelyard.loading.binding import ProviderBinding
    from modelyard.loading.failures import PluginStatus
    from modelyard.loading.registry import PluginRegistry

__all__ = ["ProviderState", "ProviderStatus", "provider_statuses"]

ProviderState: TypeAlias = Literal["ready", "no_credential", "misconfigured", "quarantined", "disabled"]


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """One provider. ``reason`` and ``fix`` are ``None`` for one that is ready.

    ``credentials`` say where each key was found, with its fingerprint; ``base_urls`` where calls go, the
    provider's own address included; ``models`` is how many cards it has.
    """

    provider: str
    name: str
    state: ProviderState
    distribution: str
    version: str
    reason: str | None = None
    fix: str | None = None
    credentials: tuple[str, ...] = ()
    base_urls: tuple[str, ...] = ()
    models: int = 0

    @property
    def is_ready(self) -> bool:
        """True if it could be called."""
        return self.state == "ready"

    def to_dict(self) -> dict[str, Any]:
        """The status as plain JSON data."""
        return {name: getattr(self, name) for name in ProviderStatus.__slots__}


def provider_statuses(registry: PluginRegistry, endpoints: Endpoints) -> tuple[ProviderStatus, ...]:
    """The status of every provider found, in the order of their names."""
    counts: dict[str, int] = {}
    for card in registry.models():
        counts[card.provider] = counts.get(card.provider, 0) + 1
    loaded = {binding.info.id: binding for binding in registry.bindings()}
    return tuple(
        _of_binding(loaded[status.name], endpoints, counts.get(status.name, 0))
        if status.state == "loaded"
        else _of_plugin(status)
        for status in registry.status()
    )


def _of_plugin(status: PluginStatus) -> ProviderStatus:
    if status.state == "disabled":
        reason, fix = "its plugin is not allowed here", "see MODELYARD_PLUGINS and MODELYARD_DISABLE_PLUGINS"
        return ProviderStatus(
            status.name, status.name, "disabled", status.distribution, status.version, reason=reason, fix=fix
        )
    return ProviderStatus(
        status.name,
        status.name,
        "quarantined",
        status.distribution,
        status.version,
        reason=f"its plugin failed at {status.stage}: {status.error}",
        fix=f"repair or upgrade {status.distribution}",
    )


def _of_binding(binding: ProviderBinding, endpoints: Endpoints, models: int) -> ProviderStatus:
    info = binding.info
    state: ProviderState = "ready"
    reason: str | None = None
    fix: str | None = None
    found: tuple[Endpoint, ...] = ()
    try:
        found = endpoints.of(binding)
    except ConfigurationError as error:
        state, reason, fix = "misconfigured", error.message, error.hint
    if state == "ready" and not found:
        missing = missing_credential(info)
        state, reason, fix = "no_credential", missing.message, missing.hint
    return ProviderStatus(
        info.id,
        info.name,
        state,
        binding.distribution,
        binding.version,
        reason=reason,
        fix=fix,
        credentials=tuple(_describe(endpoint) for endpoint in found),
        base_urls=tuple(dict.fromkeys(endpoint.base_url or info.base_url for endpoint in found))
        or (info.base_url,),
        models=models,
    )


def _describe(endpoint: Endpoint) -> str:
    credential = endpoint.credential
    if credential is not None:
        return f"{credential.source} ({credential.fingerprint})"
    return "the client handed in" if endpoint.config.client is not None else "none needed"

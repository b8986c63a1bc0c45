"""Arguments of a runtime: each turned into the policy it stands for, or refused."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard.config import ProviderConfig
from modelyard.errors import ConfigurationError
from modelyard.loading.policy import PluginPolicy
from modelyard.refs import canonical_provider

if TYPE_CHECKING:
    from modelyard.credentials.resolve import CredentialResolver
    from modelyard.health.limits import Limits
    from modelyard.health.state import SharedState
    from modelyard.media.policy import FetchPolicy
    from modelyard.routing.policy import RouteChoice, RoutePolicy

__all__ = [
    "cache_path",
    "check_resolver",
    "extension_policy",
    "make_configs",
    "make_defaults",
    "make_fetch",
    "make_limits",
    "make_route",
    "make_state",
    "plugin_policy",
]


def make_configs(given: Any) -> dict[str, tuple[ProviderConfig, ...]]:
    """The settings of each provider; raises ``ConfigurationError`` for what is none, without showing a value."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            "The settings of providers must be a dict.", hint="Write Runtime({'openai': {'api_key': ...}})."
        )
    wrong = next((name for name in given if not isinstance(name, str)), None)
    if wrong is not None:
        raise ConfigurationError(f"A provider is named by its id in text, not by {type(wrong).__name__}.")
    return {canonical_provider(name): ProviderConfig.make_all(each, name) for name, each in given.items()}


def check_resolver(resolver: CredentialResolver | None) -> CredentialResolver | None:
    """The host's resolver; raises ``ConfigurationError`` for what cannot be asked."""
    given: object = resolver
    if given is None or callable(given):
        return resolver
    raise ConfigurationError(
        f"credentials must be a function of a scope and a query, not {type(given).__name__}.",
        hint="A key for one provider is its api_key: Runtime({'openai': {'api_key': ...}}).",
    )


def make_state(state: SharedState | str | None) -> SharedState | None:
    """The state to share; text is the URL of a Redis server."""
    if not isinstance(state, str):
        return state
    from modelyard.health.redis_state import RedisState

    return RedisState(state)


def make_defaults(given: Mapping[str, str | Sequence[str]] | None) -> dict[str, tuple[str, ...]]:
    """The host's defaults by context; raises ``ConfigurationError`` for a context that is none."""
    from modelyard.catalog.contexts import context_of

    if given is not None and not isinstance(given, Mapping):
        raise ConfigurationError(
            f"defaults must be a dict by context, not {type(given).__name__}.",
            hint="Write defaults={'chat': 'mistral:mistral-large-latest'}.",
        )
    chosen = {
        name: (models,) if isinstance(models, str) else tuple(models) for name, models in (given or {}).items()
    }
    for name in chosen:
        context_of(f"default:{name}")
    return chosen


def make_route(route: RouteChoice) -> RoutePolicy | None:
    """The policy a route argument stands for."""
    from modelyard.routing.policy import RoutePolicy

    return RoutePolicy.make(route)


def make_fetch(given: FetchPolicy | Mapping[str, Any] | bool) -> FetchPolicy | None:
    """The policy for fetching URLs, ``None`` where the host does not want it."""
    if given is False:
        return None
    from modelyard.media.policy import FetchPolicy

    return FetchPolicy.make(given)


def make_limits(limits: Mapping[str, Limits | Mapping[str, Any]] | None) -> dict[str, Limits]:
    """Limits by model reference or provider id; raises ``ConfigurationError`` for what is none."""
    if limits is None:
        return {}
    if not isinstance(limits, Mapping):
        raise ConfigurationError(
            f"limits must be a dict by model or provider, not {type(limits).__name__}.",
            hint="Write limits={'openai': {'concurrency': 20}}.",
        )
    from modelyard.health.limits import Limits

    return {name: Limits.make(value) for name, value in limits.items()}


def cache_path(given: str | os.PathLike[str] | bool | None) -> Path | None:
    """The file that keeps what providers list, ``None`` for none."""
    if given is False:
        return None
    if given is None or given is True:
        home = os.environ.get("XDG_CACHE_HOME", "").strip() or os.environ.get("LOCALAPPDATA", "").strip()
        return (Path(home) if home else Path.home() / ".cache") / "modelyard" / "models.json"
    return Path(given)


def plugin_policy(
    plugins: PluginPolicy | Iterable[object] | None, *, strict: bool
) -> tuple[PluginPolicy, tuple[object, ...]]:
    """Tell the policy on installed plugins from the plugins that are objects of the host's own."""
    if isinstance(plugins, PluginPolicy):
        return plugins, ()
    if isinstance(plugins, str):
        raise ConfigurationError("plugins must be a list of names, not one text.")
    if plugins is not None and not isinstance(plugins, Iterable):
        raise ConfigurationError(f"plugins must be a list of names or modules, not {type(plugins).__name__}.")
    items = tuple(plugins) if plugins is not None else ()
    names = [item for item in items if isinstance(item, str)]
    objects = tuple(item for item in items if not isinstance(item, str))
    allow = None if plugins is None else names
    return PluginPolicy.make(allow, strict=strict), objects


def extension_policy(policy: PluginPolicy, objects: Sequence[object]) -> PluginPolicy:
    """Make the policy for plugins that are no providers: the same, unless only objects were listed.

    Such a list says which providers there are, by bringing them, and names nothing else that could be allowed.
    """
    only_objects = bool(objects) and policy.allow == frozenset()
    return PluginPolicy.make(None, policy.deny, strict=policy.strict) if only_objects else policy

"""Loading plugins one by one, each in its own manager, and setting the broken ones aside."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from modelyard.errors import ConfigurationError, ModelyardError
from modelyard.hookspecs import API_VERSION
from modelyard.loading.binding import ProviderBinding
from modelyard.loading.discovery import PROVIDER_GROUP, FoundPlugin, Installed, by_name, scan, wrap_object
from modelyard.loading.failures import PluginFailure, PluginStatus, Stage
from modelyard.loading.identity import check_info, unknown_facts
from modelyard.loading.policy import PluginPolicy
from modelyard.loading.register import HookError, missing_hooks, new_manager, register_hooks
from modelyard.loading.returned import one_line
from modelyard.log import logger
from modelyard.suggest import did_you_mean

if TYPE_CHECKING:
    from modelyard.catalog.card import ModelCard

__all__ = ["PluginRegistry"]

T = TypeVar("T")


class _Broken(Exception):
    """Loading stopped at a stage; the cause is chained or in the message."""

    def __init__(self, stage: Stage, error: BaseException | str) -> None:
        super().__init__(stage)
        self.stage: Stage = stage
        self.error = error if isinstance(error, str) else one_line(error)


class PluginRegistry:
    """The plugins of one runtime. Discovery happens at the first question, loading at the first use.

    Safe to use from several threads.
    """

    def __init__(
        self,
        policy: PluginPolicy,
        *,
        plugins: Sequence[object] = (),
        wrappers: Sequence[object] = (),
        look: Callable[[], Installed] = scan,
    ) -> None:
        self._policy = policy
        self._look = look
        self._objects = tuple(plugins)
        self._wrappers = tuple(wrappers)
        self._lock = threading.RLock()
        self._found: dict[str, FoundPlugin] | None = None
        self._disabled: list[FoundPlugin] = []
        self._bindings: dict[str, ProviderBinding] = {}
        self._models: dict[str, tuple[ModelCard, ...]] = {}
        self._failures: dict[str, PluginFailure] = {}

    def binding(self, provider: str) -> ProviderBinding:
        """The binding of a provider, loading its plugin if need be.

        Raises ``ConfigurationError`` that says what to install, or why the installed plugin is set aside.
        """
        with self._lock:
            ready = self._bindings.get(provider)
            if ready is not None:
                return ready
            found = self._discover().get(provider)
            if found is not None and provider not in self._failures:
                self._load(found)
            if provider in self._bindings:
                return self._bindings[provider]
            raise self._absent(provider)

    def names(self) -> frozenset[str]:
        """The ids of all providers found, loaded or not, allowed or not, and of ours; nothing is loaded for it."""
        with self._lock:
            found = self._discover()
            disabled = [plugin.name for plugin in self._disabled]
            return frozenset((*found, *self._bindings, *self._failures, *disabled, *FIRST_PARTY))

    def bindings(self) -> tuple[ProviderBinding, ...]:
        """Every usable provider, loading whatever is not loaded yet."""
        with self._lock:
            for name, found in self._discover().items():
                if name not in self._bindings and name not in self._failures:
                    self._load(found)
            return tuple(self._bindings.values())

    def models(self) -> tuple[ModelCard, ...]:
        """The cards of every usable provider; one whose cards are broken is set aside."""
        with self._lock:
            for binding in self.bindings():
                if binding.info.id not in self._models:
                    self._load_models(binding)
            return tuple(card for cards in self._models.values() for card in cards)

    def failures(self) -> tuple[PluginFailure, ...]:
        """The plugins set aside, every one loaded that can be."""
        self.models()
        with self._lock:
            return tuple(self._failures.values())

    def status(self) -> tuple[PluginStatus, ...]:
        """Every plugin found, with its state, in the order of their names."""
        self.models()
        with self._lock:
            rows = [
                PluginStatus(binding.info.id, binding.distribution, binding.version, "loaded")
                for binding in self._bindings.values()
            ]
            rows += [
                PluginStatus(failure.name, failure.distribution, failure.version, "quarantined", failure)
                for failure in self._failures.values()
            ]
            rows += [
                PluginStatus(found.name, found.distribution, found.version, "disabled") for found in self._disabled
            ]
        return tuple(sorted(rows, key=lambda row: (row.name, row.distribution)))

    def _discover(self) -> dict[str, FoundPlugin]:
        if self._found is not None:
            return self._found
        allowed: list[FoundPlugin] = []
        disabled: list[FoundPlugin] = []
        installed = self._look()
        for plugin in installed.of(PROVIDER_GROUP):
            permitted = self._policy.allows(plugin.name, plugin.distribution)
            (allowed if permitted else disabled).append(plugin)
        for plugin_object in self._objects:
            self._load_object(plugin_object)
        usable: dict[str, FoundPlugin] = {}
        for name, claimants in by_name(allowed).items():
            if name in self._bindings:
                continue  # an object handed in by the host replaces an installed plugin on purpose
            if len(claimants) == 1:
                usable[name] = claimants[0]
            else:
                self._conflict(name, claimants)
        self._found, self._disabled = usable, disabled
        for failure in installed.damaged:
            if self._policy.allows(failure.name, failure.distribution):
                self._record(failure)
        return usable

    def _conflict(self, name: str, claimants: Iterable[FoundPlugin]) -> None:
        who = " and ".join(f"{plugin.distribution} {plugin.version}" for plugin in claimants)
        message = f"both {who} claim the provider id {name!r}; uninstall one, or allow one by its name"
        for plugin in claimants:
            self._set_aside(plugin, _Broken("discovery", message))

    def _load(self, found: FoundPlugin) -> None:
        try:
            binding = self._bind(found)
        except _Broken as broken:
            self._set_aside(found, broken)
        else:
            self._bindings[binding.info.id] = binding

    def _load_object(self, plugin: object) -> None:
        """Load a plugin of the host's own; when it is broken the host should hear of it at once."""
        found = wrap_object(plugin)
        self._load(found)
        if found.name in self._failures:
            raise ConfigurationError(f"The plugin {self._failures.pop(found.name)}.")

    def _bind(self, found: FoundPlugin) -> ProviderBinding:
        plugin = _guard("import", found.load)
        api = _check_api_version(plugin)
        manager = new_manager()
        strange = _guard("register", lambda: register_hooks(manager, plugin, found.name))
        missing = _guard("pending", lambda: missing_hooks(manager, plugin))
        if missing is not None:
            raise _Broken("pending", missing)
        info = _guard("provider", manager.hook.modelyard_provider)
        problem = check_info(info)
        if problem is not None:
            raise _Broken("provider", problem)
        if found.distribution != "this process" and info.id != found.name:
            raise _Broken("provider", f"the entry point is named {found.name!r}, the provider {info.id!r}")
        for wrapper in self._wrappers:
            manager.register(wrapper)
        _tell(found, (*strange, *unknown_facts(info)))
        return ProviderBinding(manager, info, found.distribution, found.version, api=api)

    def _load_models(self, binding: ProviderBinding) -> None:
        name = binding.info.id
        try:
            self._models[name] = _guard("models", binding.models)
        except _Broken as broken:
            del self._bindings[name]
            gone = FoundPlugin(name, binding.distribution, binding.version, lambda: None)
            self._set_aside(gone, broken)

    def _set_aside(self, found: FoundPlugin, broken: _Broken) -> None:
        self._record(PluginFailure(found.name, found.distribution, found.version, broken.stage, broken.error))

    def _record(self, failure: PluginFailure) -> None:
        key = failure.name if failure.name not in self._failures else f"{failure.name} ({failure.distribution})"
        self._failures[key] = failure
        if self._policy.strict:
            raise ConfigurationError(f"The plugin {failure}.") from None

    def _absent(self, provider: str) -> ModelyardError:
        damaged = f"modelyard-{provider}"  # a package whose entry points cannot be read goes by its own name
        failures = [failure for failure in self._failures.values() if failure.name in (provider, damaged)]
        if failures:
            return ConfigurationError(
                f"The plugin {failures[0]}.",
                hint="Fix or upgrade that package; `modelyard plugins` shows the state of every plugin.",
            )
        if any(found.name == provider for found in self._disabled):
            return ConfigurationError(
                f"The plugin for {provider!r} is installed but not allowed here.",
                hint="See the plugins argument, MODELYARD_PLUGINS and MODELYARD_DISABLE_PLUGINS.",
            )
        return ConfigurationError(f"No installed plugin provides {provider!r}.", hint=self._advice(provider))

    def _advice(self, provider: str) -> str:
        if provider in FIRST_PARTY:
            return f"Install it: pip install modelyard-{provider}"
        installed = [*self._discover(), *self._bindings]
        question = did_you_mean(provider, [*installed, *FIRST_PARTY])
        known = f"Installed: {', '.join(sorted(set(installed))) or 'none'}."
        return f"{question} {known}" if question else known


FIRST_PARTY = ("claude", "gemini", "mistral", "openai")
"""Providers with a plugin of ours, for advice only; what exists at run time is what discovery finds."""


def _guard(stage: Stage, step: Callable[[], T]) -> T:
    """Run one step of loading; whatever it raises, ``SystemExit`` included, breaks this plugin alone."""
    try:
        return step()
    except (_Broken, KeyboardInterrupt):
        raise
    except HookError as error:
        raise _Broken(stage, str(error)) from None
    except BaseException as error:
        raise _Broken(stage, error) from None


def _tell(found: FoundPlugin, strange: Iterable[str]) -> None:
    for what in strange:
        logger("plugins").warning("%s %s: %s.", found.distribution, found.version, what)


def _check_api_version(plugin: object) -> int:
    """Return the highest version of the API that plugin and core both speak; none breaks the plugin."""
    stated: object = getattr(plugin, "MODELYARD_API", None)
    if stated is None:
        raise _Broken("api_version", "the plugin does not state MODELYARD_API")
    lowest, highest = _api_range(stated)
    if lowest <= API_VERSION <= highest:
        return API_VERSION
    advice = "upgrade the plugin" if highest < API_VERSION else "upgrade modelyard"
    spoken = f"{lowest}" if lowest == highest else f"{lowest} to {highest}"
    raise _Broken(
        "api_version",
        f"the plugin is written for plugin API {spoken}, this core speaks {API_VERSION}; {advice}",
    )


def _api_range(stated: object) -> tuple[int, int]:
    """The lowest and highest version that a plugin states: one number, or a pair."""
    pair = tuple(stated) if isinstance(stated, (tuple, list)) else (stated, stated)
    if len(pair) == 2 and all(type(each) is int for each in pair) and pair[0] <= pair[1]:
        return pair
    raise _Broken("api_version", f"MODELYARD_API must be a number or (lowest, highest), not {stated!r:.40}")

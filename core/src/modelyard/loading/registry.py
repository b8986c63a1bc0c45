"""Loading plugins one by one, each in its own manager, and setting the broken ones aside."""

from __future__ import annotations

import contextlib
import threading
import time
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
from modelyard.versioned import span

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


SLOW = 0.5
"""Seconds of loading after which a plugin is named: it is to import nothing heavy; ours take 0.05 (measured)."""


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
        self._own: tuple[str, ...] = ()
        self._turns: dict[str, threading.RLock] = {}

    def binding(self, provider: str) -> ProviderBinding:
        """The binding of a provider, loading its plugin, and no other, if need be.

        Raises ``ConfigurationError`` that says what to install, or why the installed plugin is set aside.
        """
        ready = self._bindings.get(provider)
        if ready is not None:
            return ready
        found = self._discover().get(provider)
        if found is not None:
            self._load_once(found)
        ready = self._bindings.get(provider)
        if ready is None:
            raise self._absent(provider)
        return ready

    def names(self) -> frozenset[str]:
        """The ids of all providers found, loaded or not, allowed or not, and of ours; nothing is loaded for it."""
        with self._lock:
            found = self._discover()
            disabled = [plugin.name for plugin in self._disabled]
            return frozenset((*found, *self._bindings, *self._failures, *disabled, *FIRST_PARTY))

    def pending(self) -> bool:
        """Return whether any plugin has yet to be imported."""
        with self._lock:
            return any(self._is_pending(name) for name in self._discover())

    def bindings(self) -> tuple[ProviderBinding, ...]:
        """Every usable provider, loading whatever is not loaded yet."""
        found = self._discover()
        for plugin in found.values():
            self._load_once(plugin)
        with self._lock:
            order = dict.fromkeys((*self._own, *found))
            return tuple(self._bindings[name] for name in order if name in self._bindings)

    def usable(self, providers: Iterable[str]) -> tuple[ProviderBinding, ...]:
        """The bindings of some providers, in the order of their names, those set aside or missing left out."""
        found = []
        for name in sorted(providers):
            with contextlib.suppress(ConfigurationError):
                found.append(self.binding(name))
        self.models_of(found)
        return tuple(binding for binding in found if binding.info.id in self._models)

    def models(self) -> tuple[ModelCard, ...]:
        """The cards of every usable provider; one whose cards are broken is set aside."""
        return self.models_of(self.bindings())

    def models_of(self, bindings: Iterable[ProviderBinding]) -> tuple[ModelCard, ...]:
        """The cards of some providers; one whose cards are broken is set aside."""
        for binding in bindings:
            with self._turn(binding.info.id):
                if binding.info.id not in self._models and binding.info.id in self._bindings:
                    self._load_models(binding)
        with self._lock:
            return tuple(card for binding in bindings for card in self._models.get(binding.info.id, ()))

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
        if self._found is None:
            with self._lock:
                if self._found is None:
                    self._look_round()
        assert self._found is not None
        return self._found

    def _look_round(self) -> None:
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
        for failure in installed.damaged:
            if self._policy.allows(failure.name, failure.distribution):
                self._record(failure)
        self._own, self._disabled = tuple(self._bindings), disabled
        self._found = usable

    def _turn(self, name: str) -> threading.RLock:
        """What one thread holds while it loads a plugin: nobody waits for another plugin than his own."""
        with self._lock:
            return self._turns.setdefault(name, threading.RLock())

    def _is_pending(self, name: str) -> bool:
        return name not in self._bindings and name not in self._failures

    def _load_once(self, found: FoundPlugin) -> None:
        """Load a plugin unless that was done; say so if it takes long, since somebody waits for it."""
        if not self._is_pending(found.name):
            return
        with self._turn(found.name):
            if not self._is_pending(found.name):
                return
            since = time.perf_counter()
            try:
                self._load(found)
            finally:
                took = time.perf_counter() - since
                if took > SLOW:
                    logger("plugins").warning(
                        "%s %s took %.1f s to load.", found.distribution, found.version, took
                    )

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
    found = span(stated)
    if found is None:
        raise _Broken("api_version", f"MODELYARD_API must be a number or (lowest, highest), not {stated!r:.40}")
    return found

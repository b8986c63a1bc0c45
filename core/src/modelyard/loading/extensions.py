"""Loading what packages bring beside providers: found by group, loaded at the first use, set aside when broken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelyard.errors import ConfigurationError
from modelyard.loading.discovery import FoundPlugin, Installed, by_name, scan
from modelyard.loading.failures import PluginFailure, PluginStatus
from modelyard.loading.kinds import KINDS
from modelyard.loading.registry import SLOW
from modelyard.loading.returned import one_line
from modelyard.log import logger
from modelyard.suggest import did_you_mean

if TYPE_CHECKING:
    from modelyard.loading.failures import Stage
    from modelyard.loading.policy import PluginPolicy

__all__ = ["Extension", "Extensions"]

_SEE: Final = "`modelyard plugins` shows the state of every plugin."


@dataclass(frozen=True, slots=True)
class Extension:
    """One that is loaded: its name, the package it comes from, and what the package brings."""

    name: str
    distribution: str
    version: str
    value: Any = field(repr=False)

    @property
    def where(self) -> str:
        """The package with its version, for errors."""
        return f"{self.distribution} {self.version}"


@dataclass(slots=True)
class _Group:
    """One entry-point group as far as it is known."""

    usable: dict[str, FoundPlugin] = field(default_factory=dict)
    disabled: list[FoundPlugin] = field(default_factory=list)
    loaded: dict[str, Extension] = field(default_factory=dict)
    failures: list[PluginFailure] = field(default_factory=list)


class Extensions:
    """The plugins of one runtime that are no providers. Safe to use from several threads.

    Nothing of a group is imported before it is used. What a broken one raises, ``SystemExit`` included, sets it
    aside and harms nobody else. ``look`` finds what is installed, at the first question.
    """

    def __init__(self, policy: PluginPolicy, look: Callable[[], Installed] = scan) -> None:
        self._policy = policy
        self._look = look
        self._groups: dict[str, _Group] = {}
        self._lock = threading.RLock()

    def names(self, group: str) -> tuple[str, ...]:
        """The names in a group that can be used, as far as is known without importing them."""
        with self._lock:
            return tuple(self._group(group).usable)

    def where(self, group: str, name: str) -> str:
        """The package, with its version, that a name of a group comes from; nothing is imported."""
        with self._lock:
            found = self._group(group).usable[name]
            return f"{found.distribution} {found.version}"

    def all(self, group: str) -> tuple[Extension, ...]:
        """Everything usable in a group, loaded, in the order of the names."""
        with self._lock:
            found = [self._load(group, name) for name in tuple(self._group(group).usable)]
            return tuple(each for each in found if each is not None)

    def get(self, group: str, name: str) -> Extension:
        """One of a group, loaded.

        Raises ``ConfigurationError`` that says why it cannot be used, or which name was probably meant.
        """
        with self._lock:
            shelf = self._group(group)
            if name in shelf.usable:
                loaded = self._load(group, name)
                if loaded is not None:
                    return loaded
            raise self._absent(group, name)

    def set_aside(self, group: str, name: str, stage: Stage, error: BaseException) -> None:
        """Use one no more: what it brought turned out to be unusable."""
        with self._lock:
            self._fail(group, self._group(group).usable[name], stage, one_line(error))

    def status(self) -> tuple[PluginStatus, ...]:
        """Every one found in any group, loaded for it, in the order of groups and names."""
        with self._lock:
            return tuple(row for group in KINDS for row in self._rows(group))

    def _rows(self, group: str) -> list[PluginStatus]:
        self.all(group)
        shelf = self._group(group)
        rows = [
            PluginStatus(each.name, each.distribution, each.version, "loaded", group=group)
            for each in shelf.loaded.values()
        ]
        rows += [
            PluginStatus(each.name, each.distribution, each.version, "quarantined", each, group)
            for each in shelf.failures
        ]
        rows += [
            PluginStatus(each.name, each.distribution, each.version, "disabled", group=group)
            for each in shelf.disabled
        ]
        return sorted(rows, key=lambda row: (row.name, row.distribution))

    def _group(self, group: str) -> _Group:
        shelf = self._groups.get(group)
        if shelf is None:
            shelf = self._groups[group] = _Group()
            allowed: list[FoundPlugin] = []
            for found in self._look().of(group):
                permitted = self._policy.allows(found.name, found.distribution)
                (allowed if permitted else shelf.disabled).append(found)
            for name, claimants in by_name(allowed).items():
                self._claim(group, name, claimants)
        return shelf

    def _claim(self, group: str, name: str, claimants: list[FoundPlugin]) -> None:
        """Give a name to the one package that claims it; nobody gets one of ours or one that two claim."""
        kind, shelf = KINDS[group], self._groups[group]
        problem = None
        if name in kind.reserved:
            problem = f"{name!r} is one of Modelyard's own; a package cannot take its place"
        elif len(claimants) > 1:
            who = " and ".join(f"{found.distribution} {found.version}" for found in claimants)
            problem = f"both {who} bring the {kind.word} {name!r}; uninstall one, or allow one by its name"
        if problem is None:
            shelf.usable[name] = claimants[0]
            return
        for found in claimants:
            self._fail(group, found, "discovery", problem)

    def _load(self, group: str, name: str) -> Extension | None:
        shelf = self._group(group)
        if name in shelf.loaded:
            return shelf.loaded[name]
        found = shelf.usable[name]
        stage: Stage = "import"
        since = time.perf_counter()
        try:
            value = found.load()
            stage = "register"
            value = KINDS[group].accept(value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._fail(group, found, stage, one_line(error))
            return None
        took = time.perf_counter() - since
        if took > SLOW:
            who = f"{KINDS[group].word} {name} of {found.distribution} {found.version}"
            logger("plugins").warning("The %s took %.1f s to load.", who, took)
        shelf.loaded[name] = Extension(name, found.distribution, found.version, value)
        return shelf.loaded[name]

    def _fail(self, group: str, found: FoundPlugin, stage: Stage, error: str) -> None:
        shelf = self._groups[group]
        shelf.usable.pop(found.name, None)
        shelf.loaded.pop(found.name, None)
        failure = PluginFailure(found.name, found.distribution, found.version, stage, error)
        shelf.failures.append(failure)
        if self._policy.strict:
            raise ConfigurationError(f"The {KINDS[group].word} {failure}.") from None
        logger("plugins").warning("The %s %s (it is left out).", KINDS[group].word, failure)

    def _absent(self, group: str, name: str) -> ConfigurationError:
        word, shelf = KINDS[group].word, self._group(group)
        broken = next((failure for failure in shelf.failures if failure.name == name), None)
        if broken is not None:
            return ConfigurationError(f"The {word} {broken}.", hint=f"Fix or upgrade that package; {_SEE}")
        if any(found.name == name for found in shelf.disabled):
            return ConfigurationError(
                f"The {word} {name!r} is installed but not allowed here.",
                hint="See the plugins argument, MODELYARD_PLUGINS and MODELYARD_DISABLE_PLUGINS.",
            )
        known = f"Installed: {', '.join(shelf.usable) or 'none'}."
        return ConfigurationError(
            f"No installed package brings the {word} {name!r}.",
            hint=did_you_mean(name, shelf.usable) or known,
        )

"""Finding plugins by their entry points, without importing any.

Every installed distribution is read in a guard of its own: files that installers write are checked by nobody, and
one damaged file must not cost the others their providers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from modelyard.loading.failures import PluginFailure
from modelyard.log import logger

if TYPE_CHECKING:
    from importlib_metadata import Distribution, EntryPoint, IDistribution

__all__ = ["DIALECT_GROUP", "PROVIDER_GROUP", "FoundPlugin", "Installed", "discover", "scan", "wrap_object"]

PROVIDER_GROUP = "modelyard.providers"
DIALECT_GROUP = "modelyard.dialects"

_OURS = "modelyard"
_ENTRY_POINTS = "entry_points.txt"


@dataclass(frozen=True, slots=True)
class FoundPlugin:
    """An installed plugin: ``name`` is the provider id it claims, ``load`` imports it."""

    name: str
    distribution: str
    version: str
    load: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Installed:
    """Result of one look at the installed distributions: the entry points of our groups, and what is damaged.

    A damaged distribution that has nothing to do with us is only logged.
    """

    groups: dict[str, tuple[FoundPlugin, ...]]
    damaged: tuple[PluginFailure, ...]

    def of(self, group: str) -> tuple[FoundPlugin, ...]:
        """The entry points of a group, in the order of their names."""
        return self.groups.get(group, ())


def discover(group: str = PROVIDER_GROUP) -> tuple[FoundPlugin, ...]:
    """List the entry points of a group, in the order of their names. Nothing is imported."""
    return scan().of(group)


def scan() -> Installed:
    """Read the entry points of every installed distribution, the first of each name counting."""
    groups: dict[str, list[FoundPlugin]] = {}
    damaged: list[PluginFailure] = []
    seen: dict[str, IDistribution] = {}
    for distribution in _distributions():
        stem = _stem(distribution)
        name = stem.partition("-")[0].lower()
        if name and name in seen and _has_metadata(seen[name]):
            continue  # an older one further down the path, or what an upgrade left behind
        seen[name] = distribution
        try:
            entries = _entries(distribution)
        except Exception as error:  # whatever the parsers stumble over
            damaged += _damaged(distribution, stem, error)
            continue
        for entry in entries:
            owner, version = _name_and_version(distribution, stem)
            if not entry.pattern.match(entry.value):
                damaged.append(_leads_nowhere(entry, owner, version))
                continue
            groups.setdefault(entry.group, []).append(FoundPlugin(entry.name, owner, version, entry.load))
    ordered = {group: tuple(sorted(found, key=_by_name)) for group, found in groups.items()}
    return Installed(ordered, tuple(damaged))


def _by_name(plugin: FoundPlugin) -> tuple[str, str]:
    return plugin.name, plugin.distribution


def _distributions() -> Iterator[IDistribution]:
    """Every distribution; where listing them all fails, those of each folder that can be listed."""
    from importlib_metadata import distributions  # not every process discovers

    try:
        yield from distributions()
    except Exception as error:  # a finder of somebody else's, a folder that cannot be read
        logger("plugins").warning("The installed distributions cannot all be listed (%s).", type(error).__name__)
    else:
        return
    for folder in sys.path:
        try:
            yield from distributions(path=[folder])
        except Exception as error:
            logger("plugins").warning("%s is left out of the search: %s.", folder, type(error).__name__)


def _entries(distribution: IDistribution) -> list[EntryPoint]:
    """The entry points of our groups. A file that does not mention us is checked for being readable only."""
    text = distribution.read_text(_ENTRY_POINTS)
    if not text:
        return []
    wrong = _without_value(text)
    if wrong is not None:
        raise ValueError(f"the line {wrong!r} has no '='")
    if f"[{_OURS}." not in text.replace(" ", ""):
        return []
    return [entry for entry in distribution.entry_points if entry.group.startswith(f"{_OURS}.")]


def _without_value(text: str) -> str | None:
    """The first line of an entry-point file that is neither a section, a comment nor ``name = value``."""
    for raw in text.splitlines():
        line = raw.strip()
        section = line.startswith("[") and line.endswith("]")
        if line and "=" not in line and line[0] not in "#;" and not section:
            return line
    return None


def _damaged(distribution: IDistribution, stem: str, error: Exception) -> list[PluginFailure]:
    """What to say of a distribution that cannot be read: a failure if it is one of ours, else a warning."""
    name, version = _name_and_version(distribution, stem)
    reason = " ".join(f"{_ENTRY_POINTS} cannot be read: {type(error).__name__}: {error}".split())
    logger("plugins").warning("%s %s is damaged and left out: %s", name, version, reason)
    if not _concerns_us(distribution, name):
        return []
    return [PluginFailure(name, name, version, "discovery", f"{reason}; install the package anew")]


def _leads_nowhere(entry: EntryPoint, owner: str, version: str) -> PluginFailure:
    reason = f"{_ENTRY_POINTS} names no module for {entry.name!r} of {entry.group}, but {entry.value!r}"
    logger("plugins").warning("%s %s: %s", owner, version, reason)
    return PluginFailure(entry.name, owner, version, "discovery", f"{reason}; install the package anew")


def _concerns_us(distribution: IDistribution, name: str) -> bool:
    if name.lower().startswith(_OURS):
        return True
    path = getattr(distribution, "_path", None)
    try:
        return path is not None and f"[{_OURS}.".encode() in path.joinpath(_ENTRY_POINTS).read_bytes()
    except Exception:
        return False


def _stem(distribution: IDistribution | Distribution) -> str:
    """``name-version`` of the folder a distribution is described in, empty where there is none."""
    path = getattr(distribution, "_path", None)
    return str(getattr(path, "stem", ""))


def _has_metadata(distribution: IDistribution) -> bool:
    """Whether it is more than an empty folder, which an interrupted removal leaves and which shadows nobody."""
    try:
        return bool(distribution.read_text("METADATA") or distribution.read_text("PKG-INFO"))
    except Exception:
        return True


def _name_and_version(distribution: IDistribution, stem: str) -> tuple[str, str]:
    """Read two header lines; the library's own way imports a parser of e-mail for it, some 8 ms.

    Where there are none to read the name of the folder says it (its hyphens have become underscores).
    """
    try:
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    except Exception:
        text = ""
    head = text.replace("\r\n", "\n").partition("\n\n")[0]
    headers = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    name, _, version = stem.partition("-")
    return (
        headers.get("Name", "").strip() or name.replace("_", "-") or "unknown",
        headers.get("Version", "").strip() or version or "unknown",
    )


def wrap_object(plugin: object) -> FoundPlugin:
    """Treat an object of this process (a module or an instance) as a found plugin.

    Its provider id is not known before it is asked; ``name`` is where it was defined.
    """
    home = plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__qualname__
    return FoundPlugin(name=home, distribution="this process", version="-", load=lambda: plugin)


def by_name(plugins: Iterable[FoundPlugin]) -> dict[str, list[FoundPlugin]]:
    """Group found plugins by the name they claim, to see conflicts."""
    groups: dict[str, list[FoundPlugin]] = {}
    for plugin in plugins:
        groups.setdefault(plugin.name, []).append(plugin)
    return groups

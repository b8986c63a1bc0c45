"""Finding plugins by their entry points, without importing any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from modelyard.log import logger

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

__all__ = ["DIALECT_GROUP", "PROVIDER_GROUP", "FoundPlugin", "discover", "wrap_object"]

PROVIDER_GROUP = "modelyard.providers"
DIALECT_GROUP = "modelyard.dialects"


@dataclass(frozen=True, slots=True)
class FoundPlugin:
    """An installed plugin: ``name`` is the provider id it claims, ``load`` imports it."""

    name: str
    distribution: str
    version: str
    load: Callable[[], object]


def discover(group: str = PROVIDER_GROUP) -> tuple[FoundPlugin, ...]:
    """List the entry points of a group, in the order of their names. Nothing is imported.

    A distribution whose files are damaged is left out with a warning; it need not be one of ours.
    """
    from importlib.metadata import entry_points  # slow to import, and not every process discovers

    try:
        entries: Iterable[EntryPoint] = entry_points(group=group)
    except Exception:  # whatever the parsers of importlib.metadata stumble over
        entries = _one_by_one(group)

    found = []
    for entry_point in entries:
        name, version = _name_and_version(entry_point.dist)
        found.append(FoundPlugin(entry_point.name, name, version, entry_point.load))
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.distribution)))


def _one_by_one(group: str) -> Iterator[EntryPoint]:
    """The entry points of the distributions that can be read, the first of each name counting."""
    from importlib.metadata import distributions

    seen: set[str] = set()
    for distribution in distributions():
        try:
            name, entries = distribution.name, list(distribution.entry_points)
        except Exception as error:
            place = getattr(distribution, "_path", "an installed distribution")
            logger("plugins").warning("%s is damaged (%s) and left out.", place, type(error).__name__)
            continue
        if name not in seen:
            seen.add(name)
            yield from (entry for entry in entries if entry.group == group)


def _name_and_version(distribution: Distribution | None) -> tuple[str, str]:
    """Read two header lines; the library's own way imports a parser of e-mail for it, some 8 ms."""
    try:
        text = (distribution.read_text("METADATA") or "") if distribution is not None else ""
    except (OSError, ValueError):
        text = ""
    headers = dict(line.split(": ", 1) for line in text.partition("\n\n")[0].splitlines() if ": " in line)
    return headers.get("Name", "unknown"), headers.get("Version", "unknown")


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

"""Plugins that did not load, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["PluginFailure", "PluginStatus", "Stage"]

Stage: TypeAlias = Literal["discovery", "import", "api_version", "register", "pending", "provider", "models"]
"""The steps of loading, in order: where a plugin failed says what to look at."""


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """A plugin that is installed and set aside.

    ``error`` is the class and message of what went wrong; the exception itself is not kept, because its
    traceback would keep the plugin's frames alive.
    """

    name: str
    distribution: str
    version: str
    stage: Stage
    error: str

    def __str__(self) -> str:
        return f"{self.name} from {self.distribution} {self.version} failed at {self.stage}: {self.error}"


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """One line of ``runtime.plugins()``: a plugin found, and whether it is usable.

    ``state`` is ``loaded``, ``quarantined`` (then ``failure`` says why) or ``disabled`` (by policy; it was
    not imported). ``group`` is its entry-point group, which says what kind of plugin it is.
    """

    name: str
    distribution: str
    version: str
    state: Literal["loaded", "quarantined", "disabled"]
    failure: PluginFailure | None = None
    group: str = "modelyard.providers"

    @property
    def stage(self) -> Stage | None:
        """The stage at which the plugin failed, ``None`` if it did not."""
        return self.failure.stage if self.failure else None

    @property
    def error(self) -> str | None:
        """Failure of the plugin, ``None`` if nothing went wrong."""
        return self.failure.error if self.failure else None

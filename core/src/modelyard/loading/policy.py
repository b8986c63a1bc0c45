"""Policy on loading plugins: an allow list, a deny list, and how strictly a broken one is taken."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelyard.refs import canonical_provider

__all__ = ["PluginPolicy"]


@dataclass(frozen=True, slots=True)
class PluginPolicy:
    """Names are provider ids or distribution names; a plugin that is not allowed is never imported.

    ``allow=None`` allows all. Denying wins over allowing. With ``strict`` the first broken plugin raises
    ``ConfigurationError`` instead of being set aside.
    """

    allow: frozenset[str] | None = None
    deny: frozenset[str] = frozenset()
    strict: bool = False

    @classmethod
    def make(
        cls,
        allow: Iterable[str] | None = None,
        deny: Iterable[str] | None = None,
        *,
        strict: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> PluginPolicy:
        """Combine arguments with ``MODELYARD_PLUGINS`` and ``MODELYARD_DISABLE_PLUGINS``.

        An argument replaces its variable; the variables hold names separated by commas.
        """
        source = os.environ if environ is None else environ
        if allow is None:
            listed = source.get("MODELYARD_PLUGINS", "").strip()
            allow = listed.split(",") if listed else None
        if deny is None:
            deny = source.get("MODELYARD_DISABLE_PLUGINS", "").split(",")
        return cls(
            allow=None if allow is None else _names(allow),
            deny=_names(deny),
            strict=strict,
        )

    def allows(self, name: str, distribution: str) -> bool:
        """Return whether a plugin may be imported."""
        names = {canonical_provider(name), distribution.lower()}
        if names & self.deny:
            return False
        return self.allow is None or bool(names & self.allow)


def _names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(canonical_provider(name) for name in names if name.strip())

"""From a provider id to the names of everything in its package."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from modelyard.errors import ConfigurationError
from modelyard.loading.discovery import discover
from modelyard.loading.registry import FIRST_PARTY
from modelyard.refs import PROVIDER_ALIASES

__all__ = ["Names", "check_name"]

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MAX_LENGTH = 20


@dataclass(frozen=True, slots=True)
class Names:
    """The names a package goes by, all made from the provider id.

    ``acme-cloud`` is imported as ``modelyard_acme_cloud``, is ``AcmeCloud`` in names of classes and ``Acme Cloud``
    in sentences.
    """

    provider: str

    @property
    def distribution(self) -> str:
        """Name of the distribution to install."""
        return f"modelyard-{self.provider}"

    @property
    def package(self) -> str:
        """Name of the package to import."""
        return f"modelyard_{self.provider.replace('-', '_')}"

    @property
    def title(self) -> str:
        """The name in sentences."""
        return " ".join(word.capitalize() for word in self.provider.split("-"))

    @property
    def class_prefix(self) -> str:
        """Prefix of class names."""
        return self.title.replace(" ", "")

    @property
    def variable(self) -> str:
        """Prefix of environment variables."""
        return self.provider.upper().replace("-", "_")


def check_name(provider: str, installed: Collection[str] | None = None) -> Names:
    """The names for a provider id; raises ``ConfigurationError`` for one that cannot be, or is taken.

    ``installed`` are ids in use here; left out, those of the installed plugins.
    """
    if not _ID.fullmatch(provider) or len(provider) > MAX_LENGTH:
        raise ConfigurationError(
            f"{provider!r} cannot be a provider id.",
            hint=f"Take lower-case letters, digits and single hyphens, a letter first, {MAX_LENGTH} at most: "
            "'acme' or 'acme-cloud'.",
        )
    taken = {*FIRST_PARTY, *PROVIDER_ALIASES}
    taken |= set(installed) if installed is not None else {plugin.name for plugin in discover()}
    if provider in taken:
        raise ConfigurationError(
            f"The provider id {provider!r} is taken.",
            hint="Two plugins with one id cannot be installed together: take another, such as "
            f"'my-{provider}'. `modelyard plugins` lists what is installed here.",
        )
    return Names(provider)

"""Options of Mistral in ``ProviderConfig(options=...)``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from modelyard.provider import ConfigurationError

__all__ = ["SERVERS", "MistralOptions", "Server"]

Server: TypeAlias = Literal["global", "eu", "us"]

SERVERS: dict[Server, str] = {
    "global": "https://api.mistral.ai",
    "eu": "https://api.eu.mistral.ai",
    "us": "https://api.us.mistral.ai",
}
"""The roots of the regions, as mistralai 3.7.0 has them; a test compares the two."""


@dataclass(frozen=True, slots=True)
class MistralOptions:
    """``server`` chooses the region that serves the calls; a base URL wins over it."""

    server: Server = "global"

    @classmethod
    def make(cls, options: Mapping[str, Any]) -> MistralOptions:
        """Read the options; raises ``ConfigurationError`` for a value that is none."""
        server = options.get("server", "global")
        if server not in get_args(Server):
            raise ConfigurationError(
                f"The mistral option 'server' is {server!r}.", hint="Use 'global', 'eu' or 'us'."
            )
        return cls(server=server)

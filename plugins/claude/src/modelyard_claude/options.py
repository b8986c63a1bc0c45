"""Options of Claude in ``ProviderConfig(options=...)``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.provider import ConfigurationError

__all__ = ["SAMPLING_VERSION", "ClaudeOptions"]

SAMPLING_VERSION = "2023-06-01"
"""The only API version under which any model takes ``temperature``, ``top_p`` and ``top_k``."""


@dataclass(frozen=True, slots=True)
class ClaudeOptions:
    """``version`` replaces the ``anthropic-version`` header, which is the SDK's own when left out.

    ``beta`` is one value or a list of values for the ``anthropic-beta`` header. ``default_max_tokens`` is the
    output limit of requests that name none, in place of the model's own.
    """

    version: str | None = None
    beta: tuple[str, ...] = ()
    default_max_tokens: int | None = None

    @classmethod
    def make(cls, options: Mapping[str, Any]) -> ClaudeOptions:
        """Read the options; raises ``ConfigurationError`` for a value that is none."""
        version, limit = options.get("version"), options.get("default_max_tokens")
        if version is not None and not isinstance(version, str):
            raise ConfigurationError(f"The claude option 'version' is {version!r}, not a date in text.")
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise ConfigurationError(
                f"The claude option 'default_max_tokens' is {limit!r}, not a positive number."
            )
        return cls(version=version, beta=_beta(options.get("beta")), default_max_tokens=limit)

    @property
    def headers(self) -> dict[str, str]:
        """The headers the options stand for."""
        headers: dict[str, str] = {}
        if self.version:
            headers["anthropic-version"] = self.version
        if self.beta:
            headers["anthropic-beta"] = ",".join(self.beta)
        return headers


def _beta(value: Any) -> tuple[str, ...]:
    values = (value,) if isinstance(value, str) else tuple(value or ())
    if not all(isinstance(item, str) and item for item in values):
        raise ConfigurationError("The claude option 'beta' must be a text or a list of texts.")
    return values

"""What ``ProviderConfig(options=...)`` means for Gemini."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.errors import ConfigurationError

__all__ = ["GeminiOptions"]


@dataclass(frozen=True, slots=True)
class GeminiOptions:
    """``store`` says whether Google may log requests for the project's datasets.

    ``False``, the default, asks it not to, whatever the project's setting; ``True`` asks it to; ``None`` sends
    nothing, for gateways that do not know the field.
    """

    store: bool | None = False

    @classmethod
    def make(cls, options: Mapping[str, Any]) -> GeminiOptions:
        """Read the options; raises ``ConfigurationError`` for a value that is none."""
        store = options.get("store", False)
        if store is not None and not isinstance(store, bool):
            raise ConfigurationError(f"The gemini option 'store' is {store!r}.", hint="Use True, False or None.")
        return cls(store=store)

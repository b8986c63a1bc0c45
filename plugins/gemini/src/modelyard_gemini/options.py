"""Options of Gemini in ``ProviderConfig(options=...)``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.provider import ConfigurationError

__all__ = ["GeminiOptions"]

_MOST_CONTINUATIONS = 32


@dataclass(frozen=True, slots=True)
class GeminiOptions:
    """``store`` says whether Google may log requests for the project's datasets.

    ``False``, the default, asks it not to, whatever the project's setting; ``True`` asks it to; ``None`` sends
    nothing, for gateways that do not know the field.

    ``max_continuations`` is how many further requests may be sent for one answer. Google cuts the long answers
    of Gemini 4 into segments (32,768 tokens, 65,536 streamed) and bills each request; 32 of the smaller kind fill
    the model's window. 0 takes the first segment as an answer that was cut off (``length``).
    """

    store: bool | None = False
    max_continuations: int = _MOST_CONTINUATIONS

    @classmethod
    def make(cls, options: Mapping[str, Any]) -> GeminiOptions:
        """Read the options; raises ``ConfigurationError`` for a value that is none."""
        store = options.get("store", False)
        if store is not None and not isinstance(store, bool):
            raise ConfigurationError(f"The gemini option 'store' is {store!r}.", hint="Use True, False or None.")
        limit = options.get("max_continuations", _MOST_CONTINUATIONS)
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise ConfigurationError(
                f"The gemini option 'max_continuations' is {limit!r}.", hint="Use a whole number, 0 for none."
            )
        return cls(store=store, max_continuations=limit)

"""Names that stand for models without being references: contexts of defaults, and patterns."""

from __future__ import annotations

from typing import Any, Final, get_args

from modelyard.catalog.card import Context
from modelyard.errors import ConfigurationError
from modelyard.suggest import did_you_mean

__all__ = ["CONTEXTS", "context_of", "is_pattern"]

CONTEXTS: Final[tuple[Context, ...]] = get_args(Context)


def context_of(name: str) -> Any:
    """The context a name asks for, ``default:chat`` for chat; ``None`` for a reference or a pattern.

    Raises ``ConfigurationError`` for a context that does not exist.
    """
    given: object = name  # callers without a type checker pass other things
    if not isinstance(given, str) or not given.startswith("default:"):
        return None
    context = given.removeprefix("default:")
    if context not in CONTEXTS:
        hint = did_you_mean(context, CONTEXTS) or f"Contexts are: {', '.join(CONTEXTS)}."
        raise ConfigurationError(f"{context!r} is no context of a default model.", hint=hint)
    return context


def is_pattern(name: str) -> bool:
    """Return whether a name is a pattern for references: it holds an asterisk, which no model id does."""
    given: object = name
    return isinstance(given, str) and "*" in given

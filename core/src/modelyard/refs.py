"""Model references: ``provider:model``, split once at the first colon."""

from __future__ import annotations

from typing import NamedTuple

from modelyard.errors import ConfigurationError

__all__ = ["PROVIDER_ALIASES", "ModelRef", "canonical_provider"]

PROVIDER_ALIASES = {"anthropic": "claude", "google": "gemini"}
"""Vendor names accepted in place of the provider ids."""


def canonical_provider(name: str) -> str:
    """The provider id behind a name: lower case, vendor names replaced."""
    lowered = name.strip().lower()
    return PROVIDER_ALIASES.get(lowered, lowered)


class ModelRef(NamedTuple):
    """A provider id and a model id; the model keeps any further colons."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"

    @classmethod
    def parse(cls, reference: str) -> ModelRef:
        """Read ``provider:model``.

        Raises ``ConfigurationError`` when the colon or either side is missing.
        """
        given: object = reference  # callers without a type checker pass other things
        if not isinstance(given, str):
            kind = type(given).__name__
            raise ConfigurationError(f"A model reference must be text like 'claude:claude-sonnet-5', not {kind}.")
        provider, colon, model = reference.partition(":")
        if not colon or not provider.strip() or not model.strip():
            raise ConfigurationError(
                f"{reference!r} is no model reference.",
                hint="Write provider:model, for example 'mistral:mistral-large-latest'.",
            )
        return cls(canonical_provider(provider), model.strip())

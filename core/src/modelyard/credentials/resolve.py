"""Where a provider's credential comes from, and whether it can be a credential at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from modelyard.credentials.secret import Secret
from modelyard.errors import ConfigurationError
from modelyard.plugins.info import ProviderInfo

__all__ = ["Credential", "find_credential", "missing_credential"]


@dataclass(frozen=True, slots=True)
class Credential:
    """A key and where it was found; its text form shows a fingerprint, never the key."""

    secret: Secret
    source: str

    @property
    def fingerprint(self) -> str:
        """Eight characters that tell two keys apart without showing either."""
        return self.secret.fingerprint


def find_credential(
    info: ProviderInfo,
    *,
    request: str | Secret | None = None,
    configured: str | Secret | None = None,
    environ: Mapping[str, str] | None = None,
) -> Credential | None:
    """Find a provider's credential: the request's, then the configured one, then the environment's.

    A blank value counts as absent. Raises ``ConfigurationError``, without the value, for a key that no HTTP
    header can carry.
    """
    if request is not None:
        found = _usable(request, "the request's credential", info)
        if found is not None:
            return found
    if configured is not None:
        found = _usable(configured, "the api_key setting", info)
        if found is not None:
            return found
    source = os.environ if environ is None else environ
    for variable in info.api_key_variables:
        found = _usable(source.get(variable, ""), variable, info)
        if found is not None:
            return found
    return None


def missing_credential(info: ProviderInfo) -> ConfigurationError:
    """The error for a provider that needs a key and has none."""
    variables = " or ".join(info.api_key_variables)
    return ConfigurationError(
        f"No API key was found for {info.name}.",
        hint=f"Set {variables}, or pass Runtime(providers={{{info.id!r}: {{'api_key': ...}}}}).",
    )


def _usable(value: str | Secret, source: str, info: ProviderInfo) -> Credential | None:
    text = value.reveal() if isinstance(value, Secret) else value
    if not text.strip():
        return None
    problem = _problem(text)
    if problem is not None:
        raise ConfigurationError(
            f"The API key for {info.name} from {source} {problem}.",
            hint="Copy the key again; its value is not shown here.",
        )
    return Credential(value if isinstance(value, Secret) else Secret(value), source)


def _problem(text: str) -> str | None:
    """What makes a text unfit to be sent as a key, in words that do not repeat it."""
    if "\n" in text or "\r" in text:
        return "contains a line break"
    if text != text.strip():
        return "begins or ends with white space"
    if text[0] in "'\"`" or text[-1] in "'\"`":
        return "is wrapped in quotation marks"
    if not text.isascii():
        return "contains a character that is not ASCII (a byte-order mark, perhaps)"
    if not text.isprintable() or " " in text:
        return "contains a space or a control character"
    return None

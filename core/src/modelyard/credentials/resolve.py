"""Resolution of a provider's credential: its source, and whether it can be a credential at all."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from modelyard.credentials.secret import Secret, conceal
from modelyard.errors import ConfigurationError
from modelyard.types.provider import ProviderInfo

if TYPE_CHECKING:
    from modelyard.config import ProviderConfig

__all__ = [
    "Credential",
    "CredentialQuery",
    "CredentialResolver",
    "CredentialScope",
    "find_credential",
    "keys_of",
    "missing_credential",
]

CredentialScope: TypeAlias = Literal["request", "user", "workspace"]
_SCOPES: tuple[CredentialScope, ...] = ("request", "user", "workspace")


@dataclass(frozen=True, slots=True)
class Credential:
    """A key and where it was found; its text form shows a fingerprint, never the key."""

    secret: Secret
    source: str

    @property
    def fingerprint(self) -> str:
        """Eight hex digits to show; two keys may share them, so nothing is told apart by them."""
        return self.secret.fingerprint


@dataclass(frozen=True, slots=True)
class CredentialQuery:
    """Question to a resolver: whose key for which provider. ``user`` is the request's ``user``."""

    provider: str
    user: str | None = None


class CredentialResolver(Protocol):
    """The host's own store of keys.

    Asked at every call, for the request, then for the user, then for the workspace, until it gives a key; ``None``
    or blank is none. It must answer at once, from memory: streams are prepared without waiting.
    """

    def __call__(self, scope: CredentialScope, query: CredentialQuery) -> str | Secret | None:
        """The key of a scope for a provider, if there is one."""


def find_credential(
    info: ProviderInfo,
    *,
    request: str | Secret | None = None,
    resolver: CredentialResolver | None = None,
    query: CredentialQuery | None = None,
    configured: str | Secret | None = None,
    environ: Mapping[str, str] | None = None,
    resolver_name: str = "the resolver",
) -> Credential | None:
    """Find a provider's credential.

    In order: the request's, what the resolver gives for the request, the user and the workspace, the configured
    one, the environment's. A blank value counts as absent. ``resolver_name`` is what the resolver is called in
    errors and sources. Raises ``ConfigurationError``, without the value, for a
    key that no HTTP header can carry.
    """
    if request is not None:
        found = _usable(request, "the request's credential", info)
        if found is not None:
            return found
    if resolver is not None:
        found = _resolved(info, resolver, query or CredentialQuery(info.id), resolver_name)
        if found is not None:
            return found
    if configured is not None:
        found = _usable(configured, "the api_key setting", info)
        if found is not None:
            return found
    for variable in info.api_key_variables:
        found = _usable(_variable(variable, environ), variable, info)
        if found is not None:
            return found
    return None


def keys_of(config: ProviderConfig) -> tuple[Secret, ...]:
    """The keys of a provider's settings, blank and repeated ones left out."""
    keys = [config.api_key, *config.api_keys]
    secrets = [key for key in keys if isinstance(key, Secret) and key.reveal().strip()]
    return tuple(dict.fromkeys(secrets))


def missing_credential(info: ProviderInfo) -> ConfigurationError:
    """The error for a provider that needs a key and has none."""
    variables = " or ".join(info.api_key_variables)
    return ConfigurationError(
        f"No API key was found for {info.name}.",
        hint=f"Set {variables}, or pass Runtime(providers={{{info.id!r}: {{'api_key': ...}}}}).",
    )


def _resolved(
    info: ProviderInfo, resolver: CredentialResolver, query: CredentialQuery, name: str
) -> Credential | None:
    for scope in _SCOPES:
        given, problem = _asked(resolver, scope, query, name)
        if problem is not None:
            raise problem
        found = _usable(given, f"{name} ({scope})", info) if given is not None else None
        if found is not None:
            return found
    return None


def _asked(
    resolver: CredentialResolver, scope: CredentialScope, query: CredentialQuery, name: str
) -> tuple[Secret | None, ConfigurationError | None]:
    """What a resolver gives, or what is wrong with it: returned, since this frame holds what the resolver said."""
    try:
        given: object = resolver(scope, query)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a CancelledError too: it is called and returns, nothing can cancel it
        return None, ConfigurationError(
            f"{_called(name)} failed for the {scope} with {type(error).__name__}.",
            hint="What it said is not repeated here. It should return None where it has no key.",
        )
    if given is None or isinstance(given, (str, Secret)):
        return None if given is None else conceal(given), None
    if inspect.iscoroutine(given):
        given.close()
    return None, ConfigurationError(
        f"{_called(name)} returned {type(given).__name__} for the {scope}, not a key or None.",
        hint="It must be a plain function that answers from memory, not a coroutine function.",
    )


def _called(name: str) -> str:
    return "The credential resolver" if name == "the resolver" else name


def _variable(name: str, environ: Mapping[str, str] | None) -> Secret:
    return Secret((os.environ if environ is None else environ).get(name, ""))


def _usable(value: str | Secret, source: str, info: ProviderInfo) -> Credential | None:
    value = conceal(value)  # a traceback may show the locals of this frame
    if not value.reveal().strip():
        return None
    problem = _problem(value.reveal())
    if problem is not None:
        raise ConfigurationError(
            f"The API key for {info.name} from {source} {problem}.",
            hint="Copy the key again; its value is not shown here.",
        )
    return Credential(value, source)


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

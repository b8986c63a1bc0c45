"""The ways to each provider: settings with the credential and base URL they lead to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from modelyard.bounds import Bounds
from modelyard.config import ProviderConfig, find_base_url
from modelyard.credentials.known_secrets import query_secrets, settings_secrets
from modelyard.credentials.redactor import Redactor
from modelyard.credentials.resolve import CredentialQuery, find_credential, keys_of
from modelyard.credentials.secret import Secret
from modelyard.deployments.session_pool import OPEN_AT_LEAST, SessionPool, SessionUse
from modelyard.errors import ConfigurationError
from modelyard.loading.kinds import CREDENTIALS
from modelyard.log import logger
from modelyard.session import SessionSettings
from modelyard.types.isolated import copied

if TYPE_CHECKING:
    from modelyard.credentials.resolve import Credential, CredentialResolver
    from modelyard.loading.binding import ProviderBinding
    from modelyard.loading.extensions import Extensions
    from modelyard.tls import SharedTls
    from modelyard.types.provider import ProviderInfo

__all__ = ["Endpoint", "Endpoints"]

Given: TypeAlias = "str | Secret | None"


class _Seen(tuple[str | None, ...]):
    """Values of variables, keys among them: a traceback may show the locals of a frame."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<environment>"


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One way to a provider.

    ``use_at`` begins the use of a session at a base URL, ``None`` for the provider's own. ``marks`` is a digest of
    what else may be a credential: headers, the query of the base URL, and clients of the host's own. ``redactor``
    cuts every secret among its settings out of texts.
    """

    binding: ProviderBinding
    config: ProviderConfig
    credential: Credential | None
    base_url: str | None
    use_at: Callable[[str | None], SessionUse] = field(repr=False)
    marks: str = field(default="", repr=False)
    redactor: Redactor = field(default_factory=Redactor, repr=False)


class Endpoints:
    """Finds the endpoints of each provider, and opens sessions there. Safe to use from several threads.

    What settings and environment give is worked out once, and again when a variable it depends on has changed.
    """

    def __init__(
        self,
        configs: Mapping[str, tuple[ProviderConfig, ...]],
        *,
        resolver: CredentialResolver | None,
        connect_timeout: float | None,
        tls: SharedTls,
        bounds: Bounds | None = None,
        extensions: Extensions | None = None,
    ) -> None:
        self._bounds = bounds or Bounds()
        open_within = None if connect_timeout is None else max(connect_timeout, OPEN_AT_LEAST)
        self.sessions = SessionPool(self._bounds, open_within)
        self._configs = configs
        self._resolver = resolver
        self._extensions = extensions
        self._connect_timeout = connect_timeout
        self._tls = tls
        self._known: dict[str, tuple[_Seen, tuple[Endpoint, ...]]] = {}
        self._failing: set[str] = set()
        self._redactors: dict[tuple[str, int], Redactor] = {}

    @property
    def steady(self) -> bool:
        """True if endpoints depend on settings and environment alone, and not on who asks."""
        return self._resolver is None and not self._installed

    def configs(self, provider: str) -> tuple[ProviderConfig, ...]:
        """The settings of a provider, one for each deployment of its models."""
        return self._configs.get(provider) or (ProviderConfig(),)

    def of(self, binding: ProviderBinding, given: Given = None, user: str | None = None) -> tuple[Endpoint, ...]:
        """The endpoints of a provider that can be called, in the order configured.

        Empty when none has a credential. Raises ``ConfigurationError`` for a credential or URL that is no good.
        """
        if given is not None or self._resolver is not None:
            found = self._of_caller(binding, given, user)
            if found:
                return found
        stated = self._stated(binding)
        if not self._installed or any(_has_key(each) for each in stated):
            return stated
        return self._of_packages(binding, user) or stated

    @cached_property
    def _installed(self) -> bool:
        """Whether packages bring credentials."""
        return self._extensions is not None and bool(self._extensions.names(CREDENTIALS))

    def _stated(self, binding: ProviderBinding) -> tuple[Endpoint, ...]:
        """The endpoints that settings and environment give."""
        provider = binding.info.id
        seen = _environment(binding.info)
        known = self._known.get(provider)
        if known is not None and known[0] == seen and (not known[1] or known[1][0].binding is binding):
            return known[1]
        endpoints = tuple(
            endpoint
            for number, config in enumerate(self.configs(provider))
            for endpoint in self._of_config(binding, config, number)
        )
        self._known[provider] = seen, endpoints
        return endpoints

    def _of_caller(self, binding: ProviderBinding, given: Given, user: str | None) -> tuple[Endpoint, ...]:
        """The endpoints for a credential that came with the request or from the host's resolver."""
        query = CredentialQuery(binding.info.id, user)
        credential = find_credential(binding.info, request=given, resolver=self._resolver, query=query, environ={})
        return () if credential is None else self._with(binding, credential)

    def _of_packages(self, binding: ProviderBinding, user: str | None) -> tuple[Endpoint, ...]:
        """The endpoints for a credential that an installed package gives, where nobody else gave one."""
        assert self._extensions is not None
        query, problem = CredentialQuery(binding.info.id, user), None
        for each in self._extensions.all(CREDENTIALS):
            name = f"the resolver {each.name} of {each.where}"
            try:
                credential = find_credential(
                    binding.info, resolver=each.value, query=query, environ={}, resolver_name=name
                )
            except ConfigurationError as error:
                problem = problem or error
                self._warn(name, error)
                continue
            if credential is not None:
                return self._with(binding, credential)
        if problem is not None and not binding.info.key_optional:
            raise problem
        return ()

    def _warn(self, resolver: str, error: ConfigurationError) -> None:
        """Tell once of each resolver that fails: it is asked with every call."""
        if resolver not in self._failing:
            self._failing.add(resolver)
            logger("credentials").warning("%s It is passed over.", error.message)

    def _with(self, binding: ProviderBinding, credential: Credential) -> tuple[Endpoint, ...]:
        """The endpoints of all settings of a provider, with one credential that is not theirs."""
        return tuple(
            self._make(binding, config, credential, number, lasting=False)
            for number, config in enumerate(self.configs(binding.info.id))
        )

    def _of_config(self, binding: ProviderBinding, config: ProviderConfig, number: int) -> tuple[Endpoint, ...]:
        keys = keys_of(config)
        found = [find_credential(binding.info, configured=key, environ={}) for key in keys]
        credentials = [credential for credential in found if credential is not None]
        if not credentials:
            credential = find_credential(binding.info)
            if credential is None and not binding.info.key_optional and config.client is None:
                return ()
            return (self._make(binding, config, credential, number),)
        return tuple(self._make(binding, config, credential, number) for credential in credentials)

    def _make(
        self,
        binding: ProviderBinding,
        config: ProviderConfig,
        credential: Credential | None,
        number: int,
        *,
        lasting: bool = True,
    ) -> Endpoint:
        """An endpoint; ``lasting`` says that its credential is one of few, and not one of a caller's."""
        info = binding.info
        secret = credential.secret if credential else None
        root, query = find_base_url(info, config)
        redactor = self._redactor(info.id, number, config).plus(_secrets(secret, query))

        def settings(base_url: str | None) -> SessionSettings:
            return SessionSettings(
                info=info,
                credential=credential,
                base_url=base_url,
                http_client=config.http_client,
                client=config.client,
                transport=config.transport,
                proxy=config.proxy,
                max_connections=config.max_connections,
                connect_timeout=self._connect_timeout,
                headers=dict(config.headers),
                options=copied(config.options),
                tls=self._tls.trusting(config.trust),
                bounds=self._bounds,
                query=query,
                redactor=redactor,
            )

        def use_at(base_url: str | None) -> SessionUse:
            way = (secret, base_url, query, number)
            return self.sessions.use(info.id, way, lambda: binding.open(settings(base_url)), lasting=lasting)

        return Endpoint(binding, config, credential, root, use_at, _marks(config, number, query), redactor)

    def _redactor(self, provider: str, number: int, config: ProviderConfig) -> Redactor:
        """What cuts out the secrets of settings, keys aside: made once, for they never change."""
        known = self._redactors.get((provider, number))
        if known is None:
            known = self._redactors[provider, number] = Redactor(settings_secrets(config))
        return known

    def problem(self, binding: ProviderBinding) -> str | None:
        """Reason why a provider cannot be called, checked offline; ``None`` when it can."""
        try:
            return None if self.of(binding) else "no API key was found"
        except ConfigurationError as error:
            return str(error)


def _has_key(endpoint: Endpoint) -> bool:
    return endpoint.credential is not None or endpoint.config.client is not None


def _secrets(secret: Secret | None, query: Secret | None) -> Iterator[str | Secret]:
    if secret is not None:
        yield secret
    if query is not None:
        yield from query_secrets(query.reveal())


def _marks(config: ProviderConfig, number: int, query: Secret | None) -> str:
    """What tells settings apart beside key and address; empty for most."""
    own_client = config.client is not None or config.http_client is not None
    if not config.headers and not own_client and query is None:
        return ""
    told = sorted((name.lower(), value) for name, value in config.headers.items())
    return Secret(repr((told, number if own_client else None, query and query.reveal()))).digest


def _environment(info: ProviderInfo) -> _Seen:
    """What the variables a provider depends on say now."""
    get = os.environ.get
    names = (*info.api_key_variables, info.base_url_variable, *info.base_url_variables)
    return _Seen([get(name) for name in names])

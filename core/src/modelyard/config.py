"""Settings a host gives for a provider, and what becomes of them with the environment added."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast, get_args
from urllib.parse import urlencode

from modelyard.credentials.secret import Misfit, Secret, Veiled, conceal
from modelyard.credentials.veil import SecretHeaders
from modelyard.errors import ConfigurationError
from modelyard.settings_check import (
    bare_errors,
    ca_problem,
    client_cert_problem,
    headers_problem,
    key_problem,
    keys_problem,
    number_problem,
    options_problem,
    parameters_problem,
    secret_in_query,
    text_problem,
)
from modelyard.suggest import did_you_mean
from modelyard.types.provider import ProviderInfo
from modelyard.urls import split_query, url_problem

if TYPE_CHECKING:
    from modelyard.tls import Trust

__all__ = ["ProviderConfig", "find_base_url"]

Transport: TypeAlias = Literal["aiohttp", "httpx"]
ClientCert: TypeAlias = "str | PathLike[str] | tuple[str | PathLike[str] | Secret | None, ...]"


@bare_errors
@dataclass(frozen=True, slots=True, repr=False)
class ProviderConfig:
    """Settings for one provider; everything left out comes from the environment or the plugin.

    ``base_url`` is the provider's root, with or without its version path; a query in it is kept behind the
    path of every request, and shown nowhere. ``query`` gives further parameters by name, keys among them.
    ``http_client`` is a client of the family the plugin uses (``httpx`` for openai and gemini, ``httpx2`` for
    claude and mistral); the host closes it. ``client`` is an SDK client of the vendor, for plugins that take
    one. ``transport`` chooses what carries a client of ours: ``aiohttp``, fast under load, or plain ``httpx``.
    ``proxy`` is a URL, ``""`` for none whatever the environment says. ``ca`` is a file or folder of
    certificates to trust instead of the operating system's, ``client_cert`` what to show to a server that asks
    for one: a file, ``(certificate, key)`` or ``(certificate, key, password)``. ``options`` are the plugin's
    own. The values of ``headers`` are secrets, as are those of ``options`` under a secret's name.

    Each of ``api_keys`` makes a deployment of its own, beside ``api_key``; so does each config of a list given for
    one provider. ``region`` says where the deployment is served, ``retention_days`` how long your contract lets
    the provider keep content, ``weight`` its share of a weighted route.
    """

    api_key: str | Secret | None = None
    api_keys: Sequence[str | Secret] = ()
    base_url: str | None = None
    query: Mapping[str, str | Secret] = field(default_factory=dict)
    http_client: object | None = None
    client: object | None = None
    transport: Transport = "aiohttp"
    proxy: str | None = None
    ca: str | PathLike[str] | None = None
    client_cert: ClientCert | None = None
    max_connections: int = 1000
    headers: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    region: str | None = None
    retention_days: int | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        for name, problem in self._problems():
            if problem is not None:
                raise ConfigurationError(f"{name} {problem}.", hint=_HINTS.get(name))
        put = object.__setattr__
        if isinstance(self.api_key, str):
            put(self, "api_key", Secret(self.api_key))
        put(self, "api_keys", tuple(map(conceal, self.api_keys)))
        put(self, "headers", SecretHeaders({name: _plain(value) for name, value in self.headers.items()}))
        put(self, "options", Veiled(self.options))
        put(self, "query", Veiled({name: conceal(value) for name, value in self.query.items()}))
        if self.ca is not None:
            put(self, "ca", _path(self.ca))
        if self.client_cert is not None:
            put(self, "client_cert", _client_cert(self.client_cert))

    def _problems(self) -> Iterator[tuple[str, str | None]]:
        """Each setting, and what is wrong with it."""
        yield "api_key", key_problem(self.api_key)
        yield "api_keys", keys_problem(self.api_keys)
        if self.base_url is not None:
            yield "base_url", url_problem(self.base_url) or secret_in_query(self.base_url)
        yield "query", parameters_problem(self.query) or self._query_problem()
        if self.transport not in get_args(Transport):
            yield "transport", "must be 'aiohttp' or 'httpx'"
        if self.proxy is not None and self.proxy != "":
            yield "proxy", url_problem(self.proxy, schemes=_PROXY_SCHEMES, user_info=True)
        for name, check in (("ca", ca_problem), ("client_cert", client_cert_problem)):
            value = getattr(self, name)
            if value is not None:
                yield name, check(value) or self._client_problem()
        yield "max_connections", number_problem(self.max_connections, least=1, whole=True)
        yield "headers", headers_problem(self.headers)
        yield "options", options_problem(self.options)
        if self.region is not None:
            yield "region", text_problem(self.region)
        if self.retention_days is not None:
            yield "retention_days", number_problem(self.retention_days)
        yield "weight", number_problem(self.weight)

    def _query_problem(self) -> str | None:
        if self.http_client is None or not (self.query or "?" in str(self.base_url)):
            return None
        return "of base_url, or of its own, is for an http_client of your own to send"

    @property
    def trust(self) -> Trust:
        """Whose certificates are believed, and which one is shown."""
        from modelyard.tls import Trust

        return Trust(cast("str | None", self.ca), cast("Any", self.client_cert))

    def _client_problem(self) -> str | None:
        given = self.http_client is not None or self.client is not None
        return "is for a client of ours, and you give your own" if given else None

    def __repr__(self) -> str:
        """What was set: values that may be secrets by their names only."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        shown = [f"{name}={_shown(name, value)}" for name, value in values.items() if value not in (None, (), {})]
        return f"ProviderConfig({', '.join(shown)})"

    @classmethod
    def make(cls, value: ProviderConfig | Mapping[str, Any], provider: str) -> ProviderConfig:
        """Take a config, or make one of a plain dict.

        Raises ``ConfigurationError`` for a setting that does not exist, naming the one probably meant.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            other: object = value
            given = other.kind if isinstance(other, Misfit) else type(other).__name__
            raise ConfigurationError(
                f"The settings for {provider!r} must be a ProviderConfig or a dict, not {given}.",
                hint=f"Write {{{provider!r}: {{'api_key': ...}}}}.",
            )
        known = [entry.name for entry in fields(cls)]
        for name in value:
            if name not in known:
                raise ConfigurationError(
                    f"{name!r} is no setting of a provider (given for {provider!r}).",
                    hint=did_you_mean(str(name), known) or f"Settings are: {', '.join(known)}.",
                )
        return cls(**value)

    @classmethod
    def make_all(
        cls,
        value: ProviderConfig | Mapping[str, Any] | Sequence[ProviderConfig | Mapping[str, Any]],
        provider: str,
    ) -> tuple[ProviderConfig, ...]:
        """Take what is given for a provider: one config, or a list of them for a pool of deployments."""
        if not isinstance(value, (list, tuple)):
            return (cls.make(cast("Mapping[str, Any]", value), provider),)
        if not value:
            raise ConfigurationError(f"The list of settings for {provider!r} is empty.")
        return tuple(cls.make(each, provider) for each in value)


_PROXY_SCHEMES: Final = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_SHOWN: Final = ("api_key", "api_keys", "transport", "max_connections", "region", "retention_days", "weight")
_HINTS: Final = {
    "api_key": "Its value is not shown here.",
    "base_url": "Write the provider's root, for example https://api.example.com; a key belongs into api_key, one "
    "that goes into the URL into query={'key': ...}, a user name and password into "
    "headers={'authorization': 'Basic ...'}.",
    "query": "Give a dict of texts; with an http_client of your own, give them to that client (params=).",
    "proxy": "Write http://host:port or http://user:password@host:port; its value is not shown here.",
    "headers": "Values are not shown here.",
    "ca": "Give a file of certificates in PEM form, or a folder of such files.",
    "client_cert": "Give a file in PEM form with certificate and key, or (certificate, key[, password]).",
}


def _shown(name: str, value: object) -> str:
    if name == "base_url":
        return repr(split_query(str(value))[0])
    return repr(value) if name in _SHOWN else "..."


def _plain(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _path(value: str | PathLike[str]) -> str:
    return str(Path(value).expanduser())


def _client_cert(value: Any) -> tuple[str, str | None, Secret | None]:
    """The three parts of a client certificate, as ``modelyard.tls.Trust`` has them."""
    parts = [*(value if isinstance(value, (tuple, list)) else (value,)), None, None]
    certificate, key, password = parts[:3]
    return _path(certificate), key and _path(key), conceal(password) if password else None


def find_base_url(
    info: ProviderInfo, config: ProviderConfig, environ: Mapping[str, str] | None = None
) -> tuple[str | None, Secret | None]:
    """The base URL to use, and the query that goes behind the path of every request.

    The configured one, then the environment's, else ``None`` for the default. Raises ``ConfigurationError``,
    without the value, for one of the environment that is none.
    """
    root, query = _root_and_query(info, config.base_url, environ)
    if not config.query:
        return root, query
    own = urlencode({name: conceal(value).reveal() for name, value in config.query.items()})
    return root, Secret(own if query is None else f"{query.reveal()}&{own}")


def _root_and_query(
    info: ProviderInfo, configured: str | None, environ: Mapping[str, str] | None
) -> tuple[str | None, Secret | None]:
    if configured:
        return split_query(configured)
    for variable in (info.base_url_variable, *info.base_url_variables):
        value = Secret(_variable(variable, environ))
        if not value.reveal():
            continue
        problem = url_problem(value.reveal()) or secret_in_query(value.reveal())
        if problem is not None:
            raise ConfigurationError(f"{variable} {problem}.", hint=_HINTS["base_url"])
        return split_query(value.reveal())
    return None, None


def _variable(name: str, environ: Mapping[str, str] | None) -> str:
    return (os.environ if environ is None else environ).get(name, "").strip()

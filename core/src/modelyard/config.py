"""Settings a host gives for a provider, and what becomes of them with the environment added."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias, cast, get_args
from urllib.parse import urlsplit

from modelyard.catalog.suggest import did_you_mean
from modelyard.credentials.secret import Secret
from modelyard.errors import ConfigurationError
from modelyard.plugins.info import ProviderInfo

__all__ = ["Deadlines", "ProviderConfig", "find_base_url"]

Transport: TypeAlias = Literal["aiohttp", "httpx"]


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """Settings for one provider; everything left out comes from the environment or the plugin.

    ``base_url`` is the provider's root, with or without its version path. ``http_client`` is a client of the
    family the plugin uses (``httpx`` for openai and gemini, ``httpx2`` for claude and mistral); the host
    closes it. ``client`` is an SDK client of the vendor, for plugins that take one. ``transport`` chooses what
    carries a client of ours: ``aiohttp``, fast under load, or plain ``httpx``. ``proxy`` is a URL, ``""`` for
    none whatever the environment says. ``options`` are the plugin's own.

    Each of ``api_keys`` makes a deployment of its own, beside ``api_key``; so does each config of a list given for
    one provider. ``region`` says where the deployment is served, ``retention_days`` how long your contract lets
    the provider keep content, ``weight`` its share of a weighted route.
    """

    api_key: str | Secret | None = None
    api_keys: Sequence[str | Secret] = ()
    base_url: str | None = None
    http_client: object | None = field(default=None, repr=False)
    client: object | None = field(default=None, repr=False)
    transport: Transport = "aiohttp"
    proxy: str | None = None
    max_connections: int = 1000
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    region: str | None = None
    retention_days: int | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.api_key, str):
            object.__setattr__(self, "api_key", Secret(self.api_key))
        if isinstance(self.api_keys, str):
            raise ConfigurationError("api_keys must be a list of keys; one key is the setting api_key.")
        keys = tuple(Secret(key) if isinstance(key, str) else key for key in self.api_keys)
        object.__setattr__(self, "api_keys", keys)
        for name in ("retention_days", "weight"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0):
                raise ConfigurationError(f"{name} must be a number from 0 on, not {value!r}.")
        if self.transport not in get_args(Transport):
            raise ConfigurationError(f"transport must be 'aiohttp' or 'httpx', not {self.transport!r}.")
        if self.base_url is not None:
            check_url(self.base_url, "base_url")

    @classmethod
    def make(cls, value: ProviderConfig | Mapping[str, Any], provider: str) -> ProviderConfig:
        """Take a config, or make one of a plain dict.

        Raises ``ConfigurationError`` for a setting that does not exist, naming the one probably meant.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise ConfigurationError(
                f"The settings for {provider!r} must be a ProviderConfig or a dict, not {type(value).__name__}."
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


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long to wait, in seconds; ``None`` is for ever.

    ``connect`` until the connection stands, ``first_output`` until a stream's first event,
    ``between_outputs`` from one event to the next (pings do not count), ``total`` for the whole call. The
    defaults leave a reasoning model ten minutes to think before its first word.
    """

    connect: float | None = 10.0
    first_output: float | None = 600.0
    between_outputs: float | None = 180.0
    total: float | None = 1800.0

    @classmethod
    def make(cls, value: Deadlines | Mapping[str, float | None] | float | None) -> Deadlines:
        """Take deadlines, make them of a dict, or take a number as ``total``."""
        if value is None:
            return cls()
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            unknown = set(value) - {entry.name for entry in fields(cls)}
            if unknown:
                raise ConfigurationError(f"{sorted(unknown)[0]!r} is no deadline.", hint=f"{cls()!r}")
            return cls(**value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return cls(total=float(value))
        raise ConfigurationError(f"deadlines must be numbers of seconds, not {type(value).__name__}.")

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value is not None and not value >= 0:
                raise ConfigurationError(f"The deadline {entry.name} must not be negative, it is {value!r}.")


def check_url(url: str, where: str) -> str:
    """Give the URL back if it is one with a scheme and a host; ``where`` names it in the error."""
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_fine = urlsplit(""), False
    if parts.scheme in ("http", "https") and parts.hostname and port_is_fine and url.isascii() and " " not in url:
        return url
    raise ConfigurationError(
        f"{where} is no URL: {url!r}.", hint="Write the provider's root, for example https://api.example.com"
    )


def find_base_url(
    info: ProviderInfo, configured: str | None, environ: Mapping[str, str] | None = None
) -> str | None:
    """The base URL to use: the configured one, then the environment's, else ``None`` for the default."""
    if configured:
        return configured
    source = os.environ if environ is None else environ
    for variable in (info.base_url_variable, *info.base_url_variables):
        value = source.get(variable, "").strip()
        if value:
            return check_url(value, variable)
    return None

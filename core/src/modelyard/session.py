"""The session a plugin opens to make calls, and everything it may use for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from modelyard.bounds import Bounds
from modelyard.credentials.redactor import Redactor
from modelyard.credentials.resolve import Credential
from modelyard.types.provider import ProviderInfo

if TYPE_CHECKING:
    import ssl

    from modelyard.config import Transport
    from modelyard.credentials.secret import Secret

__all__ = ["Session", "SessionSettings"]


class Session(Protocol):
    """A plugin's means to make calls; opaque to the core but for its end."""

    async def aclose(self) -> None:
        """Close whatever the plugin opened; what the host handed in stays open."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Everything ``modelyard_open`` may use.

    ``base_url`` is ``None`` where neither host nor environment names one; ``query`` is what it had for a query, to
    be sent behind the path of every request (clients of ``make_client`` do so). ``credential`` is ``None`` only
    for providers whose key is optional. ``tls`` gives the one TLS context all clients share.
    ``connect_timeout`` is in seconds, ``bounds`` say how much of an answer to take. ``redactor`` knows the secrets
    among these settings.
    """

    info: ProviderInfo
    credential: Credential | None
    base_url: str | None
    http_client: object | None = field(repr=False)
    client: object | None = field(repr=False)
    transport: Transport
    proxy: str | None = field(repr=False)
    max_connections: int
    connect_timeout: float | None
    headers: Mapping[str, str] = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    tls: Callable[[], ssl.SSLContext] = field(repr=False)
    bounds: Bounds = field(default_factory=Bounds, repr=False)
    query: Secret | None = field(default=None, repr=False)
    redactor: Redactor = field(default_factory=Redactor, repr=False)

"""The official client: a host's own, or one made for a session. Importing this module imports it (0.2 s)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from mistralai.client import Mistral
from mistralai.client.utils import get_security

from modelyard.errors import ConfigurationError

if TYPE_CHECKING:
    from mistralai.client.httpclient import AsyncHttpClient

__all__ = ["authorization", "check_host_client", "make_sdk", "root_of"]


class _NoSyncClient:
    """Stands in for the synchronous HTTP client, which would cost a TLS context and is never called."""

    def send(self, *args: object, **kwargs: object) -> NoReturn:
        """Refuse."""
        raise ConfigurationError("Modelyard's Mistral client is asynchronous only.")

    def build_request(self, *args: object, **kwargs: object) -> NoReturn:
        """Refuse."""
        raise ConfigurationError("Modelyard's Mistral client is asynchronous only.")

    def close(self) -> None:
        """Nothing is open."""


def make_sdk(reveal_key: Callable[[], str], root: str, http_client: AsyncHttpClient) -> Mistral:
    """An official client over an HTTP client of ours, which it will not close.

    The key is given as a function, so that it stands in no text form of the client's configuration.
    """
    return Mistral(api_key=reveal_key, server_url=root, client=_NoSyncClient(), async_client=http_client)


def check_host_client(client: object) -> Mistral:
    """The host's official client; raises ``ConfigurationError`` for anything else."""
    if isinstance(client, Mistral):
        return client
    raise ConfigurationError(
        f"The client for 'mistral' is a {type(client).__module__}.{type(client).__qualname__}.",
        hint="Pass a mistralai.client.Mistral, or settings without client.",
    )


def root_of(sdk: Mistral) -> str:
    """The root URL a client calls."""
    root, _ = sdk.sdk_configuration.get_server_details()
    return root


def authorization(sdk: Mistral) -> Mapping[str, str]:
    """The headers a client signs a call with; asked for each call, for a host's key may change."""
    security: Any = sdk.sdk_configuration.security
    headers, _ = get_security(security() if callable(security) else security)
    return {name.lower(): value for name, value in headers.items()}

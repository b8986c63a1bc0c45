"""The official client: a host's own, or one made for a session. Importing this module imports it (0.2 s)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, cast

import httpx2
from mistralai.client import Mistral
from mistralai.client.utils import get_security

from modelyard.provider import Bounds, ConfigurationError, guarded_client, parse_json_object

if TYPE_CHECKING:
    from mistralai.client.httpclient import AsyncHttpClient

__all__ = ["authorization", "bounded", "check_host_client", "make_sdk", "root_of"]

Warn: TypeAlias = Callable[[Any, str], None]

DEPRECATION_HEADER = "x-model-deprecation-timestamp"


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


class _Undeprecated:
    """The session's HTTP client, taking the deprecation header from what arrives.

    Seeing it, the official client reads the body of a stream nobody has read yet, and the ``model`` of answers
    that have none, and fails (mistralai 3.7.0, ``_hooks/deprecation_warning.py``). ``warn`` is told instead.
    """

    def __init__(self, http_client: AsyncHttpClient, warn: Warn, headers: Mapping[str, str]) -> None:
        self._http_client = http_client
        self._warn = warn
        self._headers = headers

    async def send(self, request: Any, **options: Any) -> Any:
        """Send a request."""
        response = await self._http_client.send(request, **options)
        self._warn(response, _model_in(request))
        response.headers.pop(DEPRECATION_HEADER, None)
        return response

    def build_request(self, *args: Any, **kwargs: Any) -> Any:
        """Make a request; headers of the session that the client does not set itself are added."""
        request = self._http_client.build_request(*args, **kwargs)
        for name, value in self._headers.items():
            request.headers.setdefault(name, value)
        return request

    async def aclose(self) -> None:
        """Leave the client open: it is the session's."""


def make_sdk(
    reveal_key: Callable[[], str],
    root: str,
    http_client: AsyncHttpClient,
    warn: Warn,
    headers: Mapping[str, str] | None = None,
) -> Mistral:
    """An official client over an HTTP client of ours, which it will not close.

    The key is given as a function, so that it stands in no text form of the client's configuration. ``warn``
    gets every response, and the model asked for, before the client does. ``headers`` are the host's, which a
    gateway may ask for.
    """
    shared = cast("AsyncHttpClient", _Undeprecated(http_client, warn, headers or {}))
    return Mistral(api_key=reveal_key, server_url=root, client=_NoSyncClient(), async_client=shared)


def bounded(http_client: object, owned: bool, bounds: Bounds) -> object:
    """An HTTP client whose bodies are bounded, which the official client reads whole: ours, or around a host's."""
    return http_client if owned else guarded_client(httpx2, http_client, bounds)


def _model_in(request: Any) -> str:
    """The model a request of the official client asks for."""
    try:
        body = parse_json_object(request.content)
    except Exception:  # the body is a stream, as of a file that is uploaded
        body = None
    return str((body or {}).get("model", "it was asked for"))


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

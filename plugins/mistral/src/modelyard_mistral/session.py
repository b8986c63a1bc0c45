"""The way to Mistral: plain HTTP for the calls, the official client at hand for everything else.

The official client's chat methods make pydantic classes for every call and event (6 ms and 440 us each), and
fail on a stream whose head carries ``x-model-deprecation-timestamp``; importing it alone costs a process some
0.2 s. So it is imported only when a host brings one of its own or asks for one, and shares the HTTP client, the
key and the server of the session.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, cast

from modelyard.provider import (
    AsyncClient,
    Bounds,
    Credential,
    HttpSession,
    ModelCard,
    Request,
    Response,
    ResponseInfo,
    SessionSettings,
    StreamDecoder,
    WireRequest,
    join_base,
    logger,
    make_client,
    without_version,
)
from modelyard_mistral.counting import count_tokens
from modelyard_mistral.errors import find_request_id
from modelyard_mistral.events import MistralDecoder
from modelyard_mistral.listing import list_models
from modelyard_mistral.options import SERVERS, MistralOptions
from modelyard_mistral.request import ChatRequest, build_chat_request

if TYPE_CHECKING:
    from mistralai.client import Mistral
    from mistralai.client.httpclient import AsyncHttpClient

__all__ = ["MistralSession", "open_session"]

_DEPRECATED = "x-model-deprecation-timestamp"
_LIMITS = {"req_minute": "requests", "tokens_minute": "tokens"}
"""Mistral's names for limits, as in ``x-ratelimit-limit-req-minute``, and everybody's."""


class MistralSession(HttpSession):
    """Speaks Chat Completions. ``host`` is the official client of the host, if it brought one."""

    def __init__(
        self,
        client: AsyncClient,
        *,
        owns_client: bool,
        base_url: str,
        headers: Mapping[str, str],
        credential: Credential | None,
        host: Mistral | None,
        bounds: Bounds | None = None,
    ) -> None:
        super().__init__(client, owns_client=owns_client, base_url=base_url, headers=headers, bounds=bounds)
        self._credential = credential
        self._official = host
        self._warned: set[str] = set()
        if credential is not None:
            self._headers["authorization"] = f"Bearer {credential.secret.reveal()}"

    async def client(self) -> Mistral:
        """The official client with this session's key, server and HTTP client, for what the runtime lacks."""
        if self._official is None:
            assert self._credential is not None  # the core asks for a key unless the host brings a client
            official = await _official()
            http_client = cast("AsyncHttpClient", official.bounded(self._client, self._owns_client, self.bounds))
            root = without_version(self._base_url)
            reveal = self._credential.secret.reveal
            self._official = official.make_sdk(reveal, root, http_client, self._warn, self._headers)
        return self._official

    def build(self, request: Request, card: ModelCard) -> WireRequest:
        return build_chat_request(request, card)

    def decoder(self, wire: WireRequest, request: Request) -> StreamDecoder:
        return MistralDecoder(request.model, think_tags=isinstance(wire, ChatRequest) and wire.think_tags)

    async def count_tokens(self, request: Request, card: ModelCard) -> int | None:
        """The input tokens of a request, ``None`` where Mistral has no way to count them."""
        return await count_tokens(self, request, card)

    async def list_models(self) -> Sequence[ModelCard]:
        """Cards of the chat models Mistral serves now."""
        return await list_models(self)

    async def send(self, wire: WireRequest, *, stream: bool) -> Response:
        if self._credential is None and self._official is not None:
            # Asked for at each call, for a host's key may change.
            signed = (await _official()).authorization(self._official)
            wire = replace(wire, headers={**wire.headers, **signed})
        return await super().send(wire, stream=stream)

    def _warn(self, response: Response, model: str) -> None:
        """Say once for each model when it ends, where a response does."""
        ends = response.headers.get(_DEPRECATED)
        if ends and model not in self._warned:
            self._warned.add(model)
            logger("mistral").warning("Mistral will retire the model %s on %s.", model, ends)

    def _info(self, response: Response, wire: WireRequest) -> ResponseInfo:
        self._warn(response, str(wire.body.get("model")))
        named = {_LIMITS.get(name, name): limit for name, limit in self.limits(response).items()}
        return ResponseInfo(find_request_id(response.headers), wire.report, named)


async def open_session(settings: SessionSettings) -> MistralSession:
    """Open a session; imports the HTTP libraries on first use, in a thread.

    The key is the request's or the configured one, then that of the host's own client, then the environment's.
    """
    options = MistralOptions.make(settings.options)
    host = (await _official()).check_host_client(settings.client) if settings.client is not None else None
    root = (await _official()).root_of(host) if host is not None else SERVERS[options.server]
    base_url = join_base(settings.base_url or root, "v1")
    client, owned = await make_client(_with_host_transport(settings, host), "httpx2", base_url)
    credential = None if host is not None and _is_second_choice(settings, host) else settings.credential
    return MistralSession(
        client,
        owns_client=owned,
        base_url=base_url,
        headers={"content-type": "application/json", **settings.headers},
        credential=credential,
        host=host if credential is None else None,
        bounds=settings.bounds,
    )


async def _official() -> ModuleType:
    """The module that imports the official client; the first time in a thread."""
    return await asyncio.to_thread(importlib.import_module, "modelyard_mistral.sdk")


def _with_host_transport(settings: SessionSettings, host: Mistral | None) -> SessionSettings:
    """Settings with the HTTP client the host gave its official client, if it gave one.

    The one the official client makes for itself gives up after five seconds, so ours is used in its place.
    """
    if host is None or settings.http_client is not None or not host.sdk_configuration.async_client_supplied:
        return settings
    return replace(settings, http_client=host.sdk_configuration.async_client)


def _is_second_choice(settings: SessionSettings, host: Mistral) -> bool:
    """Whether the key found is only the environment's, and the host's client has one of its own."""
    credential = settings.credential
    from_environment = credential is not None and credential.source in settings.info.api_key_variables
    return from_environment and host.sdk_configuration.security is not None

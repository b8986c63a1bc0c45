"""The way to Claude: the official SDK opens the response, and our decoder reads its bytes.

The SDK brings authentication, profiles and the version header, and a host can hand in its client for another
door to Claude. Its own decoder builds an object for each event, at five times the cost; writing the same
headers for every call takes it as long as the rest of the call, so with a fixed key its first request of a kind
is the model for those that follow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from modelyard.provider import (
    AsyncClient,
    Bounds,
    Completion,
    ConfigurationError,
    FilePart,
    HttpSession,
    ImagePart,
    ModelCard,
    Request,
    Response,
    SessionSettings,
    StreamDecoder,
    UnsupportedFeatureError,
    WireRequest,
    accepted,
    checked_headers,
    collect_stream,
    decode_json,
    encode_json,
    guarded_client,
    make_client,
    missing_credential,
    template_of,
    without_version,
)
from modelyard_claude.content import fetches
from modelyard_claude.counting import counting_request, read_count
from modelyard_claude.events import ClaudeDecoder
from modelyard_claude.eventstream import MEDIA_TYPE, EventStreamResponse
from modelyard_claude.listing import read_models
from modelyard_claude.options import ClaudeOptions
from modelyard_claude.request import WHOLE_ANSWER_TOKENS, answer_limit, build_request

if TYPE_CHECKING:
    import httpx2
    from anthropic import AsyncAnthropic

__all__ = ["ClaudeSession", "open_session"]

_UNCOUNTED = frozenset({"AsyncAnthropicBedrock"})
"""Clients of the SDK (2.12.0) that refuse to count: their cloud has no endpoint for it."""


class ClaudeSession(HttpSession):
    """Speaks the Messages API through a client of the SDK.

    ``http_client`` is the one under a client of ours, ``None`` under a host's. A host's client may change the body
    on its way, as those for other clouds do: it gets a dict, and not the bytes that are faster.
    """

    request_id_header = "request-id"

    def __init__(
        self,
        sdk: AsyncAnthropic,
        http_client: AsyncClient | None,
        *,
        owns_client: bool,
        headers: Mapping[str, str],
        options: ClaudeOptions,
        bounds: Bounds | None = None,
    ) -> None:
        # A whole URL saves the SDK joining one for every call; a client that rewrites looks for the bare path.
        base_url = "" if http_client is None else str(sdk.base_url).rstrip("/")
        client = cast("AsyncClient", sdk) if http_client is None else http_client
        super().__init__(client, owns_client=owns_client, base_url=base_url, headers=headers, bounds=bounds)
        self._sdk = sdk
        self._rewrites = http_client is None
        # A token is renewed by the SDK from time to time; a key stays as it is.
        self._fixed_key = http_client is not None and sdk.custom_auth is None
        self._options = options

    def build(self, request: Request, card: ModelCard) -> WireRequest:
        return build_request(request, card, self._options)

    def decoder(self, wire: WireRequest, request: Request) -> StreamDecoder:
        return ClaudeDecoder(request.model)

    async def complete(self, request: Request, card: ModelCard) -> Completion:
        """Ask for a whole answer; one that may take long is streamed, and put together here."""
        if answer_limit(request, card, self._options) > WHOLE_ANSWER_TOKENS:
            streamed = self.stream(request.model_copy(update={"stream": True}), card)
            return await collect_stream(streamed, provider=card.provider, model=request.model)
        return await super().complete(request, card)

    async def count_tokens(self, request: Request, card: ModelCard) -> int | None:
        """The input tokens of a request, counted by the provider; ``None`` on Bedrock, which cannot."""
        if type(self._sdk).__name__ in _UNCOUNTED:
            return None
        response = await self.send(counting_request(self.build(request, card)), stream=False)
        try:
            return read_count(decode_json(await self.read(response)))
        finally:
            await response.aclose()

    async def list_models(self) -> tuple[ModelCard, ...]:
        """The models the provider serves now; those that are retired are not among them."""
        models = getattr(self._sdk, "models", None)
        if models is None:
            raise UnsupportedFeatureError(f"{type(self._sdk).__name__} cannot list models.", feature="list_models")
        return await read_models(models, self.bounds.list_pages)

    def fetches(self, part: ImagePart | FilePart, card: ModelCard) -> bool:
        """Return whether Anthropic fetches the URL of a part."""
        return fetches(part)

    async def client(self) -> AsyncAnthropic:
        """The SDK's client with this session's credential, base URL and HTTP client, for what the runtime lacks.

        It retries nothing and has no deadline but that for connecting; the session closes it.
        """
        return self._sdk

    async def send(self, wire: WireRequest, *, stream: bool) -> Response:
        """Open the response; raises what the SDK raises, or ``HttpFailure``, for a status that is no success."""
        key = (wire.path, stream)
        if key in self._templates:
            return await super().send(wire, stream=stream)
        response = await self._open(wire, stream=stream)
        if self._fixed_key:
            self._templates[key] = template_of(response.request)
        if str(response.headers.get("content-type", "")).startswith(MEDIA_TYPE):
            return EventStreamResponse(response, self.bounds.event_bytes)
        return cast("Response", response)

    async def _open(self, wire: WireRequest, *, stream: bool) -> httpx2.Response:
        import httpx2
        from anthropic import AsyncStream

        headers = {**self._headers, **checked_headers(wire.headers), **accepted(stream=stream)}
        content: Mapping[str, Any] = (
            {"body": wire.body} if self._rewrites else {"content": _Unlogged(encode_json(wire.body))}
        )
        # Asked for httpx2's own response, the SDK hands it over unread; one layer retries, and it is the core.
        opened: httpx2.Response = await self._sdk.post(
            f"{self._base_url}{wire.path}",
            cast_to=httpx2.Response,
            stream=True,
            stream_cls=AsyncStream[Any],
            options={"headers": headers, "max_retries": 0},
            **content,
        )
        return opened

    async def aclose(self) -> None:
        """Close the SDK's client with its HTTP client, unless either is the host's."""
        if self._owns_client:
            await self._sdk.close()


class _Unlogged(bytes):
    """A body whose text form is its length: the SDK logs what it is given to send, prompts and tokens in it."""

    def __repr__(self) -> str:
        return f"<body of {len(self)} bytes>"


async def open_session(settings: SessionSettings) -> ClaudeSession:
    """Open a session. The SDK takes more than a second to import, so that happens in a thread."""
    options = ClaudeOptions.make(settings.options)
    headers = checked_headers({**settings.headers, **options.headers})
    if settings.client is not None:
        return ClaudeSession(
            _host_client(settings.client),
            None,
            owns_client=False,
            headers=headers,
            options=options,
            bounds=settings.bounds,
        )
    http_client, owned = await make_client(settings, "httpx2", settings.base_url or settings.info.base_url)
    sdk = await asyncio.to_thread(_make_client, settings, http_client, headers, owned)
    # The headers are in the client: those of a request the SDK would log in full when its debug log is on.
    return ClaudeSession(sdk, http_client, owns_client=owned, headers={}, options=options, bounds=settings.bounds)


def _host_client(client: object) -> AsyncAnthropic:
    names = {f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in type(client).__mro__}
    if "anthropic.AsyncAPIClient" not in names:
        raise ConfigurationError(
            f"The client for 'claude' is a {type(client).__module__}.{type(client).__qualname__}.",
            hint="Pass an asynchronous client of the anthropic SDK, such as anthropic.AsyncAnthropicVertex.",
        )
    return cast("AsyncAnthropic", client)


def _make_client(
    settings: SessionSettings, http_client: AsyncClient, headers: Mapping[str, str], owned: bool
) -> AsyncAnthropic:
    """Make the SDK's client. Without a key it finds a profile or a workload identity, and maybe their base URL."""
    import anthropic
    import httpx2

    key = settings.credential.secret.reveal() if settings.credential is not None else None
    bounded = http_client if owned else guarded_client(httpx2, http_client, settings.bounds)
    base_url = settings.base_url or (settings.info.base_url if key is not None else None)
    try:
        client = anthropic.AsyncAnthropic(
            api_key=key,
            base_url=without_version(base_url) if base_url else None,
            http_client=cast("httpx2.AsyncClient", bounded),
            default_headers=headers,
            max_retries=0,
            timeout=httpx2.Timeout(None, connect=settings.connect_timeout, pool=settings.connect_timeout),
            open_telemetry=False,
        )
    except (anthropic.AnthropicError, ValueError) as error:
        raise ConfigurationError(f"The anthropic SDK could not be set up: {error}") from None
    if client.api_key is None and client.auth_token is None and client.credentials is None:
        raise missing_credential(settings.info)
    return client

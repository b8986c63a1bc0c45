"""The way to OpenAI: plain HTTP, because the official SDK costs six to eight times as much per event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.provider import (
    AsyncClient,
    Bounds,
    FilePart,
    HttpSession,
    ImagePart,
    ModelCard,
    Request,
    SessionSettings,
    StreamDecoder,
    WireRequest,
    join_base,
    make_client,
)
from modelyard_openai.chat.events import OpenAIChatDecoder
from modelyard_openai.chat.messages import fetches
from modelyard_openai.chat.request import build_chat_request
from modelyard_openai.counting import count_input
from modelyard_openai.events import ResponsesDecoder
from modelyard_openai.listing import listed_cards
from modelyard_openai.options import Api, OpenAIOptions
from modelyard_openai.request import build_responses_request

__all__ = ["OpenAISession", "open_session"]


class OpenAISession(HttpSession):
    """Speaks the API its options name, or else the one each model prefers."""

    def __init__(
        self,
        client: AsyncClient,
        *,
        owns_client: bool,
        base_url: str,
        headers: Mapping[str, str],
        api: Api | None,
        bounds: Bounds | None = None,
    ) -> None:
        super().__init__(client, owns_client=owns_client, base_url=base_url, headers=headers, bounds=bounds)
        self._api = api

    def build(self, request: Request, card: ModelCard) -> WireRequest:
        build = build_chat_request if self._api_of(card) == "chat" else build_responses_request
        return build(request, card)

    def _api_of(self, card: ModelCard) -> str:
        return self._api or (card.apis[0] if card.apis else "responses")

    def fetches(self, part: ImagePart | FilePart, card: ModelCard) -> bool:
        """Return whether OpenAI fetches the URL of a part: Chat Completions fetches images only."""
        return self._api_of(card) != "chat" or fetches(part)

    async def count_tokens(self, request: Request, card: ModelCard) -> int | None:
        """The input tokens of a request, ``None`` where the server has no way to count them."""
        if self._api_of(card) == "chat":
            return None
        return await count_input(self, build_responses_request(request, card))

    async def list_models(self) -> Sequence[ModelCard]:
        """Cards of the models the server lists."""
        return listed_cards(await self.get("/models"))

    def decoder(self, wire: WireRequest, request: Request) -> StreamDecoder:
        return OpenAIChatDecoder() if wire.api == "chat" else ResponsesDecoder(request.model)


async def open_session(settings: SessionSettings) -> OpenAISession:
    """Open a session; imports the HTTP libraries on first use, in a thread."""
    options = OpenAIOptions.make(settings.options)
    base_url = join_base(settings.base_url or settings.info.base_url, "v1")
    client, owned = await make_client(settings, "httpx", base_url)
    return OpenAISession(
        client,
        owns_client=owned,
        base_url=base_url,
        headers=_headers(settings, options),
        api=options.api,
        bounds=settings.bounds,
    )


def _headers(settings: SessionSettings, options: OpenAIOptions) -> dict[str, str]:
    headers = {"content-type": "application/json", **settings.headers}
    if settings.credential is not None:
        headers["authorization"] = f"Bearer {settings.credential.secret.reveal()}"
    if options.organization:
        headers["openai-organization"] = options.organization
    if options.project:
        headers["openai-project"] = options.project
    return headers

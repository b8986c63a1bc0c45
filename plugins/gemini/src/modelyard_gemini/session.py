"""The way to Gemini: plain HTTP, because the official SDK costs four times as much per call, twelve per event."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

from modelyard.catalog.card import ModelCard
from modelyard.errors import InvalidResponseError, StreamInterruptedError
from modelyard.http.client import AsyncClient, Response, make_client
from modelyard.http.exchange import decode_value, read_bounded
from modelyard.http.session import HttpSession, WireRequest
from modelyard.http.urls import join_base
from modelyard.plugins.sessions import SessionSettings
from modelyard.streaming.decode import StreamDecoder
from modelyard.types.events import Event
from modelyard.types.request import Request
from modelyard_gemini.events import GeminiDecoder
from modelyard_gemini.options import GeminiOptions
from modelyard_gemini.request import build_generate_request, wire_model

__all__ = ["GeminiSession", "open_session"]


class GeminiSession(HttpSession):
    """Speaks ``generateContent``."""

    def __init__(
        self,
        client: AsyncClient,
        *,
        owns_client: bool,
        base_url: str,
        headers: Mapping[str, str],
        options: GeminiOptions,
    ) -> None:
        super().__init__(client, owns_client=owns_client, base_url=base_url, headers=headers)
        self._options = options

    def build(self, request: Request, card: ModelCard) -> WireRequest:
        return build_generate_request(request, card, self._options.store)

    def decoder(self, wire: WireRequest, request: Request) -> StreamDecoder:
        return GeminiDecoder(wire_model(request.model))

    async def unstreamed(self, response: Response, decoder: StreamDecoder) -> AsyncGenerator[list[Event], None]:
        """Decode a stream that is no SSE: a JSON array of its events, or one response alone.

        Google answers so when ``alt=sse`` was lost on the way.
        """
        value = decode_value(await read_bounded(response))
        if not value:
            raise InvalidResponseError(f"The answer holds no response: it is an empty {type(value).__name__}.")
        for item in value if isinstance(value, list) else [value]:
            events: list[Event] = []
            decoder.feed_value(item, events.append)
            yield events
        last: list[Event] = []
        decoder.on_end(last.append)
        yield last
        if not decoder.finished:
            raise StreamInterruptedError("The answer ended before its finish reason.")


async def open_session(settings: SessionSettings) -> GeminiSession:
    """Open a session; imports the HTTP libraries on first use, in a thread."""
    options = GeminiOptions.make(settings.options)
    base_url = join_base(settings.base_url or settings.info.base_url, "v1beta")
    client, owned = await make_client(settings, "httpx", base_url)
    headers = {"content-type": "application/json", **settings.headers}
    if settings.credential is not None:
        headers["x-goog-api-key"] = settings.credential.secret.reveal()
    return GeminiSession(client, owns_client=owned, base_url=base_url, headers=headers, options=options)

"""The way to Gemini: plain HTTP, because the official SDK costs four times as much per call, twelve per event."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace

from modelyard.provider import (
    AsyncClient,
    Bounds,
    Collector,
    Event,
    FilePart,
    HttpSession,
    ImagePart,
    InvalidResponseError,
    JsonObject,
    ModelCard,
    ProviderError,
    Request,
    Response,
    ResponseInfo,
    SessionSettings,
    StreamDecoder,
    StreamInterruptedError,
    WireRequest,
    accepted,
    decode_json,
    decode_value,
    encode_json,
    join_base,
    make_client,
    raise_for_status,
)
from modelyard_gemini.counting import count_tokens
from modelyard_gemini.errors import map_error
from modelyard_gemini.events import GeminiDecoder, Segments
from modelyard_gemini.listing import list_models
from modelyard_gemini.media import fetches
from modelyard_gemini.options import GeminiOptions
from modelyard_gemini.request import build_generate_request, wire_model

__all__ = ["GeminiSession", "open_session"]


class GeminiSession(HttpSession):
    """Speaks ``generateContent``, and asks for the rest of an answer that comes in segments."""

    def __init__(
        self,
        client: AsyncClient,
        *,
        owns_client: bool,
        base_url: str,
        headers: Mapping[str, str],
        options: GeminiOptions,
        bounds: Bounds | None = None,
    ) -> None:
        super().__init__(client, owns_client=owns_client, base_url=base_url, headers=headers, bounds=bounds)
        self._options = options

    def build(self, request: Request, card: ModelCard) -> WireRequest:
        return build_generate_request(request, card, self._options.store)

    def decoder(self, wire: WireRequest, request: Request) -> StreamDecoder:
        segments = Segments(self._options.max_continuations, request.max_output_tokens)
        return GeminiDecoder(wire_model(request.model), segments)

    def following(self, wire: WireRequest, decoder: StreamDecoder) -> WireRequest | None:
        """The same request with the token of the last segment, as Google's SDK sends it (google-genai 3.4.0)."""
        token = decoder.next_segment() if isinstance(decoder, GeminiDecoder) else None
        return replace(wire, body={**wire.body, "continuationToken": token}) if token is not None else None

    async def answer(
        self, wire: WireRequest, decoder: StreamDecoder, events: list[Event], info: ResponseInfo | None
    ) -> ResponseInfo:
        """Take one segment; when a later one fails, what came before is on the error."""
        try:
            return await super().answer(wire, decoder, events, info)
        except Exception as error:
            if not events:
                raise
            raise _incomplete(error, events, decoder, info) from None

    async def unstreamed(self, response: Response, decoder: StreamDecoder) -> AsyncGenerator[list[Event], None]:
        """Decode a stream that is no SSE: a JSON array of its events, or one response alone.

        Google answers so when ``alt=sse`` was lost on the way.
        """
        value = decode_value(await self.read(response, decoder), decoder.set_right, pieces=True)
        if not value:
            raise InvalidResponseError(f"The answer holds no response: it is an empty {type(value).__name__}.")
        for item in value if isinstance(value, list) else [value]:
            events: list[Event] = []
            decoder.feed_value(item, events.append)
            yield decoder.joined(events)
        last: list[Event] = []
        decoder.on_end(last.append)
        yield decoder.joined(last)
        if not decoder.finished:
            raise StreamInterruptedError("The answer ended before its finish reason.")

    def fetches(self, part: ImagePart | FilePart, card: ModelCard) -> bool:
        """Return whether Google fetches the URL of a part."""
        return fetches(part)

    async def count_tokens(self, request: Request, card: ModelCard) -> int:
        """The input tokens of a request, as Google counts them."""
        return await count_tokens(self, request, card)

    async def list_models(self) -> Sequence[ModelCard]:
        """Cards of the models Google lists for the key."""
        return await list_models(self)

    async def ask(self, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
        """Ask for something beside an answer; raises ``HttpFailure`` for a status that is no success."""
        content = None if body is None else encode_json(body)
        url = f"{self._base_url}{path}"
        headers = {**self._headers, **accepted()}
        request = self._client.build_request(method, url, headers=headers, content=content)
        response: Response = await self._client.send(request, stream=True)
        await raise_for_status(response, self.bounds.error_bytes)
        try:
            return decode_json(await self.read(response))
        finally:
            await response.aclose()


def _incomplete(
    error: Exception, events: list[Event], decoder: StreamDecoder, info: ResponseInfo | None
) -> ProviderError:
    mapped = error if isinstance(error, ProviderError) else map_error(error)
    collector = Collector()
    collector.extend(events)
    model = decoder.model if isinstance(decoder, GeminiDecoder) else ""
    mapped.partial = mapped.partial or collector.partial(provider="gemini", model=model, info=info)
    return mapped


async def open_session(settings: SessionSettings) -> GeminiSession:
    """Open a session; imports the HTTP libraries on first use, in a thread."""
    options = GeminiOptions.make(settings.options)
    base_url = join_base(settings.base_url or settings.info.base_url, "v1beta")
    client, owned = await make_client(settings, "httpx", base_url)
    headers = {"content-type": "application/json", **settings.headers}
    if settings.credential is not None:
        headers["x-goog-api-key"] = settings.credential.secret.reveal()
    return GeminiSession(
        client,
        owns_client=owned,
        base_url=base_url,
        headers=headers,
        options=options,
        bounds=settings.bounds,
    )

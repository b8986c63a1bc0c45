"""A session for providers that answer JSON, whole or as server-sent events, over HTTP.

A plugin says how a request is written, how an answer is read and which header names the request; the way
between the two is the same for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from modelyard.bounds import Bounds
from modelyard.catalog.card import ModelCard
from modelyard.credentials.veil import SecretHeaders
from modelyard.errors import ConfigurationError, ProviderError
from modelyard.http.client import AsyncClient, Response
from modelyard.http.event_batches import decode_sse
from modelyard.http.exchange import check_stream_type, decode_json, raise_for_status, read_bounded
from modelyard.http.failures import first_value
from modelyard.http.limits import rate_limits
from modelyard.http.unpack import ACCEPTED
from modelyard.jsonio import encode_json
from modelyard.settings_check import headers_problem
from modelyard.streaming.collect import collect
from modelyard.streaming.decode import StreamDecoder
from modelyard.types.base import JsonObject
from modelyard.types.completion import Completion
from modelyard.types.events import Event, ResponseInfo
from modelyard.types.limits import RateLimit
from modelyard.types.report import Note, Report
from modelyard.types.request import Request
from modelyard.versioned import VersionedBase

__all__ = [
    "HttpSession",
    "SecretHeaders",
    "WireRequest",
    "accepted",
    "checked_headers",
    "merge_options",
    "template_of",
]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as its provider reads it: a path below the base URL, a JSON body, extra headers.

    ``report`` says what was changed on the way from the caller's request, ``api`` which of a provider's APIs
    it is for, where there are several.
    """

    path: str
    body: JsonObject
    report: Report | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    api: str = ""


def checked_headers(headers: Mapping[str, str]) -> SecretHeaders:
    """Headers that can be sent as they are; raises ``ConfigurationError``, without the value, for others.

    Those of the settings were checked when they came in; a plugin adds what options and the environment say.
    """
    shut = SecretHeaders(headers)
    problem = headers_problem(shut)
    if problem is not None:
        raise ConfigurationError(f"The headers {problem}.", hint="Check the provider's options and its variables.")
    return shut


def template_of(request: Any) -> Any:
    """Copy a request without its body and Content-Length, reused for later calls to this path."""
    template = type(request)("POST", request.url, headers=request.headers, extensions=request.extensions)
    template.headers.pop("content-length", None)
    return template


def _noted(info: ResponseInfo | None, decoder: StreamDecoder) -> ResponseInfo:
    """What is known of a response, with what its decoder has set right."""
    info = info or ResponseInfo()
    if not decoder.notes:
        return info
    known = info.report.notes if info.report is not None else ()
    return replace(info, report=Report(notes=(*known, *decoder.notes)))


def accepted(*, stream: bool = False) -> dict[str, str]:
    """The headers that say which bodies are read: streams unpacked, anything else in one coding at most."""
    if stream:
        return {"accept": "text/event-stream", "accept-encoding": "identity"}
    return {"accept-encoding": ACCEPTED}


def merge_options(body: JsonObject, options: Mapping[str, Any]) -> None:
    """Lay a caller's own wire fields over a request: objects are merged key by key, the rest replaces."""
    for key, value in options.items():
        present = body.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            merge_options(present, value)
        else:
            body[key] = value


class HttpSession(VersionedBase, ABC):
    """An open way to a provider over one HTTP client.

    ``owns_client`` says whether closing the client is this session's to do, ``bounds`` how much of an answer is
    taken.
    """

    BASE_VERSION = 1
    request_id_header: str = "x-request-id"

    def __init__(
        self,
        client: AsyncClient,
        *,
        owns_client: bool,
        base_url: str,
        headers: Mapping[str, str],
        bounds: Bounds | None = None,
    ) -> None:
        self._client = client
        self._owns_client = owns_client
        self._base_url = base_url
        self._headers = checked_headers(headers)
        self.bounds = bounds or Bounds()
        self._templates: dict[tuple[str, bool], Any] = {}

    @abstractmethod
    def build(self, request: Request, card: ModelCard) -> WireRequest:
        """Write a request in the provider's words; ``request.stream`` says which kind of answer is wanted."""

    @abstractmethod
    def decoder(self, wire: WireRequest, request: Request) -> StreamDecoder:
        """A fresh decoder for the answer to a request."""

    async def complete(self, request: Request, card: ModelCard) -> Completion:
        """Send a request and decode the whole answer."""
        wire: WireRequest | None = self.build(request, card)
        assert wire is not None
        decoder, events, info = self._decoder(wire, request), list[Event](), None
        while wire is not None:
            info = await self.answer(wire, decoder, events, info)
            wire = self.following(wire, decoder)
        return collect(events, provider=card.provider, model=request.model, info=_noted(info, decoder))

    async def answer(
        self, wire: WireRequest, decoder: StreamDecoder, events: list[Event], info: ResponseInfo | None
    ) -> ResponseInfo:
        """Send one request and decode its answer; the head of the first answer speaks for all."""
        response = await self.send(wire, stream=False)
        info = info or self._info(response, wire)
        try:
            decoder.feed_body(decode_json(await self.read(response, decoder), decoder.set_right), events.append)
        except ProviderError as error:
            error.request_id = error.request_id or info.request_id
            raise
        finally:
            await response.aclose()
        return info

    async def stream(self, request: Request, card: ModelCard) -> AsyncIterator[ResponseInfo | Sequence[Event]]:
        """Send a request and decode the answer as it arrives."""
        wire: WireRequest | None = self.build(request, card)
        assert wire is not None
        decoder, info = self._decoder(wire, request), None
        told: tuple[Note, ...] = ()
        while wire is not None:
            response = await self.send(wire, stream=True)
            try:
                if info is None:
                    info = self._info(response, wire)
                    yield info
                media_type = check_stream_type(response)
                unstreamed = media_type == "application/json"
                batches = self.unstreamed(response, decoder) if unstreamed else decode_sse(response, decoder)
                async with aclosing(batches):
                    async for batch in batches:
                        if decoder.notes and decoder.notes is not told:
                            told = decoder.notes
                            yield _noted(info, decoder)
                        yield batch
            except ProviderError as error:
                error.request_id = error.request_id or (info.request_id if info else None)
                raise
            finally:
                await response.aclose()
            wire = self.following(wire, decoder)

    def following(self, wire: WireRequest, decoder: StreamDecoder) -> WireRequest | None:
        """The request for the rest of an answer that comes in several; ``None`` when it is whole."""
        return None

    def _decoder(self, wire: WireRequest, request: Request) -> StreamDecoder:
        decoder = self.decoder(wire, request)
        decoder.bounds = self.bounds
        return decoder

    async def read(self, response: Response, decoder: StreamDecoder | None = None) -> bytes:
        """The body of a response; of an answer in several, all together are held to the bound."""
        if decoder is None:
            return await read_bounded(response, self.bounds.answer_bytes)
        body = await read_bounded(response, max(self.bounds.answer_bytes - decoder.taken, 0))
        decoder.taken += len(body)
        return body

    async def send(self, wire: WireRequest, *, stream: bool) -> Response:
        """Send a request; raises ``HttpFailure`` for a status that is no success."""
        template = self._template(wire, stream=stream)
        request = type(template)(
            "POST",
            template.url,
            headers=template.headers,
            content=encode_json(wire.body),
            extensions=template.extensions,
        )
        response: Response = await self._client.send(request, stream=True)
        await raise_for_status(response, self.bounds.error_bytes)
        return response

    async def get(self, path: str) -> JsonObject:
        """The JSON object at a path below the base URL; raises ``HttpFailure`` for a status that is no success."""
        request = self._client.build_request(
            "GET", f"{self._base_url}{path}", headers={**self._headers, **accepted()}
        )
        response: Response = await self._client.send(request, stream=True)
        await raise_for_status(response, self.bounds.error_bytes)
        try:
            return decode_json(await self.read(response))
        finally:
            await response.aclose()

    async def post(self, wire: WireRequest) -> JsonObject:
        """The JSON object a request is answered with; raises ``HttpFailure`` for a status that is no success."""
        response = await self.send(wire, stream=False)
        try:
            return decode_json(await self.read(response))
        finally:
            await response.aclose()

    def _template(self, wire: WireRequest, *, stream: bool) -> Any:
        """A request without a body, made once for each path: its URL and headers serve every call."""
        key = (wire.path, stream)
        template = self._templates.get(key) if not wire.headers else None
        if template is None:
            headers = {**self._headers, **accepted(stream=stream), **checked_headers(wire.headers)}
            url = f"{self._base_url}{wire.path}"
            template = template_of(self._client.build_request("POST", url, headers=headers))
            if not wire.headers and len(self._templates) < self.bounds.request_templates:
                self._templates[key] = template
        return template

    async def aclose(self) -> None:
        """Close the HTTP client, unless it is the host's."""
        if self._owns_client:
            await self._client.aclose()

    async def unstreamed(self, response: Response, decoder: StreamDecoder) -> AsyncGenerator[list[Event], None]:
        """Decode a whole answer a server sent although a stream was asked for."""
        events: list[Event] = []
        decoder.feed_body(decode_json(await self.read(response, decoder), decoder.set_right), events.append)
        yield events

    def limits(self, response: Response) -> dict[str, RateLimit]:
        """The rate limits the head of a response states, by name."""
        return rate_limits(response.headers.raw, longest=self.bounds.wait_seconds)

    def _info(self, response: Response, wire: WireRequest) -> ResponseInfo:
        request_id = first_value(response.headers.get(self.request_id_header))
        return ResponseInfo(request_id, wire.report, self.limits(response))

"""From the bytes of a response to batches of events: the loop every HTTP plugin shares."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from modelyard.errors import InvalidResponseError, StreamInterruptedError
from modelyard.http.client import Response
from modelyard.http.exchange import body_chunks, drain
from modelyard.http.unpack import too_long
from modelyard.streaming.decode import Emit, StreamDecoder
from modelyard.streaming.sse import SseParser
from modelyard.types.events import Event

__all__ = ["decode_sse"]


async def decode_sse(response: Response, decoder: StreamDecoder) -> AsyncGenerator[list[Event], None]:
    """Read a response of server-sent events, yielding the events of each read as one batch.

    Events decoded before a failure are yielded before it is raised. Ending without ``Done`` raises
    ``StreamInterruptedError``. The response is closed when the generator is.
    """
    reader = _Reader(response, decoder)
    try:
        while not decoder.finished:
            batch, failure = await reader.next_batch()
            if batch:
                yield batch
            if failure is not None and not decoder.finished:
                raise failure
    finally:
        await reader.aclose()


class _Reader:
    """Reads, splits and decodes; keeps what was decoded apart from what then went wrong."""

    def __init__(self, response: Response, decoder: StreamDecoder) -> None:
        self.chunks = body_chunks(response)
        self._response = response
        self._decoder = decoder
        self._parser = SseParser(decoder.bounds.event_bytes)

    async def next_batch(self) -> tuple[list[Event], Exception | None]:
        batch: list[Event] = []
        try:
            chunk = await anext(self.chunks, None)
        except Exception as error:  # the connection broke: the answer may be complete all the same
            self._decoder.on_end(batch.append)
            return self._decoder.joined(batch), error
        try:
            if chunk is None:
                self._end(batch.append)
            else:
                self._decode(chunk, batch.append)
        except Exception as error:
            return self._decoder.joined(batch), error
        return batch if self._decoder.joiner is None else self._decoder.joined(batch), None

    async def aclose(self) -> None:
        if self._decoder.finished:
            await drain(self.chunks)
        with contextlib.suppress(Exception):
            await self.chunks.aclose()
        await self._response.aclose()

    def _decode(self, chunk: bytes, emit: Emit) -> None:
        decoder = self._decoder
        decoder.taken += len(chunk)
        if decoder.taken > decoder.bounds.answer_bytes:
            raise too_long(decoder.bounds.answer_bytes)
        for data, _ in self._parser.feed(chunk):
            decoder.feed(data, emit)
            if decoder.finished:
                return

    def _end(self, emit: Emit) -> None:
        last = self._parser.flush()
        if last is not None:
            # Some servers leave out the last blank line; an event cut short is no JSON and no event.
            with contextlib.suppress(InvalidResponseError):
                self._decoder.feed(last[0], emit)
        self._decoder.on_end(emit)
        if not self._decoder.finished:
            raise StreamInterruptedError("The stream ended before its terminator.")

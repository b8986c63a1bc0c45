"""Reading an answer: events of a word and a JSON value, or one object."""

from __future__ import annotations

from typing import Any

from modelyard.provider import (
    ContentDelta,
    Done,
    Emit,
    InvalidResponseError,
    JsonObject,
    StreamDecoder,
    parse_json,
)
from modelyard_haiku.errors import failure
from modelyard_haiku.finish import finish_reason
from modelyard_haiku.usage import read_usage

__all__ = ["HaikuDecoder"]


class HaikuDecoder(StreamDecoder):
    """Decodes one poem. Words it does not know are passed over."""

    def __init__(self) -> None:
        self._id: str | None = None

    def feed(self, data: bytes, emit: Emit) -> None:
        word, _, rest = data.partition(b" ")
        try:
            value: Any = parse_json(rest)
        except ValueError:
            shown = data[:100].decode("utf-8", "replace")
            raise InvalidResponseError(f"An event of the stream is no word with a JSON value: {shown}") from None
        # The base class turns what a misshapen value raises into an InvalidResponseError.
        self.feed_value({"word": word.decode("ascii", "replace"), "value": value}, emit)

    def on_json(self, event: JsonObject, emit: Emit) -> None:
        value = event["value"]
        match event["word"]:
            case "say":
                emit(ContentDelta(0, _text(value)))
            case "open":
                self._id = _text(value)
            case "end":
                self._end(value, emit)
            case "fail":
                raise failure(value)

    def on_body(self, body: JsonObject, emit: Emit) -> None:
        if "what" in body:
            raise failure(body)
        self._id = _text(body["id"])
        if body["poem"]:
            emit(ContentDelta(0, _text(body["poem"])))
        self._end(body["end"], emit)

    def _end(self, end: JsonObject, emit: Emit) -> None:
        why = end.get("why")
        self.finished = True
        emit(Done(finish_reason(why), raw_finish_reason=why, usage=read_usage(end), response_id=self._id))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value

"""Building a completion from events, holding them to the grammar on the way."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import TypeAlias

from pydantic import ValidationError

from modelyard.errors import InvalidResponseError, StreamInterruptedError
from modelyard.streaming.grammar import GrammarError
from modelyard.streaming.progress import progress
from modelyard.types.base import Opaque
from modelyard.types.completion import Completion
from modelyard.types.content import (
    CitationPart,
    OpaquePart,
    Part,
    ReasoningKind,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCall,
)
from modelyard.types.events import (
    ContentDelta,
    Done,
    ErrorEvent,
    Event,
    ReasoningDelta,
    ResponseInfo,
    Status,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallResult,
    ToolCallStart,
)
from modelyard.types.finish import FinishReason
from modelyard.types.logprobs import TokenLogprob
from modelyard.types.messages import Message
from modelyard.types.report import Report
from modelyard.types.usage import Usage

__all__ = ["Collector", "NoEventError", "collect", "collect_stream"]


class NoEventError(InvalidResponseError):
    """Something stands among the events that is none; ``item`` is it."""

    def __init__(self, item: object) -> None:
        super().__init__(f"The answer holds a value of type {type(item).__name__} among its events.")
        self.item = item


class _Text:
    __slots__ = ("citations", "kind", "opaque", "pieces")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.pieces: list[str] = []
        self.opaque: Opaque | None = None
        self.citations: list[CitationPart] = []

    def parts(self) -> Iterable[Part]:
        text = "".join(self.pieces)
        if text:
            yield RefusalPart(text=text) if self.kind == "refusal" else TextPart(text=text, opaque=self.opaque)
        elif self.opaque is not None:
            yield OpaquePart(opaque=self.opaque)
        yield from self.citations


class _Reasoning:
    __slots__ = ("kind", "opaque", "pieces")

    def __init__(self, kind: ReasoningKind) -> None:
        self.kind: ReasoningKind = kind
        self.pieces: list[str] = []
        self.opaque: Opaque | None = None

    def parts(self) -> Iterable[Part]:
        text = "".join(self.pieces)
        if text or self.opaque is not None:
            yield ReasoningPart(text=text, kind=self.kind, opaque=self.opaque)


class _Call:
    __slots__ = ("end", "id", "name", "pieces")

    def __init__(self, call_id: str, name: str) -> None:
        self.id = call_id
        self.name = name
        self.pieces: list[str] = []
        self.end: ToolCallEnd | None = None

    def parts(self) -> Iterable[Part]:
        end = self.end
        if end is None:
            # Cut off: the text is kept, but no arguments, so that nobody executes half a call.
            yield ToolCall.model_construct(
                id=self.id, name=self.name, arguments=None, arguments_text="".join(self.pieces)
            )
            return
        yield ToolCall.model_construct(
            id=end.id,
            name=end.name,
            arguments=end.arguments,
            arguments_text=end.arguments_text,
            opaque=end.opaque,
        )


_Block: TypeAlias = _Text | _Reasoning | _Call


class Collector:
    """Takes the events of one answer in order.

    ``add`` raises ``GrammarError`` for an event that may not stand where it does and ``NoEventError`` for what is
    none. ``done`` is the last event once it has come. ``unknown`` holds events of types that this core does not
    know.
    """

    __slots__ = (
        "_blocks",
        "_by_index",
        "_calls",
        "_hot_index",
        "_hot_pieces",
        "_logprobs",
        "_open_calls",
        "done",
        "seen",
        "unknown",
    )

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._by_index: dict[int, _Text | _Reasoning] = {}
        self._calls: dict[str, _Call] = {}
        self._open_calls = 0
        self._hot_index: int | None = None
        self._hot_pieces: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self.done: Done | None = None
        self.unknown: list[object] = []
        self.seen = False
        """Whether any output has come: text, reasoning or a tool call."""

    def add(self, event: Event) -> None:
        """Take the next event."""
        if self.done is not None:
            raise GrammarError(1, f"{getattr(event, 'type', 'something')} after done")
        if isinstance(event, ContentDelta):
            self._add_content(event)
        else:
            self._add_other(event)

    def extend(self, events: Sequence[Event]) -> None:
        """Take several events."""
        add, hot_index, hot_append = self.add, self._hot_index, self._hot_pieces.append
        for event in events:
            # Nearly every event of a stream is more text of the same part: no call for those.
            if (
                type(event) is ContentDelta
                and event.index == hot_index
                and event.kind == "text"
                and event.opaque is None
                and not event.citations
                and not event.logprobs
                and self.done is None
            ):
                hot_append(event.text)
                continue
            add(event)
            hot_index, hot_append = self._hot_index, self._hot_pieces.append

    def completion(self, *, provider: str, model: str, info: ResponseInfo | None = None) -> Completion:
        """The whole answer.

        Raises ``StreamInterruptedError``, with the partial answer on it, when ``done`` has not come, and
        ``InvalidResponseError`` when what came makes no completion.
        """
        if self.done is None:
            raise StreamInterruptedError(
                "The stream ended before its terminator.",
                partial=self.partial(provider=provider, model=model, info=info),
            )
        try:
            return self._build(self.done, provider, model, info)
        except ValidationError as error:  # an id that is no text, a figure that is no number
            found = error.errors(include_url=False, include_input=False)
            places = ", ".join(".".join(map(str, each["loc"])) for each in found)
        except (TypeError, AttributeError) as error:  # pieces of text that are none, citations of something else
            places = str(error)
        raise InvalidResponseError(f"The answer has an unexpected shape ({places}).")

    def partial(
        self,
        *,
        provider: str,
        model: str,
        info: ResponseInfo | None = None,
        finish_reason: FinishReason = "error",
    ) -> Completion | None:
        """The answer as far as it has arrived, as a completion that says it is not whole; ``None`` for nothing."""
        if not self.seen and self.done is None:
            return None
        try:
            return self._build(self.done or Done(finish_reason=finish_reason), provider, model, info)
        except (
            ValidationError,
            TypeError,
            AttributeError,
        ):  # what broke the answer is the error to raise, not this
            return None

    def _add_other(
        self,
        event: ReasoningDelta
        | ToolCallStart
        | ToolCallDelta
        | ToolCallEnd
        | Done
        | Status
        | ToolCallResult
        | ErrorEvent,
    ) -> None:
        if isinstance(event, ReasoningDelta):
            self._add_reasoning(event)
        elif isinstance(event, ToolCallDelta):
            self._open_call(event.id, "tool_call_delta").pieces.append(event.arguments)
        elif isinstance(event, ToolCallStart):
            self._start_call(event)
        elif isinstance(event, ToolCallEnd):
            self._end_call(event)
        elif isinstance(event, Done):
            self._finish(event)
        elif isinstance(event, (ToolCallResult, ErrorEvent)):
            raise GrammarError(6, f"{event.type} from a provider")
        elif type(event) is not Status:
            self._add_unknown(event)

    def _add_unknown(self, event: object) -> None:
        """Remember an event of a type that only a newer core knows; what is no event at all breaks the answer."""
        if isinstance(event, (type, Mapping)) or not isinstance(getattr(event, "type", None), str):
            raise NoEventError(event)
        self.unknown.append(event)

    def _add_content(self, event: ContentDelta) -> None:
        block = self._by_index.get(event.index)
        if block is None:
            block = _Text(event.kind)
            self._begin(event.index, block)
        elif not isinstance(block, _Text) or block.kind != event.kind:
            raise GrammarError(2, f"index {event.index} changes its kind to {event.kind}")
        block.pieces.append(event.text)
        if event.opaque is not None:
            block.opaque = event.opaque
        block.citations.extend(event.citations)
        self._logprobs.extend(event.logprobs)
        if event.kind == "text":
            self._hot_index, self._hot_pieces = event.index, block.pieces

    def _add_reasoning(self, event: ReasoningDelta) -> None:
        block = self._by_index.get(event.index)
        if block is None:
            block = _Reasoning(event.kind)
            self._begin(event.index, block)
        elif not isinstance(block, _Reasoning) or block.kind != event.kind:
            raise GrammarError(2, f"index {event.index} changes its kind to reasoning ({event.kind})")
        block.pieces.append(event.text)
        if event.opaque is not None:
            block.opaque = event.opaque

    def _begin(self, index: int, block: _Text | _Reasoning) -> None:
        if index < 0:
            raise GrammarError(2, f"index {index} is negative")
        self.seen = True
        self._by_index[index] = block
        self._blocks.append(block)

    def _start_call(self, event: ToolCallStart) -> None:
        if not event.id or not event.name:
            raise GrammarError(3, "a tool call without id or name")
        if event.id in self._calls:
            raise GrammarError(3, f"tool call {event.id!r} starts twice")
        self.seen = True
        call = self._calls[event.id] = _Call(event.id, event.name)
        self._blocks.append(call)
        self._open_calls += 1

    def _open_call(self, call_id: str, event_type: str) -> _Call:
        call = self._calls.get(call_id)
        if call is None or call.end is not None:
            raise GrammarError(3, f"{event_type} for a call that is not open: {call_id!r}")
        return call

    def _end_call(self, event: ToolCallEnd) -> None:
        call = self._open_call(event.id, "tool_call_end")
        if event.name != call.name:
            raise GrammarError(3, f"tool call {event.id!r} began as {call.name!r} and ended as {event.name!r}")
        if call.pieces and "".join(call.pieces) != event.arguments_text:
            raise GrammarError(4, f"the fragments of tool call {event.id!r} are not its arguments")
        call.end = event
        self._open_calls -= 1

    def _finish(self, event: Done) -> None:
        if self._open_calls:
            raise GrammarError(5, "done while a tool call is open")
        self.done = event

    def _build(self, done: Done, provider: str, model: str, info: ResponseInfo | None) -> Completion:
        parts = tuple(part for block in self._blocks for part in block.parts())
        info = info or ResponseInfo()
        return Completion(
            message=Message.model_construct(role="assistant", content=parts, name=None),
            finish_reason=done.finish_reason,
            raw_finish_reason=done.raw_finish_reason,
            usage=done.usage or Usage(),
            provider=provider,
            model=model,
            response_model=done.model,
            response_id=done.response_id,
            request_id=done.request_id or info.request_id,
            service_tier=done.service_tier,
            logprobs=tuple(self._logprobs),
            rate_limits=dict(info.rate_limits),
            report=info.report or Report(),
        )


def collect(events: Iterable[Event], *, provider: str, model: str, info: ResponseInfo | None = None) -> Completion:
    """Build the completion that events say; the same for a list made of one body and for a stream."""
    collector = Collector()
    for event in events:
        collector.add(event)
    return collector.completion(provider=provider, model=model, info=info)


async def collect_stream(
    items: AsyncIterable[ResponseInfo | Event | Sequence[Event]], *, provider: str, model: str
) -> Completion:
    """Build the completion of what ``modelyard_stream`` yields; each read counts as progress of the answer."""
    collector = Collector()
    info: ResponseInfo | None = None
    async for item in items:
        if collector.seen:
            progress()
        if isinstance(item, ResponseInfo):
            info = item
        elif isinstance(item, Sequence):
            collector.extend(item)
        else:
            collector.add(item)
    return collector.completion(provider=provider, model=model, info=info)

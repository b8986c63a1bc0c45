"""Asking for an object, in whole answers and in streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from modelyard.calls.stream import CompletionStream
from modelyard.errors import ModelyardError, UnsupportedFeatureError
from modelyard.structured.generated import Generated
from modelyard.structured.strategy import Strategy
from modelyard.structured.target import OutputTarget
from modelyard.structured.turns import Turns
from modelyard.types.completion import Completion
from modelyard.types.request import as_messages

if TYPE_CHECKING:
    from modelyard.calls.options import CallOptions
    from modelyard.calls.planner import Planner
    from modelyard.types.request import Messages, Models

__all__ = ["GenerateStream", "generate", "turns_for"]

GROWTH = 50
"""A partial object is read once the text has grown by one part in so many, which keeps the reading linear."""

_NOTHING: Any = object()


def turns_for(
    planner: Planner,
    model: Models,
    messages: Messages,
    output: Any,
    options: Mapping[str, Any],
    repair: int,
    strategy: Strategy | None,
) -> Turns:
    """The course of one generation, by the card of the model that is asked first.

    Raises ``InvalidRequestError`` for an output that is no type and no schema, and what the planner raises.
    """
    target = OutputTarget(output)
    history = as_messages(messages)
    card = planner.card(model, history, cast("CallOptions", options))
    return Turns(target, card, history, dict(options), repair=repair, strategy=strategy)


async def generate(
    turns: Turns, complete: Callable[[Any, dict[str, Any]], Awaitable[Completion]]
) -> Generated[Any]:
    """Ask until there is a valid object; ``complete`` sends messages and options.

    Raises an ``OutputError`` when there is none, or what ``complete`` raises.
    """
    while True:
        try:
            completion = await complete(turns.messages, turns.options)
        except UnsupportedFeatureError as error:
            turns.refused(error)
            continue
        except ModelyardError as error:
            turns.failed(error)
        result = turns.take(completion)
        if result is not None:
            return result


class GenerateStream:
    """An object as it is being written; use it as ``async with runtime.generate_stream(...) as stream``.

    ``partials()`` yields what the answer says so far, as plain JSON data that is not validated yet. After it,
    ``output`` is the validated object. An answer that had to be repaired is streamed again from its beginning.
    """

    def __init__(self, turns: Turns, stream: Callable[[Any, dict[str, Any]], CompletionStream]) -> None:
        self._turns = turns
        self._stream = stream
        self._result: Generated[Any] | None = None
        self._values = self._run()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._values

    async def aclose(self) -> None:
        """Stop, and close the connection."""
        await self._values.aclose()

    def partials(self) -> AsyncIterator[Any]:
        """Yield each state of the unfinished object that differs from the one before.

        Raises an ``OutputError`` with what there is when the answer turns out to be no valid object.
        """
        return self._values

    async def collect(self) -> Generated[Any]:
        """Take what is left and return the result."""
        async with self:
            async for _ in self._values:
                pass
        return self.generated

    @property
    def generated(self) -> Generated[Any]:
        """The object with its answers; raises ``ModelyardError`` before the end."""
        if self._result is None:
            raise ModelyardError(
                "The stream has not reached its end, so there is no object yet.",
                hint="Take all of stream.partials() first, or call stream.collect().",
            )
        return self._result

    @property
    def completion(self) -> Completion:
        """The answer the object was read from; raises ``ModelyardError`` before the end."""
        return self.generated.completion

    @property
    def output(self) -> Any:
        """The validated object; raises ``ModelyardError`` before the end."""
        return self.generated.output

    async def _run(self) -> AsyncGenerator[Any, None]:
        turns = self._turns
        while self._result is None:
            try:
                stream = self._stream(turns.messages, turns.options)
                async with aclosing(_partials(stream, turns)) as values:
                    async for value in values:
                        yield value
            except UnsupportedFeatureError as error:
                turns.refused(error)
                continue
            except ModelyardError as error:
                turns.failed(error)
            self._result = turns.take(stream.completion)


async def _partials(stream: CompletionStream, turns: Turns) -> AsyncGenerator[Any, None]:
    """The states of the object in one streamed answer, its last one included."""
    text = _Growing(turns)
    async with stream:
        async for event in stream:
            if event.type == "content_delta" and event.kind == "text":
                value = text.add(event.text)
            elif event.type == "tool_call_start":
                text.begin_call(event.id, event.name)
                continue
            elif event.type == "tool_call_delta":
                value = text.add_to_call(event.id, event.arguments)
            elif event.type == "done":
                value = text.read()
            else:
                continue
            if value is not _NOTHING:
                yield value


class _Growing:
    """The text of an answer as it grows, read now and then."""

    def __init__(self, turns: Turns) -> None:
        self._target = turns.target
        self._pieces: list[str] = []
        self._size = 0
        self._due = 1
        self._call: str | None = None
        self._last: Any = None

    def begin_call(self, call_id: str, name: str) -> None:
        """The call of the output tool carries the answer, and no text before it does."""
        if name == self._target.format.name:
            self._call, self._pieces, self._size, self._due = call_id, [], 0, 1

    def add_to_call(self, call_id: str, piece: str) -> Any:
        return self._grow(piece) if call_id == self._call else _NOTHING

    def add(self, piece: str) -> Any:
        return self._grow(piece) if self._call is None else _NOTHING

    def _grow(self, piece: str) -> Any:
        self._pieces.append(piece)
        self._size += len(piece)
        return self.read() if self._size >= self._due else _NOTHING

    def read(self) -> Any:
        """The state of the object, ``_NOTHING`` if it is none or the one read last."""
        text = "".join(self._pieces)
        self._pieces = [text]
        self._due = self._size + 1 + self._size // GROWTH
        value = self._target.read_partial(text)
        if value is None or value == self._last:
            return _NOTHING
        self._last = value
        return value

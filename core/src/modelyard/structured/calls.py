"""The calls of a runtime that give an object: what they are beside ``complete`` and ``stream``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast, overload

from modelyard.credentials.secret import conceal_options

if TYPE_CHECKING:
    from modelyard.calls.options import CallOptions, GenerateOptions
    from modelyard.calls.stream import CompletionStream
    from modelyard.structured.generate import GenerateStream
    from modelyard.structured.generated import Generated
    from modelyard.structured.strategy import Strategy
    from modelyard.structured.turns import Turns
    from modelyard.types.completion import Completion
    from modelyard.types.request import Messages, Models

__all__ = ["StructuredCalls"]

T = TypeVar("T")


class StructuredCalls(ABC):
    """``generate`` and its kin, over the ``complete`` and ``stream`` of the runtime."""

    @abstractmethod
    async def complete(self, model: Models, messages: Messages, **options: Unpack[CallOptions]) -> Completion:
        """Ask for a whole answer."""

    @abstractmethod
    def stream(self, model: Models, messages: Messages, **options: Unpack[CallOptions]) -> CompletionStream:
        """Ask for an answer in pieces."""

    @abstractmethod
    async def _ready(self, model: Models, options: Mapping[str, Any]) -> None:
        """Load what has to be loaded, outside the event loop."""

    @abstractmethod
    def _turns(
        self,
        model: Models,
        messages: Messages,
        output: Any,
        options: GenerateOptions,
        repair: int,
        strategy: Strategy | None,
    ) -> Turns:
        """Choose how to bring the object about."""

    @overload
    async def generate(
        self,
        model: Models,
        messages: Messages,
        *,
        output: type[T],
        repair: int = 1,
        strategy: Strategy | None = None,
        **options: Unpack[GenerateOptions],
    ) -> T: ...

    @overload
    async def generate(
        self,
        model: Models,
        messages: Messages,
        *,
        output: Any,
        repair: int = 1,
        strategy: Strategy | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Any: ...

    async def generate(
        self,
        model: Models,
        messages: Messages,
        *,
        output: Any,
        repair: int = 1,
        strategy: Strategy | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Any:
        """Ask for an object and return it, validated.

        ``output`` is a pydantic model or any type pydantic knows, a JSON Schema, or ``"json"``. The answer is held
        to it whatever the provider could promise; up to ``repair`` times the model is told what is wrong and asked
        again. ``strategy`` (``"native"``, ``"json"``, ``"tool"`` or ``"prompt"``) overrides what the model's card
        suggests.

        Raises what ``complete`` raises, and ``RefusalError``, ``TruncatedOutputError`` or
        ``OutputValidationError`` with the partial object, the usage and the attempts of all turns.
        """
        conceal_options(cast("dict[str, Any]", options))
        return (
            await self.generate_completion(
                model, messages, output=output, repair=repair, strategy=strategy, **options
            )
        ).output

    async def generate_completion(
        self,
        model: Models,
        messages: Messages,
        *,
        output: Any,
        repair: int = 1,
        strategy: Strategy | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Generated[Any]:
        """Ask for an object and return it with the answers it took, their usage, cost and report."""
        from modelyard.structured.generate import generate

        await self._ready(model, options)
        turns = self._turns(model, messages, output, options, repair, strategy)
        return await generate(turns, lambda history, asked: self.complete(model, history, **asked))

    def generate_stream(
        self,
        model: Models,
        messages: Messages,
        *,
        output: Any,
        repair: int = 1,
        strategy: Strategy | None = None,
        **options: Unpack[GenerateOptions],
    ) -> GenerateStream:
        """Ask for an object as it is being written.

        ``async with runtime.generate_stream(...) as stream: async for partial in stream.partials()``, then
        ``stream.output``. Takes what ``generate`` takes.
        """
        from modelyard.structured.generate import GenerateStream

        turns = self._turns(model, messages, output, options, repair, strategy)
        return GenerateStream(turns, lambda history, asked: self.stream(model, history, **asked))

"""Changes made to a request for its provider, and undoing them in the answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelyard.types.content import ToolCall
from modelyard.types.events import ResponseInfo, ToolCallEnd, ToolCallStart
from modelyard.types.report import Note, Report

if TYPE_CHECKING:
    from modelyard.types.completion import Completion
    from modelyard.types.content import Part
    from modelyard.types.events import StreamItem

__all__ = ["Adaptation"]


@dataclass(frozen=True, slots=True)
class Adaptation:
    """``notes`` say what was changed; ``names`` maps the names tools were sent under to their own."""

    notes: tuple[Note, ...]
    names: Mapping[str, str]

    def restore(self, completion: Completion) -> Completion:
        """A whole answer in the caller's words, its report beginning with these notes."""
        message = completion.message
        if self.names:
            content = tuple(self._own_name(part) for part in message.content)
            message = message.model_copy(update={"content": content})
        return completion.model_copy(update={"message": message, "report": self.report(completion.report)})

    async def restore_stream(self, items: AsyncIterator[StreamItem]) -> AsyncGenerator[StreamItem, None]:
        """A streamed answer in the caller's words."""
        told = False
        try:
            async for item in items:
                if isinstance(item, ResponseInfo):
                    item.report = self.report(item.report)
                elif self.names:
                    self._rename(item if isinstance(item, Sequence) else (item,))
                if not told and not isinstance(item, ResponseInfo):
                    yield ResponseInfo(report=self.report(None))
                told = True
                yield item
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                await close()

    def report(self, report: Report | None) -> Report:
        """These notes, and after them what the plugin reports."""
        return Report(notes=(*self.notes, *(report.notes if report is not None else ())))

    def _own_name(self, part: Part) -> Part:
        if not isinstance(part, ToolCall) or part.name not in self.names:
            return part
        return part.model_copy(update={"name": self.names[part.name]})

    def _rename(self, events: Sequence[object]) -> None:
        for event in events:
            if isinstance(event, (ToolCallStart, ToolCallEnd)):
                event.name = self.names.get(event.name, event.name)

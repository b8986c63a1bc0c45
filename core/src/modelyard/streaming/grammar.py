"""The grammar of a stream, and the error for a sequence that breaks it.

1. ``done`` comes exactly once, and nothing after it.
2. An ``index`` is a whole number from 0 and stays with the kind of part it first named.
3. A tool call has a new ``id`` and a name; its deltas and its end come while it is open.
4. The fragments of a call, joined, are its ``arguments_text``.
5. Every call is ended before ``done``.
6. ``tool_call_result`` and ``error`` are the runtime's to emit, not a provider's.

``Collector`` enforces the rules while it builds the completion; ``check_stream`` applies them to a list of
events and names the one that breaks a rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from modelyard.errors import InvalidResponseError

if TYPE_CHECKING:
    from modelyard.types.events import Event

__all__ = ["GrammarError", "check_stream"]


class GrammarError(InvalidResponseError):
    """A plugin emitted events in an order the grammar does not allow; ``rule`` is the number above."""

    default_retryable = False
    fields: ClassVar[tuple[str, ...]] = (*InvalidResponseError.fields, "rule", "detail")

    def __init__(self, rule: int, message: str) -> None:
        super().__init__(f"The stream breaks rule {rule} of the event grammar: {message}.", code="grammar")
        self.rule = rule
        self.detail = message


def check_stream(events: Iterable[Event]) -> None:
    """Raise ``GrammarError`` naming the first event, by its index, that breaks a rule."""
    from modelyard.streaming.collect import Collector

    collector = Collector()
    for index, event in enumerate(events):
        try:
            collector.add(event)
        except GrammarError as error:
            raise GrammarError(error.rule, f"event {index} ({event.type}): {error.detail}") from None
    if collector.done is None:
        raise GrammarError(1, "the events end without done")

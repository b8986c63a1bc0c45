"""The grammar of a run's events. Rules 1 to 6, in ``streaming/grammar.py``, hold for each answer within it.

7. ``status(started)`` comes first. ``done`` comes exactly once, last, and right after ``status(completed)``,
   ``status(awaiting_tool_results)`` or ``status(limit_reached)``.
8. An ``index`` is never used by two turns.
9. ``status(tool_calling)`` names calls that have ended and have no result, in the order of the calls.
10. A ``tool_call_result`` answers a call that has ended and has no result; results come in the order of the calls.
11. The model speaks again only when every call has its result; ``status(awaiting_tool_results)`` names exactly the
    calls without one.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelyard.streaming.collect import Collector
from modelyard.streaming.grammar import GrammarError
from modelyard.types.events import ContentDelta, Done, Event, ReasoningDelta, Status, ToolCallEnd, ToolCallResult

__all__ = ["check_run"]

_ENDS = frozenset({"completed", "awaiting_tool_results", "limit_reached"})


def check_run(events: Iterable[Event], calls: Iterable[str] = ()) -> None:
    """Raise ``GrammarError`` naming the first event, by its index, that breaks a rule.

    ``calls`` are the ids of the open calls of the state that a resumed run began with.
    """
    checker = _Checker(calls)
    for index, event in enumerate(events):
        try:
            checker.take(event)
        except GrammarError as error:
            raise GrammarError(error.rule, f"event {index} ({event.type}): {error.detail}") from None
    if not checker.done:
        raise GrammarError(7, "the events end without done")


class _Checker:
    def __init__(self, calls: Iterable[str]) -> None:
        self.done = False
        self._begun = False
        self._end: str | None = None
        self._open = list(calls)
        self._answering = bool(self._open)
        self._position = 0
        self._turn = Collector()
        self._indexes: set[int] = set()
        self._earlier: set[int] = set()

    def take(self, event: Event) -> None:
        if self.done or (self._end is not None and not isinstance(event, Done)):
            raise GrammarError(7, f"{event.type} after the end")
        if not self._begun and not (isinstance(event, Status) and event.state == "started"):
            raise GrammarError(7, "the run does not begin with status(started)")
        self._begun = True
        if isinstance(event, Status):
            self._take_status(event)
        elif isinstance(event, ToolCallResult):
            self._take_result(event)
        elif isinstance(event, Done):
            if self._end is None:
                raise GrammarError(7, "done without a status that says how the run ended")
            self.done = True
        else:
            self._take_answer(event)

    def _take_status(self, event: Status) -> None:
        if event.state == "restarted":
            self._turn = Collector()
            self._indexes = set()
            self._open = []
        elif event.state == "tool_calling":
            places = [self._open.index(call) if call in self._open else -1 for call in event.calls]
            if -1 in places or places != sorted(places) or (places and places[0] < self._position):
                raise GrammarError(9, "it names calls that are not open, or not in their order")
            self._answering = True
        elif event.state in _ENDS:
            self._end = event.state
            left = event.calls if event.state == "awaiting_tool_results" else ()
            if event.state != "limit_reached" and left != tuple(self._open):
                raise GrammarError(11, f"it names {list(left)} and the calls without a result are {self._open}")

    def _take_result(self, event: ToolCallResult) -> None:
        if event.id not in self._open:
            raise GrammarError(10, f"{event.id!r} is no call without a result")
        place = self._open.index(event.id)
        if place < self._position:
            raise GrammarError(10, f"{event.id!r} comes after the result of a later call")
        self._answering = True
        del self._open[place]
        self._position = place
        if not self._open:
            self._next_turn()

    def _take_answer(self, event: Event) -> None:
        if self._answering:
            raise GrammarError(11, f"{event.type} while calls wait for their results")
        if isinstance(event, (ContentDelta, ReasoningDelta)):
            if event.index in self._earlier:
                raise GrammarError(8, f"index {event.index} belongs to an earlier turn")
            self._indexes.add(event.index)
        self._turn.add(event)
        if isinstance(event, ToolCallEnd):
            self._open.append(event.id)

    def _next_turn(self) -> None:
        self._earlier |= self._indexes
        self._indexes = set()
        self._turn = Collector()
        self._position = 0
        self._answering = False

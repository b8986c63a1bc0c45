"""Bringing tool loops into one form: every call answered once, right after the turn that made it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelyard.errors import InvalidRequestError
from modelyard.history.ids import CallIds
from modelyard.types.content import Part, TextPart, ToolCall, ToolResult
from modelyard.types.messages import Message
from modelyard.types.report import Action
from modelyard.types.reporter import Reporter
from modelyard.types.request import HistoryPolicy

__all__ = ["CANCELLED", "CallPairing"]

CANCELLED: Final = "cancelled"
"""Result, an error, given to a call that has none."""

_NEW_IDS: Final = "tool call ids that the provider does not take, or that were used twice, are replaced"
_HINT: Final = "Complete the conversation, or set history to 'repair'."


class _Turn:
    """A turn of the model's that calls tools, the results, and what else was said before its next turn."""

    __slots__ = ("answers", "brought", "calls", "message", "rest")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.calls = message.tool_calls
        self.answers: dict[int, ToolResult] = {}
        self.brought: list[Message] = []
        self.rest: list[Message] = []

    @property
    def speaking(self) -> bool:
        """Whether nobody has spoken since."""
        return not self.brought and not self.rest

    def continue_with(self, message: Message) -> None:
        """Take in what the model said directly after."""
        content = (*self.message.content, *message.content)
        self.message = self.message.model_copy(update={"content": content})
        self.calls = self.message.tool_calls


class CallPairing:
    """Pairs the calls and results of one conversation.

    Results move behind their calls. A call without a result is answered ``cancelled``, a result without a call, or
    a second one, is left out; with the policy ``refuse`` all of these raise ``InvalidRequestError``.
    """

    def __init__(self, ids: CallIds, policy: HistoryPolicy, reporter: Reporter) -> None:
        self._ids = ids
        self._policy = policy
        self._reporter = reporter
        self._entries: list[Message | _Turn] = []
        self._turn: _Turn | None = None
        self._open: dict[str, list[tuple[_Turn, int]]] = {}
        self._known: set[str] = set()

    def pair(self, messages: Sequence[Message]) -> list[Message]:
        """The conversation, its messages the given ones wherever they need no change."""
        for message in messages:
            if message.role == "assistant":
                self._add_assistant(message)
            elif any(isinstance(part, ToolResult) for part in message.content):
                self._add_results(message)
            else:
                self._add_other(message)
        written: list[Message] = []
        for entry in self._entries:
            if isinstance(entry, _Turn):
                written += self._write(entry)
            else:
                written.append(entry)
        return written

    def _add_assistant(self, message: Message) -> None:
        turn = self._turn
        if turn is not None and turn.speaking:
            before = len(turn.calls)
            turn.continue_with(message)
            self._register(turn, before)
            return
        if not message.tool_calls:
            self._turn = None
            self._entries.append(message)
            return
        self._turn = _Turn(message)
        self._entries.append(self._turn)
        self._register(self._turn, 0)

    def _register(self, turn: _Turn, first: int) -> None:
        for position in range(first, len(turn.calls)):
            call_id = turn.calls[position].id
            self._known.add(call_id)
            self._open.setdefault(call_id, []).append((turn, position))

    def _add_results(self, message: Message) -> None:
        others: list[Part] = []
        for part in message.content:
            if isinstance(part, ToolResult):
                self._answer(part)
            else:
                others.append(part)
        if self._turn is not None:
            self._turn.brought.append(message)
        if others:
            self._add_other(message.model_copy(update={"content": tuple(others)}))

    def _add_other(self, message: Message) -> None:
        if self._turn is None:
            self._entries.append(message)
        else:
            self._turn.rest.append(message)

    def _answer(self, result: ToolResult) -> None:
        call_id = result.tool_call_id
        waiting = self._open.get(call_id)
        if not waiting:
            known = call_id in self._known
            what = "a second result of a tool call" if known else "a tool result without its call"
            self._mend("dropped", what, "is left out")
            return
        place = next((place for place in waiting if place[0] is self._turn), None)
        if place is None:
            self._mend("repaired", "a tool result later than the turn after its call", "moves behind its call")
            place = waiting[0]
        waiting.remove(place)
        turn, position = place
        turn.answers[position] = result

    def _write(self, turn: _Turn) -> Iterator[Message]:
        calls: list[ToolCall] = []
        results: list[ToolResult] = []
        for position, call in enumerate(turn.calls):
            result = turn.answers.get(position) or self._cancelled(call)
            sent = self._ids.send(call.id)
            if sent == call.id:
                calls.append(call)
                results.append(result)
                continue
            self._reporter.note("messages", "renamed", _NEW_IDS)
            calls.append(call.model_copy(update={"id": sent}))
            results.append(result.model_copy(update={"tool_call_id": sent}))
        yield _with_calls(turn, calls)
        yield _answering(turn.brought, results)
        yield from turn.rest

    def _cancelled(self, call: ToolCall) -> ToolResult:
        self._mend("repaired", "a tool call without its result", f"is answered {CANCELLED!r}")
        content = (TextPart(text=CANCELLED),)
        return ToolResult.model_construct(
            tool_call_id=call.id, content=content, name=call.name, is_error=True, cache=False
        )

    def _mend(self, action: Action, what: str, done: str) -> None:
        if self._policy == "refuse":
            raise InvalidRequestError(f"The conversation holds {what}.", hint=_HINT)
        self._reporter.note("messages", action, f"{what} {done}")


def _with_calls(turn: _Turn, calls: Sequence[ToolCall]) -> Message:
    message = turn.message
    if all(new is old for new, old in zip(calls, turn.calls, strict=True)):
        return message
    sent = iter(calls)
    content = tuple(next(sent) if isinstance(part, ToolCall) else part for part in message.content)
    return message.model_copy(update={"content": content})


def _answering(brought: Sequence[Message], results: list[ToolResult]) -> Message:
    """One message with the results; the caller's, if it is just that."""
    if len(brought) == 1 and brought[0].role == "tool":
        content = brought[0].content
        if len(content) == len(results) and all(a is b for a, b in zip(content, results, strict=True)):
            return brought[0]
    return Message.model_construct(role="tool", content=tuple(results), name=None)

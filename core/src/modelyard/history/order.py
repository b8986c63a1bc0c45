"""Putting in the order a provider takes what is complete already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelyard.types.content import Part, TextPart, ToolResult
from modelyard.types.history_rules import HistoryRules
from modelyard.types.messages import Message
from modelyard.types.reporter import Reporter

__all__ = ["FILLER", "order_turns"]

FILLER = "OK"
"""Words put into the model's mouth between a turn of tools and one of the user's."""

OPENING = "(The beginning of this conversation is left out.)"
"""Words put into the user's mouth before a conversation that begins with a turn of the model's."""


def order_turns(messages: Iterable[Message], rules: HistoryRules, reporter: Reporter) -> list[Message]:
    """The conversation with files beside tool results, and what fills gaps, where the rules ask for it."""
    if not rules.files_in_results:
        messages = _files_apart(messages, reporter)
    if not rules.user_after_tool:
        messages = _filled(messages, reporter)
    ready = list(messages)
    return _opened(ready, reporter) if rules.user_first else ready


def _files_apart(messages: Iterable[Message], reporter: Reporter) -> Iterator[Message]:
    for message in messages:
        files: list[Part] = []
        if message.role == "tool":
            results = [_without_files(part, files) for part in message.content if isinstance(part, ToolResult)]
        if not files:
            yield message
            continue
        reporter.note("messages", "converted", "files a tool gave back follow its result in a turn of the user's")
        yield message.model_copy(update={"content": tuple(results)})
        yield Message.model_construct(role="user", content=tuple(files), name=None)


def _without_files(result: ToolResult, files: list[Part]) -> ToolResult:
    found = [part for part in result.content if not isinstance(part, TextPart)]
    if not found:
        return result
    files += [TextPart(text=f"Files from tool call {result.tool_call_id}:"), *found]
    texts = tuple(part for part in result.content if isinstance(part, TextPart))
    return result.model_copy(update={"content": texts or (TextPart(text="The files follow."),)})


def _filled(messages: Iterable[Message], reporter: Reporter) -> Iterator[Message]:
    before = ""
    for message in messages:
        if before == "tool" and message.role not in ("tool", "assistant"):
            reason = f"{FILLER!r} of the assistant's stands between a tool's turn and the user's"
            reporter.note("messages", "repaired", reason)
            yield Message.assistant(FILLER)
        yield message
        before = message.role


def _opened(messages: list[Message], reporter: Reporter) -> list[Message]:
    first = next((at for at, message in enumerate(messages) if message.role != "system"), None)
    if first is None or messages[first].role != "assistant":
        return messages
    reporter.note("messages", "repaired", "a turn of the user's stands before a conversation the model begins")
    return [*messages[:first], Message.user(OPENING), *messages[first:]]

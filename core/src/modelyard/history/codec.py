"""The one way a conversation takes to a provider, whoever made it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from modelyard.errors import InvalidRequestError
from modelyard.history.adaptation import Adaptation
from modelyard.history.ids import CallIds, tool_aliases
from modelyard.history.opaque import ReplayTarget
from modelyard.history.order import order_turns
from modelyard.history.parts import PartAdapter, is_plain
from modelyard.history.repair import CallPairing
from modelyard.types.content import Part, ToolCall, ToolResult
from modelyard.types.messages import Message
from modelyard.types.reporter import Reporter
from modelyard.types.request import HistoryPolicy, Request

__all__ = ["adapt", "replay"]


def adapt(request: Request, target: ReplayTarget) -> Request:
    """The request as a target's plugin may write it; the request itself when nothing needs a change.

    What was changed is on ``Request.adaptation``. Raises ``InvalidRequestError`` when the conversation cannot be
    sent, or when it needs a repair and the request's ``history`` refuses that.
    """
    plain = is_plain(request.messages, target)
    names = [tool.name for tool in request.tools]
    if not plain:
        names += _names(request.messages)
    aliases = tool_aliases(target.rules, names)
    if plain and not aliases:
        return request
    reporter = Reporter("drop", f"{target.provider}:{target.model}")
    messages = replay(request.messages, target, reporter, policy=request.history)
    changes: dict[str, object] = {}
    if aliases:
        reason = f"names of tools the provider does not take are replaced: {', '.join(aliases)}"
        reporter.note("tools", "renamed", reason)
        messages = tuple(_renamed(message, aliases) for message in messages)
        changes = _renamed_tools(request, aliases)
    if messages is request.messages and not changes:
        return request
    report = reporter.report()
    notes = report.notes if report is not None else ()
    adapted = request.model_copy(update={"messages": messages, **changes})
    return adapted.remembering(Adaptation(notes, {alias: name for name, alias in aliases.items()}))


def replay(
    messages: tuple[Message, ...], target: ReplayTarget, reporter: Reporter, *, policy: HistoryPolicy = "repair"
) -> tuple[Message, ...]:
    """The conversation as the target takes it; the tuple itself when nothing needs a change.

    No message given is changed. Raises ``InvalidRequestError`` when nothing is left to send, or when ``policy`` is
    ``refuse`` and a call or a result stands alone.
    """
    if is_plain(messages, target):
        return messages
    adapter = PartAdapter(target, reporter)
    carried = [sent for message in messages if (sent := adapter.carry(message)) is not None]
    ids = CallIds(target.rules, (call.id for message in carried for call in message.tool_calls))
    paired = CallPairing(ids, policy, reporter).pair(carried)
    ready = order_turns(paired, target.rules, reporter)
    if all(message.role == "system" for message in ready):
        raise InvalidRequestError("No message holds anything to send.", model=target.model)
    if len(ready) == len(messages) and all(new is old for new, old in zip(ready, messages, strict=True)):
        return messages
    return tuple(ready)


def _names(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        for part in message.content:
            if isinstance(part, (ToolCall, ToolResult)) and part.name:
                yield part.name


def _renamed(message: Message, aliases: Mapping[str, str]) -> Message:
    content = tuple(_renamed_part(part, aliases) for part in message.content)
    if all(new is old for new, old in zip(content, message.content, strict=True)):
        return message
    return message.model_copy(update={"content": content})


def _renamed_part(part: Part, aliases: Mapping[str, str]) -> Part:
    alias = aliases.get(part.name or "") if isinstance(part, (ToolCall, ToolResult)) else None
    return part if alias is None else part.model_copy(update={"name": alias})


def _renamed_tools(request: Request, aliases: Mapping[str, str]) -> dict[str, object]:
    tools = tuple(
        tool.model_copy(update={"name": aliases[tool.name]}) if tool.name in aliases else tool
        for tool in request.tools
    )
    choice = request.tool_choice
    if choice is not None and (choice.name or "") in aliases:
        choice = choice.model_copy(update={"name": aliases[choice.name or ""]})
    return {"tools": tools, "tool_choice": choice}

"""Going through the parts of each message: what may stay, what is left out."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.history.opaque import ReplayTarget
from modelyard.types.base import Opaque
from modelyard.types.content import CitationPart, OpaquePart, Part, ReasoningPart, RefusalPart, TextPart, ToolCall
from modelyard.types.messages import Message
from modelyard.types.reporter import Reporter

__all__ = ["PartAdapter", "is_plain"]

_FOREIGN = "opaque data of another provider, model or account is not sent"
_UNSIGNED = "reasoning that no provider's signature comes with is not sent"
_UNFINISHED = "reasoning that nothing follows in its turn is not sent"
_CUT_OFF = "a tool call whose arguments are no JSON object is sent without arguments"
_UNMARKED = "a cache marker on text that is left out is left out with it"
_EMPTY = "a turn that holds nothing to send is left out"


def is_plain(messages: Sequence[Message], target: ReplayTarget) -> bool:
    """Return whether every message is text, with none but the target's own data: nothing needs a change."""
    owns = target.owns
    if target.rules.user_first and _model_begins(messages):
        return False
    for message in messages:
        content = message.content
        if not content:
            return False
        for part in content:
            if type(part) is not TextPart:
                return False
            if not part.text or part.text.isspace() or not (part.opaque is None or owns(part.opaque)):
                return False
    return True


def _model_begins(messages: Sequence[Message]) -> bool:
    for message in messages:
        if message.role != "system":
            return message.role == "assistant"
    return False


class PartAdapter:
    """Writes messages for one target; a message that needs no change is returned itself."""

    def __init__(self, target: ReplayTarget, reporter: Reporter) -> None:
        self._target = target
        self._rules = target.rules
        self._reporter = reporter

    def carry(self, message: Message) -> Message | None:
        """The message as it may be sent; ``None`` when nothing of it is left."""
        content = message.content
        kept = [sent for part in content if (sent := self._part(part)) is not None]
        if message.role == "assistant" and not self._rules.reasoning_last:
            self._trim(kept)
        if all(isinstance(part, CitationPart) for part in kept):  # they cite for a text that is not there
            self._reporter.note("messages", "dropped", _EMPTY)
            return None
        if len(kept) == len(content) and all(new is old for new, old in zip(kept, content, strict=True)):
            return message
        return message.model_copy(update={"content": tuple(kept)})

    def _part(self, part: Part) -> Part | None:
        if isinstance(part, TextPart):
            return self._text(part)
        if isinstance(part, ToolCall):
            return self._call(part)
        if isinstance(part, ReasoningPart):
            return self._reasoning(part)
        if isinstance(part, OpaquePart):
            return part if self._is_own(part.opaque) else None
        if isinstance(part, RefusalPart):
            return part if self._visible(part.text) else None
        return part

    def _text(self, part: TextPart) -> TextPart | None:
        if part.opaque is not None:
            if self._is_own(part.opaque):
                return part
            part = part.model_copy(update={"opaque": None})
        if self._visible(part.text):
            return part
        if part.cache:
            self._reporter.note("cache", "dropped", _UNMARKED)
        return None

    def _call(self, call: ToolCall) -> ToolCall:
        changes: dict[str, object] = {}
        if call.opaque is not None and not self._is_own(call.opaque):
            changes["opaque"] = None
        elif call.opaque is not None:
            return call  # its provider's own form, which may hold something other than an object
        if call.arguments is None:
            self._reporter.note("messages", "repaired", _CUT_OFF)
            changes |= {"arguments": {}, "arguments_text": "{}"}
        return call.model_copy(update=changes) if changes else call

    def _reasoning(self, part: ReasoningPart) -> ReasoningPart | None:
        if part.opaque is not None:
            return part if self._is_own(part.opaque) else None
        if self._rules.plain_reasoning:
            return part
        self._reporter.note("messages", "dropped", _UNSIGNED)
        return None

    def _is_own(self, opaque: Opaque) -> bool:
        if self._target.owns(opaque):
            return True
        self._reporter.note("messages", "dropped", _FOREIGN)
        return False

    def _visible(self, text: str) -> bool:
        return bool(text) and (self._rules.blank_text or not text.isspace())

    def _trim(self, kept: list[Part]) -> None:
        while kept and isinstance(kept[-1], ReasoningPart):
            self._reporter.note("messages", "dropped", _UNFINISHED)
            kept.pop()

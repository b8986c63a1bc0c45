"""Writing a conversation as lines, each with who said it.

Turns of other providers may hold tool calls and their results, which lines cannot: they are told as text, so that
the poet knows what happened.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.provider import (
    FilePart,
    ImagePart,
    JsonObject,
    Message,
    ModelCard,
    Part,
    RefusalPart,
    Reporter,
    TextPart,
    ToolCall,
    ToolResult,
    UnsupportedFeatureError,
)

__all__ = ["write_lines"]

_WHO = {"system": "publisher", "user": "reader", "tool": "reader", "assistant": "poet"}


def write_lines(messages: Sequence[Message], card: ModelCard, reporter: Reporter) -> list[JsonObject]:
    """The lines of a conversation; raises ``UnsupportedFeatureError`` for what cannot be one."""
    lines: list[JsonObject] = []
    for message in messages:
        _report_extras(message, reporter)
        text = "".join(_text(part, card, reporter) for part in message.content)
        if text:
            lines.append({"who": _WHO[message.role], "text": text})
    if lines and lines[-1]["who"] == "poet":
        raise _refusal("prefill", "a last turn of its own, to be continued", card)
    return lines


def _text(part: Part, card: ModelCard, reporter: Reporter) -> str:
    if isinstance(part, TextPart | RefusalPart):
        return part.text
    if isinstance(part, ToolCall):
        reporter.note("messages", "converted", "tool calls of earlier turns are told as text")
        return f"[called {part.name}: {part.arguments_text or '{}'}]"
    if isinstance(part, ToolResult):
        return f"[{part.name or 'the tool'} {'failed' if part.is_error else 'answered'}: {part.text}]"
    if isinstance(part, ImagePart | FilePart):
        raise _refusal("images" if isinstance(part, ImagePart) else "files", "images and files", card)
    return ""


def _report_extras(message: Message, reporter: Reporter) -> None:
    if message.name is not None:
        reporter.drop("name", "a line names no speaker")
    if any(getattr(part, "cache", False) for part in message.content):
        reporter.drop("cache", "the poet caches nothing")


def _refusal(feature: str, what: str, card: ModelCard) -> UnsupportedFeatureError:
    hint = "Choose a model that does."
    return UnsupportedFeatureError(f"{card.ref} takes no {what}.", feature=feature, model=card.ref, hint=hint)

"""Writing a conversation as the input items of the Responses API.

What the model made goes back as it came: reasoning items with their encrypted content, items of built-in tools,
messages with their id and phase. A reasoning item must be followed by the item it led to, and an item with an
id by the reasoning it came from (400 otherwise, in public recordings), so such pairs are sent or left out
together.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.provider import (
    Action,
    CitationPart,
    FilePart,
    ImagePart,
    JsonObject,
    Message,
    Opaque,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    Reporter,
    TextPart,
    ToolCall,
    ToolResult,
)
from modelyard_openai.caching import Breakpoints
from modelyard_openai.content import annotation_of, input_part

__all__ = ["input_items", "leading_system"]

_CUSTOM = "custom_tool_call"


def leading_system(messages: Sequence[Message]) -> int:
    """Count the system messages at the start."""
    count = 0
    while count < len(messages) and messages[count].role == "system":
        count += 1
    return count


def input_items(
    messages: Sequence[Message], model: str, breakpoints: Breakpoints, reporter: Reporter
) -> tuple[str, list[JsonObject]]:
    """The ``instructions`` and the ``input`` list of a conversation.

    System messages at the start become the instructions, later ones developer messages in their place. Those at
    the start are developer messages too when one has a cache marker, which instructions cannot carry.
    """
    writer = _Writer(model, breakpoints, reporter)
    count = leading_system(messages)
    if breakpoints.taken and any(_marked(message) for message in messages[:count]):
        count = 0
    for message in messages[:count]:
        for part in message.content:
            breakpoints.refuse(isinstance(part, TextPart) and part.cache, "the instructions of this model")
    for message in messages[count:]:
        writer.add(message)
    return "\n\n".join(message.text for message in messages[:count]), writer.items


def _marked(message: Message) -> bool:
    return any(isinstance(part, TextPart) and part.cache for part in message.content)


class _Writer:
    """Writes the items of one conversation."""

    def __init__(self, model: str, breakpoints: Breakpoints, reporter: Reporter) -> None:
        self.items: list[JsonObject] = []
        self._model = model
        self._breakpoints = breakpoints
        self._reporter = reporter
        self._custom: set[str] = set()

    def add(self, message: Message) -> None:
        """Write a message."""
        if message.name is not None:
            self._reporter.drop("name", "the Responses API knows no names of speakers")
        if message.role == "assistant":
            self._add_assistant(message.content)
        elif message.role == "system":
            content = [self._input(part) for part in message.content] if _marked(message) else message.text
            self.items.append({"type": "message", "role": "developer", "content": content})
        else:
            self._add_user(message.content)

    def _add_user(self, parts: Sequence[Part]) -> None:
        content: list[JsonObject] = []
        for part in parts:
            if isinstance(part, ToolResult):
                self._add_result(part)
            else:
                content.append(self._input(part))
        if content:
            self.items.append({"type": "message", "role": "user", "content": content})

    def _input(self, part: Part) -> JsonObject:
        assert isinstance(part, (TextPart, ImagePart, FilePart))  # Message allows a user nothing else
        wire = input_part(part, self._model)
        if part.cache:
            self._breakpoints.mark(wire, part.cache)
        if isinstance(part, FilePart) and part.citations:
            self._reporter.drop("citations", "OpenAI's models cite no passages of documents in the input")
        return wire

    def _add_result(self, result: ToolResult) -> None:
        if result.is_error:
            self._note("dropped", "a tool's output has no mark for an error; its text says what failed")
        output: str | list[JsonObject] = result.text
        marked = result.cache or any(part.cache for part in result.content)
        if marked or any(not isinstance(part, TextPart) for part in result.content):
            output = [self._input(part) for part in result.content]
            if output and result.cache:
                self._breakpoints.mark(output[-1], result.cache)
        kind = f"{_CUSTOM}_output" if result.tool_call_id in self._custom else "function_call_output"
        self.items.append({"type": kind, "call_id": result.tool_call_id, "output": output})

    def _add_assistant(self, parts: Sequence[Part]) -> None:
        turn: list[JsonObject] = []
        reasoned = False
        for part in parts:
            if isinstance(part, (TextPart, RefusalPart)):
                self._add_text(turn, part, paired=reasoned)
            elif isinstance(part, ToolCall):
                turn.append(self._call(part))
            elif isinstance(part, CitationPart):
                _annotate(turn, part)
            elif isinstance(part, (ReasoningPart, OpaquePart)):
                item = self._own(part.opaque)
                if item is not None:
                    turn.append(item)
                    reasoned = reasoned or item["type"] == "reasoning"
            else:
                self._note("dropped", "images and files in the assistant's turns")
        while turn and turn[-1].get("type") == "reasoning":
            turn.pop()
            self._note("repaired", "reasoning without the item it led to, which the API refuses")
        self.items += turn

    def _add_text(self, turn: list[JsonObject], part: TextPart | RefusalPart, *, paired: bool) -> None:
        """Write text of the model's: with its id beside the reasoning it came from, as plain text otherwise."""
        opaque = part.opaque if isinstance(part, TextPart) else None
        if isinstance(part, TextPart):
            self._breakpoints.refuse(part.cache, "the assistant's text")
        kept = opaque.data if opaque is not None else {}  # its id, status and phase
        if not paired or "id" not in kept:
            if part.text:
                phase = {"phase": kept["phase"]} if "phase" in kept else {}
                turn.append({"type": "message", "role": "assistant", "content": part.text, **phase})
            return
        content = {"type": "output_text", "text": part.text, "annotations": []}
        last = turn[-1] if turn else {}
        if last.get("id") == kept["id"]:
            last["content"].append(content)
        else:
            turn.append(
                {"type": "message", "role": "assistant", "status": "completed", **kept, "content": [content]}
            )

    def _call(self, call: ToolCall) -> JsonObject:
        opaque = call.opaque
        if opaque is not None and opaque.kind == _CUSTOM:
            self._custom.add(call.id)
            return {**opaque.data, "call_id": call.id}
        return {
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments_text or "{}",
        }

    def _own(self, opaque: Opaque | None) -> JsonObject | None:
        """An item to be sent back unchanged; ``None`` for what is none, as the head of a message without text."""
        if opaque is None or opaque.kind == "message":
            return None
        if opaque.kind == "reasoning" and not opaque.data.get("encrypted_content"):
            self._note("dropped", "reasoning without encrypted content: nothing was stored to find it by")
            return None
        return opaque.data

    def _note(self, action: Action, reason: str) -> None:
        self._reporter.note("messages", action, reason)


def _annotate(turn: list[JsonObject], citation: CitationPart) -> None:
    """Put an annotation back on the text it belongs to, where that text goes back as it came."""
    annotation = annotation_of(citation)
    content = turn[-1].get("content") if turn else None
    if annotation is not None and isinstance(content, list):
        content[-1]["annotations"].append(annotation)

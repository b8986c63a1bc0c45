"""Writing a conversation in the roles that Mistral accepts.

Mistral refuses, with status 400 and code 3230, a system message after anything but the start or a turn of the
user's (public issues of several clients; the request validator in mistral-common states the same order): such a
message is said as the user's, and reported. Ids and the order of other turns are put right by the core, under the
rules the plugin declares.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.provider import (
    Action,
    CapabilityName,
    CitationPart,
    FilePart,
    ImagePart,
    InvalidRequestError,
    JsonObject,
    Message,
    ModelCard,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    Reporter,
    TextPart,
    ToolCall,
    ToolResult,
    UnsupportedFeatureError,
)
from modelyard_mistral.chunks import input_chunk, is_audio, is_image, text_chunk

__all__ = ["chat_messages"]


def chat_messages(messages: Sequence[Message], card: ModelCard, reporter: Reporter) -> list[JsonObject]:
    """The ``messages`` of a conversation; one message of ours becomes one for each tool result it holds.

    Raises ``InvalidRequestError`` when nothing of it can be sent, and ``UnsupportedFeatureError`` for an image, a
    sound or a beginning to be continued that the model's card says it does not take: content is never left out.
    """
    writer = _Writer(card, reporter)
    for message in messages:
        writer.add(message)
    return writer.finish()


class _Writer:
    """Writes the messages of one conversation."""

    def __init__(self, card: ModelCard, reporter: Reporter) -> None:
        self._card = card
        self._reporter = reporter
        self._wire: list[JsonObject] = []

    def add(self, message: Message) -> None:
        """Write a message."""
        content = message.content
        if len(content) == 1 and type(content[0]) is TextPart and content[0].text and message.name is None:
            # Nearly every message of a long conversation is one text, and there may be thousands.
            self._append({"role": message.role, "content": content[0].text})
            return
        if message.name is not None:
            self._reporter.drop("name", "Mistral's messages carry no name of a speaker")
        if message.role == "system":
            self._append({"role": "system", "content": message.text})
        elif message.role == "assistant":
            self._add_assistant(message.content)
        else:
            self._add_user(message.content)

    def finish(self) -> list[JsonObject]:
        """The messages; the last of them is the user's or a tool's, or an answer to be continued."""
        if not self._wire:
            raise InvalidRequestError("The conversation holds nothing that Mistral can read.")
        last = self._wire[-1]
        if last.get("role") == "system":
            self._wire[-1] = self._as_user(last)
        elif last.get("role") == "assistant" and "tool_calls" not in last:
            self._need("prefill", "a last turn of the assistant's, to be continued")
            last["prefix"] = True
        return self._wire

    def _append(self, message: JsonObject) -> None:
        role = message["role"]
        before = self._wire[-1]["role"] if self._wire else "system"
        if role == "system" and before not in ("system", "user"):
            message = self._as_user(message)
        self._wire.append(message)

    def _as_user(self, message: JsonObject) -> JsonObject:
        self._note("converted", "a system message later than Mistral takes one is sent as the user's")
        return {**message, "role": "user"}

    def _add_user(self, parts: Sequence[Part]) -> None:
        content: list[JsonObject] = []
        for part in parts:
            if isinstance(part, ToolResult):
                self._add_result(part)
            else:
                assert isinstance(part, (TextPart, ImagePart, FilePart))  # Message allows a user nothing else
                content.append(self._input(part))
        if content:
            only_text = len(content) == 1 and content[0]["type"] == "text"
            self._append({"role": "user", "content": content[0]["text"] if only_text else content})

    def _add_result(self, result: ToolResult) -> None:
        if result.is_error:
            self._note("dropped", "a tool's message has no mark for an error; its text says what failed")
        named = {"name": result.name} if result.name else {}
        self._append({"role": "tool", "tool_call_id": result.tool_call_id, **named, "content": result.text})

    def _input(self, part: TextPart | ImagePart | FilePart) -> JsonObject:
        if is_image(part):
            self._need("images", "images")
        elif is_audio(part):
            self._need("audio", "audio")
        if isinstance(part, FilePart) and part.citations:
            self._reporter.drop("citations", "Mistral cites what tools find, not documents in a message")
        return input_chunk(part)

    def _need(self, capability: CapabilityName, what: str) -> None:
        known = self._card.capability(capability)
        if known.state == "unsupported":
            raise UnsupportedFeatureError(
                f"{self._card.ref} does not take {what}.",
                feature=capability,
                model=self._card.ref,
                hint=known.limits,
            )

    def _add_assistant(self, parts: Sequence[Part]) -> None:
        message: JsonObject = {"role": "assistant"}
        content: list[JsonObject] = []
        for part in parts:
            chunk = self._assistant_chunk(part)
            # Citations of one reference chunk stand side by side, each with the whole chunk.
            if chunk is not None and not (isinstance(part, CitationPart) and content and content[-1] == chunk):
                content.append(chunk)
        if content:
            plain = all(chunk["type"] == "text" for chunk in content)
            message["content"] = "".join(chunk["text"] for chunk in content) if plain else content
        calls = [self._call(part) for part in parts if isinstance(part, ToolCall)]
        if calls:
            message["tool_calls"] = calls
        if len(message) == 1:
            self._note("dropped", "a turn of the assistant's that holds nothing Mistral can read")
        else:
            self._append(message)

    def _assistant_chunk(self, part: Part) -> JsonObject | None:
        if isinstance(part, (TextPart, RefusalPart)):
            return text_chunk(part.text) if part.text else None
        if isinstance(part, (ReasoningPart, OpaquePart)):
            return part.opaque.data if part.opaque is not None else None
        if isinstance(part, CitationPart):
            if part.raw.get("type") == "reference":
                return part.raw
            self._note("dropped", "citations of another provider's, which are in its own words")
        elif isinstance(part, (ImagePart, FilePart)):
            self._note("dropped", "images and files in the assistant's turns")
        return None

    def _call(self, call: ToolCall) -> JsonObject:
        function = {"name": call.name, "arguments": call.arguments_text or "{}"}
        return {"id": call.id, "type": "function", "function": function}

    def _note(self, action: Action, reason: str) -> None:
        self._reporter.note("messages", action, reason)

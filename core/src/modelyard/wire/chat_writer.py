"""Writing a conversation as Chat Completions messages: OpenAI's, Mistral's and those of compatible servers."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.catalog.capability import CapabilityName
from modelyard.catalog.card import ModelCard
from modelyard.errors import InvalidRequestError, UnsupportedFeatureError
from modelyard.types.base import JsonObject
from modelyard.types.content import (
    CitationPart,
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCall,
    ToolResult,
)
from modelyard.types.controls import Cache
from modelyard.types.messages import Message
from modelyard.types.report import Action
from modelyard.types.reporter import Reporter
from modelyard.wire.chat_parts import data_url, is_image, joined, merge
from modelyard.wire.chat_quirks import ChatQuirks

__all__ = ["ChatWriter"]

_WHO = {"role", "name"}
_BESIDE_CALLS: dict[str, JsonObject] = {"absent": {}, "null": {"content": None}, "empty": {"content": ""}}


class ChatWriter:
    """Writes one conversation. Most servers differ by ``ChatQuirks`` alone; a subclass writes parts of its own.

    The core has already put the history right: ids and names fit, and every call has its result. Content a server
    cannot take is refused with ``UnsupportedFeatureError``, never left out; what may be left out is reported.
    """

    def __init__(self, quirks: ChatQuirks, card: ModelCard, reporter: Reporter) -> None:
        self.quirks = quirks
        self.card = card
        self.reporter = reporter
        self.wire: list[JsonObject] = []
        self._attached: list[JsonObject] = []
        self._merged = quirks.merged

    def write(self, messages: Sequence[Message]) -> list[JsonObject]:
        """Write the ``messages``; one message of ours becomes one for each tool result it holds.

        Raises ``InvalidRequestError`` when nothing of the conversation can be sent.
        """
        for message in messages:
            self.add(message)
        self._flush_attached()
        if not self.wire:
            raise InvalidRequestError(f"The conversation holds nothing that {self.quirks.title} can read.")
        self._end(self.wire[-1])
        return self.wire

    def add(self, message: Message) -> None:
        """Write one message."""
        content = message.content
        if len(content) == 1 and message.name is None:
            only = content[0]
            # Nearly every message of a long conversation is one text, and there may be thousands.
            if type(only) is TextPart and only.text and not only.cache:
                self.append({"role": message.role, "content": only.text})
                return
        named = self._named(message.name)
        if message.role == "system":
            self.append({"role": "system", "content": joined([self.input(part) for part in content]), **named})
        elif message.role == "assistant":
            self._add_assistant(content, named)
        else:
            self._add_user(content, named)

    def append(self, message: JsonObject) -> None:
        """Put a message at the end, under the rules for the order of roles."""
        role = message["role"]
        if self._attached and role != "tool":
            self._flush_attached()
        if role == "system" and self._is_late():
            message, role = self._as_user(message), "user"
        if role in self._merged and self.wire and merge(self.wire[-1], message):
            return
        self.wire.append(message)

    # Steps for a subclass to override

    def part(self, part: TextPart | ImagePart | FilePart) -> JsonObject:
        """Write something a user says or shows, without its cache marker."""
        if isinstance(part, TextPart):
            return {"type": "text", "text": part.text}
        if not self.quirks.list_content or (isinstance(part, FilePart) and not is_image(part)):
            kind: CapabilityName = "images" if isinstance(part, ImagePart) else "files"
            raise self.refuse(kind, kind)
        self.need("images", "images")
        detail = {"detail": part.detail} if isinstance(part, ImagePart) and part.detail else {}
        return {"type": "image_url", "image_url": {"url": data_url(part), **detail}}

    def said(self, part: Part, message: JsonObject) -> JsonObject | None:
        """Write something the model said: as a part of the content, or into a field of the ``message``."""
        if isinstance(part, TextPart):
            return self.input(part) if part.text else None
        if isinstance(part, RefusalPart):
            return self._refusal(part, message)
        if isinstance(part, (ReasoningPart, OpaquePart)):
            self.reasoning(part, message)
        elif not isinstance(part, (CitationPart, ToolCall)):
            self.note("dropped", "images and files in the assistant's turns")
        return None

    def reasoning(self, part: ReasoningPart | OpaquePart, message: JsonObject) -> None:
        """Lay reasoning, or opaque data, back into the message it came with."""
        field = self.quirks.reasoning_field
        if field is None or isinstance(part, OpaquePart):
            self.note("dropped", "reasoning and other data that Chat Completions cannot take back")
        elif part.text:
            message[field] = message.get(field, "") + part.text

    def call(self, call: ToolCall) -> JsonObject:
        """Write a tool call."""
        function = {"name": call.name, "arguments": call.arguments_text or "{}"}
        return {"id": call.id, "type": "function", "function": function}

    def mark(self, wire: JsonObject, cache: Cache) -> None:
        """Put a cache marker on a part that may carry one."""
        if cache:
            self.reporter.drop("cache", f"{self.quirks.title} takes no cache markers")

    # What the steps use

    def input(self, part: Part) -> JsonObject:
        """Write a part with its cache marker, and say what of it is not heeded."""
        assert isinstance(part, (TextPart, ImagePart, FilePart))  # Message allows nothing else here
        wire = self.part(part)
        if part.cache:
            self.mark(wire, part.cache)
        if isinstance(part, FilePart) and part.citations:
            self.reporter.drop("citations", f"{self.quirks.title} cites no passages of documents in the input")
        return wire

    def note(self, action: Action, reason: str) -> None:
        """Note a change of the messages that loses nothing the caller asked for."""
        self.reporter.note("messages", action, reason)

    def need(self, capability: CapabilityName, what: str) -> None:
        """Refuse what the card of the model says it does not take."""
        if self.card.capability(capability).state == "unsupported":
            raise self.refuse(capability, what)

    def refuse(self, capability: CapabilityName, what: str) -> UnsupportedFeatureError:
        """Make the error for content that cannot be sent."""
        return UnsupportedFeatureError(
            f"{self.card.ref} does not take {what}.",
            feature=capability,
            model=self.card.ref,
            hint=self.card.capability(capability).limits or "Choose a model that takes it.",
        )

    def _named(self, name: str | None) -> JsonObject:
        if not name:
            return {}
        if not self.quirks.names:
            self.reporter.drop("name", f"{self.quirks.title}'s messages carry no name of a speaker")
            return {}
        return {"name": name}

    def _add_user(self, parts: Sequence[Part], named: JsonObject) -> None:
        content: list[JsonObject] = []
        for part in parts:
            if isinstance(part, ToolResult):
                self._add_result(part)
            else:
                content.append(self.input(part))
        if content:
            plain = len(content) == 1 or not self.quirks.list_content
            self.append({"role": "user", "content": joined(content) if plain else content, **named})

    def _add_result(self, result: ToolResult) -> None:
        if result.is_error:
            self.note("dropped", "a tool's message has no mark for an error; its text says what failed")
        texts = [self.input(part) for part in result.content if isinstance(part, TextPart)]
        files = [self.input(part) for part in result.content if not isinstance(part, TextPart)]
        if files:
            self.note("converted", "files a tool gave back follow its result in a turn of the user's")
            self._attached += [{"type": "text", "text": f"Files from tool call {result.tool_call_id}:"}, *files]
        content = joined(texts) or ("The files follow." if files else "")
        if result.cache:
            listed = [{"type": "text", "text": content}] if isinstance(content, str) else content
            self.mark(listed[-1], result.cache)
            content = joined(listed)
        named = {"name": result.name} if self.quirks.tool_names and result.name else {}
        self.append({"role": "tool", "tool_call_id": result.tool_call_id, **named, "content": content})

    def _add_assistant(self, parts: Sequence[Part], named: JsonObject) -> None:
        message: JsonObject = {"role": "assistant", **named}
        chunks: list[JsonObject] = []
        for part in parts:
            chunk = self.said(part, message)
            # Citations of one passage stand side by side, each with the whole part it was read from.
            if chunk is not None and not (isinstance(part, CitationPart) and chunks and chunks[-1] == chunk):
                chunks.append(chunk)
        calls = [self.call(part) for part in parts if isinstance(part, ToolCall)]
        content = self._content(chunks, alone=not calls and message.keys() <= _WHO)
        if content is None:
            title = self.quirks.title
            self.note("dropped", f"a turn of the assistant's that holds nothing {title} can read")
            return
        message.update(content)
        if calls:
            message["tool_calls"] = calls
        self.append(message)

    def _content(self, chunks: list[JsonObject], *, alone: bool) -> JsonObject | None:
        """The field ``content`` of a turn of the assistant's; ``None`` for a turn that holds nothing at all."""
        if chunks:
            return {"content": joined(chunks)}
        if alone:
            return {"content": ""} if self.quirks.empty_turns else None
        return _BESIDE_CALLS[self.quirks.beside_calls]

    def _refusal(self, part: RefusalPart, message: JsonObject) -> JsonObject | None:
        if not self.quirks.refusals:
            return {"type": "text", "text": part.text} if part.text else None
        if part.text:
            message["refusal"] = message.get("refusal", "") + part.text
        return None

    def _flush_attached(self) -> None:
        """Write the files of tool results, once all results of a turn stand together."""
        if self._attached:
            content, self._attached = self._attached, []
            self.append({"role": "user", "content": content})

    def _is_late(self) -> bool:
        """Whether a system message would stand where the server takes none."""
        after = self.quirks.system_after
        return after is not None and bool(self.wire) and self.wire[-1]["role"] not in after

    def _as_user(self, message: JsonObject) -> JsonObject:
        title = self.quirks.title
        self.note("converted", f"a system message later than {title} takes one is sent as the user's")
        return {**message, "role": "user"}

    def _end(self, last: JsonObject) -> None:
        """See to the last message: the user's or a tool's, or an answer to be continued."""
        if last["role"] == "system" and self.quirks.system_after is not None:
            self.wire[-1] = self._as_user(last)
        elif last["role"] == "assistant" and "tool_calls" not in last:
            self._continue(last)

    def _continue(self, last: JsonObject) -> None:
        what = "a last turn of the assistant's, to be continued"
        if self.quirks.prefill == "refused":
            raise self.refuse("prefill", what)
        if self.quirks.prefill == "prefix":
            self.need("prefill", what)
            last["prefix"] = True

"""Writing a conversation as Chat Completions messages."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.provider import (
    Action,
    CitationPart,
    FilePart,
    ImagePart,
    JsonObject,
    Message,
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
from modelyard_openai.content import data_url, is_audio, is_image, unsupported

__all__ = ["chat_messages", "fetches"]


def fetches(part: ImagePart | FilePart) -> bool:
    """Return whether Chat Completions fetches a part's URL. True also for clips it takes in no form."""
    if isinstance(part, ImagePart) or is_image(part):
        return True
    return is_audio(part) and part.mime not in _FORMATS


_FORMATS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}


def chat_messages(
    messages: Sequence[Message], model: str, breakpoints: Breakpoints, reporter: Reporter, *, audio: bool
) -> list[JsonObject]:
    """The ``messages`` of a conversation; one message of ours becomes one for each tool result it holds.

    ``audio`` says whether the model may be sent any. Raises ``UnsupportedFeatureError`` for what it cannot take.
    """
    writer = _Writer(model, breakpoints, reporter, audio=audio)
    for message in messages:
        writer.add(message)
    return writer.finish()


class _Writer:
    """Writes the messages of one conversation."""

    def __init__(self, model: str, breakpoints: Breakpoints, reporter: Reporter, *, audio: bool) -> None:
        self._model = model
        self._breakpoints = breakpoints
        self._reporter = reporter
        self._audio = audio
        self._wire: list[JsonObject] = []
        self._attached: list[JsonObject] = []

    def add(self, message: Message) -> None:
        """Write a message."""
        named = {"name": message.name} if message.name else {}
        if message.role == "assistant":
            self._add_assistant(message.content, named)
        elif message.role == "system":
            self._append({"role": "system", "content": self._texts(message.content), **named})
        else:
            self._add_user(message.content, named)

    def finish(self) -> list[JsonObject]:
        """The messages, once the last has been written."""
        self._flush_attached()
        return self._wire

    def _append(self, message: JsonObject) -> None:
        if message["role"] != "tool":
            self._flush_attached()
        self._wire.append(message)

    def _add_user(self, parts: Sequence[Part], named: JsonObject) -> None:
        content: list[JsonObject] = []
        for part in parts:
            if isinstance(part, ToolResult):
                self._add_result(part)
            else:
                content.append(self._user_part(part))
        if content:
            plain = len(content) == 1 and content[0].keys() == {"type", "text"}
            self._append({"role": "user", "content": content[0]["text"] if plain else content, **named})

    def _add_result(self, result: ToolResult) -> None:
        if result.is_error:
            self._note("dropped", "a tool's message has no mark for an error; its text says what failed")
        files = [self._user_part(part) for part in result.content if not isinstance(part, TextPart)]
        if files:
            self._note("converted", "files a tool gave back follow its result in a turn of the user's")
            self._attached += [{"type": "text", "text": f"Files from tool call {result.tool_call_id}:"}, *files]
        texts = [part for part in result.content if isinstance(part, TextPart)]
        content = self._texts(texts) or ("The files follow." if files else "")
        if result.cache:
            content = [{"type": "text", "text": content}] if isinstance(content, str) else content
            self._breakpoints.mark(content[-1], result.cache)
            content = content if self._breakpoints.taken else content[-1]["text"]
        self._append({"role": "tool", "tool_call_id": result.tool_call_id, "content": content})

    def _flush_attached(self) -> None:
        """Write the files of tool results, once all results of a turn stand together."""
        if self._attached:
            content, self._attached = self._attached, []
            self._wire.append({"role": "user", "content": content})

    def _texts(self, parts: Sequence[Part]) -> str | list[JsonObject]:
        """Text parts as one text, or as a list where one of them carries a cache marker."""
        texts = [part for part in parts if isinstance(part, TextPart)]
        if not any(part.cache for part in texts):
            return "".join(part.text for part in texts)
        wires: list[JsonObject] = []
        for part in texts:
            wire = {"type": "text", "text": part.text}
            self._breakpoints.mark(wire, part.cache)
            wires.append(wire)
        if any(len(wire) > 2 for wire in wires):
            return wires
        return "".join(part.text for part in texts)

    def _user_part(self, part: Part) -> JsonObject:
        if isinstance(part, TextPart) and not part.cache:
            return {"type": "text", "text": part.text}
        wire = self._content(part)
        if isinstance(part, (TextPart, ImagePart, FilePart)) and part.cache:
            self._breakpoints.mark(wire, part.cache)
        if isinstance(part, FilePart) and part.citations:
            self._reporter.drop("citations", "OpenAI's models cite no passages of documents in the input")
        return wire

    def _content(self, part: Part) -> JsonObject:
        if isinstance(part, ImagePart):
            detail = {"detail": part.detail} if part.detail else {}
            return {"type": "image_url", "image_url": {"url": data_url(part), **detail}}
        if isinstance(part, FilePart):
            return self._file(part)
        assert isinstance(part, TextPart)  # Message allows a user nothing else
        return {"type": "text", "text": part.text}

    def _file(self, part: FilePart) -> JsonObject:
        if is_audio(part):
            return self._clip(part)
        if is_image(part) and part.file_id is None:
            return {"type": "image_url", "image_url": {"url": data_url(part)}}
        if part.file_id is not None:
            if is_image(part):
                hint = "Give its bytes or a URL, or use the Responses API."
                raise unsupported("images", "Chat Completions takes no image by file id", self._model, hint)
            return {"type": "file", "file": {"file_id": part.file_id}}
        if part.url is not None:
            hint = "Give its bytes, let the runtime fetch them (fetch_urls), or use the Responses API."
            raise unsupported("files", "Chat Completions fetches no files by URL", self._model, hint)
        return {"type": "file", "file": {"filename": part.name or "file", "file_data": data_url(part)}}

    def _clip(self, part: FilePart) -> JsonObject:
        if not self._audio:
            raise unsupported("audio", "The model takes no audio", self._model, "Choose a model that does.")
        form = _FORMATS.get(part.mime)
        if form is None or part.data is None:
            hint = "Give the bytes of a WAV or MP3 clip."
            raise unsupported("audio", f"Chat Completions takes no {part.mime} in this form", self._model, hint)
        return {"type": "input_audio", "input_audio": {"data": part.base64, "format": form}}

    def _add_assistant(self, parts: Sequence[Part], named: JsonObject) -> None:
        message: JsonObject = {"role": "assistant", **named}
        refusal, calls = "", list[JsonObject]()
        for part in parts:
            if isinstance(part, TextPart):
                continue
            if isinstance(part, ToolCall):
                calls.append(_call(part))
            elif isinstance(part, RefusalPart):
                refusal += part.text
            elif isinstance(part, (ReasoningPart, OpaquePart)):
                self._note("dropped", "reasoning and other data that Chat Completions cannot take back")
            elif not isinstance(part, CitationPart):
                self._note("dropped", "images and files in the assistant's turns")
        content = self._texts(parts)
        if content or not (calls or refusal):
            message["content"] = content
        if refusal:
            message["refusal"] = refusal
        if calls:
            message["tool_calls"] = calls
        self._append(message)

    def _note(self, action: Action, reason: str) -> None:
        self._reporter.note("messages", action, reason)


def _call(call: ToolCall) -> JsonObject:
    opaque = call.opaque
    if opaque is not None and opaque.provider == "openai" and opaque.kind == "custom_tool_call":
        custom = {"name": call.name, "input": call.arguments_text}
        return {"id": call.id, "type": "custom", "custom": custom}
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments_text or "{}"},
    }

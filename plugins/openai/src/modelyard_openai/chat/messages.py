"""Writing a conversation as Chat Completions messages."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.provider import (
    Cache,
    ChatQuirks,
    ChatWriter,
    FilePart,
    ImagePart,
    JsonObject,
    Message,
    ModelCard,
    Reporter,
    TextPart,
    ToolCall,
    data_url,
)
from modelyard_openai.caching import Breakpoints
from modelyard_openai.content import is_audio, is_image, unsupported

__all__ = ["chat_messages", "fetches"]

_QUIRKS = ChatQuirks("OpenAI", names=True, refusals=True, empty_turns=True, prefill="sent")


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
    messages: Sequence[Message], model: str, card: ModelCard, breakpoints: Breakpoints, reporter: Reporter
) -> list[JsonObject]:
    """Write the ``messages`` of a conversation; one message of ours becomes one for each tool result it holds.

    Raises ``UnsupportedFeatureError`` for what the model, or the API, cannot take.
    """
    return _Writer(model, card, breakpoints, reporter).write(messages)


class _Writer(ChatWriter):
    def __init__(self, model: str, card: ModelCard, breakpoints: Breakpoints, reporter: Reporter) -> None:
        super().__init__(_QUIRKS, card, reporter)
        self._model = model
        self._breakpoints = breakpoints

    def mark(self, wire: JsonObject, cache: Cache) -> None:
        self._breakpoints.mark(wire, cache)

    def call(self, call: ToolCall) -> JsonObject:
        opaque = call.opaque
        if opaque is not None and opaque.provider == "openai" and opaque.kind == "custom_tool_call":
            custom = {"name": call.name, "input": call.arguments_text}
            return {"id": call.id, "type": "custom", "custom": custom}
        return super().call(call)

    def part(self, part: TextPart | ImagePart | FilePart) -> JsonObject:
        if isinstance(part, ImagePart):
            detail = {"detail": part.detail} if part.detail else {}
            return {"type": "image_url", "image_url": {"url": data_url(part), **detail}}
        if isinstance(part, FilePart):
            return self._file(part)
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
        if self.card.capability("audio").state == "unsupported":
            raise unsupported("audio", "The model takes no audio", self._model, "Choose a model that does.")
        form = _FORMATS.get(part.mime)
        if form is None or part.data is None:
            hint = "Give the bytes of a WAV or MP3 clip."
            raise unsupported("audio", f"Chat Completions takes no {part.mime} in this form", self._model, hint)
        return {"type": "input_audio", "input_audio": {"data": part.base64, "format": form}}

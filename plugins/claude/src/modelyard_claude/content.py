"""Writing the parts of a message as content blocks."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from urllib.parse import urlsplit

from modelyard.provider import (
    Cache,
    CitationPart,
    FilePart,
    ImagePart,
    InvalidRequestError,
    JsonObject,
    Opaque,
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
from modelyard_claude.caching import cache_control

__all__ = ["BlockWriter", "fetches"]

_THINKING_OFF = "thinking of earlier turns is not sent while thinking is off"
_MEDIA = "images and files in a turn of the model's own are not sent"
_CITATIONS = "citations made by another provider are not sent"
_NOT_SENT_BACK = frozenset({"text", "tool_use", "stop_details"})
"""Kinds of opaque data that only make sense on the part they came with."""
_INPUT_BLOCKS = frozenset({"search_result", "document", "image", "container_upload", "tool_reference"})
"""Blocks a caller may put in the place of a text part, as its opaque data."""
_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_SILENT_FAILURE = "The tool failed and said nothing."


class BlockWriter:
    """Writes the parts of one request.

    ``thinking`` says whether thinking of earlier turns may be sent: with thinking off it is an error.
    ``citations`` says whether documents may be cited, which no answer held to a schema does. ``marked`` tells
    afterwards whether any block carries a cache marker, ``dropped`` why parts of the history were left out.
    """

    def __init__(self, reporter: Reporter, *, thinking: bool, citations: bool) -> None:
        self._reporter = reporter
        self._thinking = thinking
        self._citations = citations
        self._documents: list[JsonObject] = []
        self.dropped: set[str] = set()
        self.marked = False

    def user(self, parts: Sequence[Part]) -> list[JsonObject]:
        """The blocks of a turn of the user's or of tools; blank text is left out, which the API refuses."""
        blocks: list[JsonObject] = []
        for part in parts:
            # Nearly every part of a long history is plain text: no calls for those.
            if type(part) is TextPart and part.opaque is None and not part.cache:
                if part.text and not part.text.isspace():
                    blocks.append({"type": "text", "text": part.text})
                continue
            block = self._user_block(part)
            if block is not None:
                blocks.append(block)
        return blocks

    def assistant(self, parts: Sequence[Part]) -> list[JsonObject]:
        """The blocks of a turn of the model's.

        Opaque blocks go back as they came, thinking only while the model thinks. What cannot go back is left
        out, and the reason added to ``dropped``.
        """
        blocks: list[JsonObject] = []
        cited = False
        for part in parts:
            if type(part) is TextPart and part.opaque is None and not part.cache:
                cited = False
                if part.text and not part.text.isspace():
                    blocks.append({"type": "text", "text": part.text})
                continue
            if isinstance(part, (TextPart, RefusalPart)):
                cited = isinstance(part, TextPart) and bool(_extras(part.opaque, "text"))
                block = self._answer_text(part)
            elif isinstance(part, ToolCall):
                block = _tool_use(part)
            elif isinstance(part, CitationPart):
                block = None  # those of this provider are part of their text's own data
                if not cited:
                    self.dropped.add(_CITATIONS)
            else:
                block = self._opaque(part)
            if block is not None:
                blocks.append(block)
        return blocks

    def text(self, part: TextPart) -> JsonObject | None:
        """A block of text, ``None`` for blank text."""
        if part.text.strip():
            return self._mark({"type": "text", "text": part.text}, part.cache)
        if part.cache:
            self._reporter.drop("cache", "a marker on empty text is refused")
        return None

    def finish(self) -> None:
        """Let every document be cited if any is: the API takes all or none."""
        cited = [document for document in self._documents if "citations" in document]
        if not cited or len(cited) == len(self._documents):
            return
        self._reporter.relax("citations", "the API takes all documents or none; all may be cited")
        for document in self._documents:
            document["citations"] = {"enabled": True}

    def _user_block(self, part: Part) -> JsonObject | None:
        if isinstance(part, TextPart):
            return self._input_text(part)
        if isinstance(part, ImagePart):
            if part.detail not in (None, "auto"):
                self._reporter.drop("detail", "Claude has one level of detail for images")
            return self._mark(_image(part), part.cache)
        if isinstance(part, FilePart):
            return self._mark(self._file(part), part.cache)
        assert isinstance(part, ToolResult)  # Message allows no other part here
        return self._mark(self._tool_result(part), part.cache)

    def _input_text(self, part: TextPart) -> JsonObject | None:
        if part.opaque is not None and part.opaque.kind in _INPUT_BLOCKS:
            return self._mark(dict(part.opaque.data), part.cache)
        return self.text(part)

    def _answer_text(self, part: TextPart | RefusalPart) -> JsonObject | None:
        if isinstance(part, RefusalPart):
            return {"type": "text", "text": part.text} if part.text.strip() else None
        block = self.text(part)
        if block is not None:
            block.update(_extras(part.opaque, "text"))
        return block

    def _opaque(self, part: Part) -> JsonObject | None:
        if isinstance(part, ReasoningPart) and not self._thinking:
            self.dropped.add(_THINKING_OFF)
            return None
        if not isinstance(part, (ReasoningPart, OpaquePart)):
            self.dropped.add(_MEDIA)
            return None
        if part.opaque is None or part.opaque.kind in _NOT_SENT_BACK:
            return None
        return part.opaque.data

    def _tool_result(self, result: ToolResult) -> JsonObject:
        block: JsonObject = {"type": "tool_result", "tool_use_id": result.tool_call_id}
        content = self.user(result.content)
        if all(item["type"] == "text" and "cache_control" not in item for item in content):
            text = "".join(item["text"] for item in content)
            if text or result.is_error:
                block["content"] = text or _SILENT_FAILURE  # an error without content is refused
        else:
            block["content"] = content
        if result.is_error:
            block["is_error"] = True
        return block

    def _file(self, part: FilePart) -> JsonObject:
        """A document, or an image where the media type says so."""
        is_image = part.mime.startswith("image/")
        if is_image and part.citations:
            self._reporter.drop("citations", "images cannot be cited")
        if part.file_id is not None:
            source: JsonObject = {"type": "file", "file_id": part.file_id}
            if is_image:
                return {"type": "image", "source": source}
        elif is_image:
            return _image(part)
        else:
            source = _document_source(part)
        document: JsonObject = {"type": "document", "source": source}
        if part.name:
            document["title"] = part.name
        if part.citations and self._citations:
            document["citations"] = {"enabled": True}
        elif part.citations:
            self._reporter.drop("citations", "an answer that must fit a schema cannot cite")
        self._documents.append(document)
        return document

    def _mark(self, block: JsonObject, cache: Cache) -> JsonObject:
        if cache:
            block["cache_control"] = cache_control(cache, self._reporter)
            self.marked = True
        return block


def _image(part: ImagePart | FilePart) -> JsonObject:
    if part.url is not None:
        return {"type": "image", "source": {"type": "url", "url": _checked_url(part.url)}}
    if part.mime not in _IMAGES or not part.data:
        raise _unreadable(part)
    return {"type": "image", "source": {"type": "base64", "media_type": part.mime, "data": part.base64}}


def _document_source(part: FilePart) -> JsonObject:
    """The source of a document: PDF as bytes or by URL, text as text; the API reads nothing else."""
    if part.url is not None and part.media_type in (None, "application/pdf"):
        return {"type": "url", "url": _checked_url(part.url)}
    if part.mime == "application/pdf" and part.data:
        return {"type": "base64", "media_type": "application/pdf", "data": part.base64}
    text = _as_text(part)
    if not text:
        raise _unreadable(part)
    return {"type": "text", "media_type": "text/plain", "data": text}


def fetches(part: ImagePart | FilePart) -> bool:
    """Return whether Anthropic fetches a part's URL: images and PDF, but no text.

    True also for what it takes in no form, so that nobody fetches that.
    """
    media_type = part.media_type or mimetypes.guess_type(urlsplit(part.url or "").path)[0]
    return isinstance(part, ImagePart) or not _is_text(media_type or "")


def _is_text(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type == "application/json"


def _checked_url(url: str) -> str:
    """A URL Anthropic fetches; it takes no other schemes."""
    if url.lower().startswith(("https://", "http://")):
        return url
    raise InvalidRequestError(
        f"Claude fetches http and https URLs, not {url.partition(':')[0][:20]!r}.", hint="Send the bytes instead."
    )


def _unreadable(part: ImagePart | FilePart) -> UnsupportedFeatureError | InvalidRequestError:
    if part.data == b"":
        return InvalidRequestError(f"A {part.type} of type {part.mime} holds no bytes.")
    return UnsupportedFeatureError(
        f"Claude reads PDF, text and images (JPEG, PNG, GIF, WebP), not a file of type {part.mime}.",
        feature="messages",
        hint="Give its media_type if it is one of these.",
    )


def _as_text(part: FilePart) -> str | None:
    if part.data is None or not _is_text(part.mime):
        return None
    try:
        return part.data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _tool_use(call: ToolCall) -> JsonObject:
    # A call cut off in its arguments has none: the API takes only an object, and half of one is none.
    block: JsonObject = {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments or {}}
    block.update(_extras(call.opaque, "tool_use"))
    return block


def _extras(opaque: Opaque | None, kind: str) -> JsonObject:
    """What belongs to a block of this provider beside the fields a neutral part has."""
    return opaque.data if opaque is not None and opaque.kind == kind else {}

"""Writing the parts of a message as content blocks."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.errors import UnsupportedFeatureError
from modelyard.types.base import JsonObject, Opaque
from modelyard.types.content import (
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

__all__ = ["assistant_blocks", "user_blocks"]

_NOT_OURS = "reasoning this model did not sign, and blocks of another provider, are not sent"
_THINKING_OFF = "thinking of earlier turns is not sent while thinking is off"
_MEDIA = "images and files in a turn of the model's own are not sent"
_NOT_SENT_BACK = frozenset({"text", "tool_use"})
"""Kinds of opaque data that only make sense on the part they came with."""
_SILENT_FAILURE = "The tool failed and said nothing."


def user_blocks(parts: Sequence[Part]) -> list[JsonObject]:
    """The blocks of a turn of the user's or of tools; blank text is left out, which the API refuses."""
    return [block for part in parts if (block := _user_block(part)) is not None]


def assistant_blocks(parts: Sequence[Part], model: str, dropped: set[str], *, thinking: bool) -> list[JsonObject]:
    """The blocks of a turn of the model's.

    Opaque blocks go back as they came, thinking only to the model that made it and only with ``thinking`` on.
    What cannot go back is left out, and the reason added to ``dropped``.
    """
    blocks: list[JsonObject] = []
    for part in parts:
        if isinstance(part, (TextPart, RefusalPart)):
            if part.text.strip():
                blocks.append(_answer_text(part))
        elif isinstance(part, ToolCall):
            blocks.append(_tool_use(part))
        elif isinstance(part, ReasoningPart) and not thinking:
            dropped.add(_THINKING_OFF)
        elif isinstance(part, (ReasoningPart, OpaquePart)):
            own = _own(part.opaque, model)
            if own is not None:
                blocks.append(own)
            else:
                dropped.add(_NOT_OURS)
        else:
            dropped.add(_MEDIA)
    return blocks


def _user_block(part: Part) -> JsonObject | None:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text} if part.text.strip() else None
    if isinstance(part, ImagePart):
        return _image(part)
    if isinstance(part, FilePart):
        return _file(part)
    assert isinstance(part, ToolResult)  # Message allows no other part here
    return _tool_result(part)


def _tool_result(result: ToolResult) -> JsonObject:
    block: JsonObject = {"type": "tool_result", "tool_use_id": result.tool_call_id}
    content = user_blocks(result.content)
    if all(item["type"] == "text" for item in content):
        text = "".join(item["text"] for item in content)
        if text or result.is_error:
            block["content"] = text or _SILENT_FAILURE  # an error without content is refused
    else:
        block["content"] = content
    if result.is_error:
        block["is_error"] = True
    return block


def _image(part: ImagePart | FilePart) -> JsonObject:
    if part.url is not None:
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    return {"type": "image", "source": {"type": "base64", "media_type": part.mime, "data": part.base64}}


def _file(part: FilePart) -> JsonObject:
    """A document, or an image where the media type says so."""
    is_image = part.mime.startswith("image/")
    if part.file_id is not None:
        block: JsonObject = {"source": {"type": "file", "file_id": part.file_id}}
    elif is_image:
        return _image(part)
    else:
        block = {"source": _document_source(part)}
    if is_image:
        return {"type": "image", **block}
    return {"type": "document", **block, "title": part.name} if part.name else {"type": "document", **block}


def _document_source(part: FilePart) -> JsonObject:
    """The source of a document: PDF as bytes or by URL, text as text; the API reads nothing else."""
    if part.url is not None and part.media_type in (None, "application/pdf"):
        return {"type": "url", "url": part.url}
    if part.mime == "application/pdf":
        return {"type": "base64", "media_type": "application/pdf", "data": part.base64}
    text = _as_text(part)
    if text is None:
        raise UnsupportedFeatureError(
            f"Claude reads PDF, text and images, not a file of type {part.mime}.",
            feature="messages",
            hint="Give its media_type if it is one of these.",
        )
    return {"type": "text", "media_type": "text/plain", "data": text}


def _as_text(part: FilePart) -> str | None:
    if part.data is None or not (part.mime.startswith("text/") or part.mime == "application/json"):
        return None
    try:
        return part.data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _answer_text(part: TextPart | RefusalPart) -> JsonObject:
    block: JsonObject = {"type": "text", "text": part.text}
    if isinstance(part, TextPart):
        block.update(_extras(part.opaque, "text"))
    return block


def _tool_use(call: ToolCall) -> JsonObject:
    # A call cut off in its arguments has none: the API takes only an object, and half of one is none.
    block: JsonObject = {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments or {}}
    block.update(_extras(call.opaque, "tool_use"))
    return block


def _extras(opaque: Opaque | None, kind: str) -> JsonObject:
    """What belongs to a block of this provider beside the fields a neutral part has."""
    own = opaque is not None and opaque.provider == "claude" and opaque.kind == kind
    return opaque.data if opaque is not None and own else {}


def _own(opaque: Opaque | None, model: str) -> JsonObject | None:
    """A block of this provider and model, to be sent back unchanged; ``None`` for any other."""
    if opaque is None or opaque.provider != "claude" or opaque.model not in (None, model):
        return None
    return None if opaque.kind in _NOT_SENT_BACK else opaque.data

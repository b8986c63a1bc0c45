"""The parts a message is made of."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AliasChoices, Field, field_validator, model_validator

from modelyard.bounds import Bounds
from modelyard.jsonio import depth_over
from modelyard.surrogates import mend_json, mend_text
from modelyard.types.base import Frozen, JsonObject, Opaque
from modelyard.types.controls import Cache

__all__ = [
    "CitationPart",
    "FilePart",
    "ImagePart",
    "OpaquePart",
    "Part",
    "ReasoningPart",
    "RefusalPart",
    "TextPart",
    "ToolCall",
    "ToolResult",
]

_DEPTH = Bounds().argument_depth

ReasoningKind: TypeAlias = Literal["text", "summary", "hidden"]


class TextPart(Frozen):
    """Plain text."""

    type: Literal["text"] = "text"
    text: str
    cache: Cache = False
    opaque: Opaque | None = Field(default=None, repr=False)


class CitationPart(Frozen):
    """Source of the text part before it: a page, a document, a search result.

    ``start`` and ``end`` are character offsets in that text part, where the provider gives them; ``quote`` is
    the passage cited, ``source`` the provider's name or number for what it was found in, ``raw`` the
    annotation as sent.
    """

    type: Literal["citation"] = "citation"
    url: str | None = None
    title: str | None = None
    quote: str | None = None
    source: str | None = None
    start: int | None = None
    end: int | None = None
    raw: JsonObject = Field(default_factory=dict, repr=False)


class RefusalPart(Frozen):
    """The model's own words for declining, kept apart from an answer."""

    type: Literal["refusal"] = "refusal"
    text: str


class _Media(Frozen):
    """Bytes, or a URL to them: exactly one of ``data`` and ``url``.

    ``data`` takes bytes or base64 text, of either alphabet; a ``data:`` URL is taken apart into ``data`` and
    ``media_type``.
    """

    data: bytes | None = Field(default=None, repr=False)
    url: str | None = None
    media_type: str | None = None
    cache: Cache = False

    @model_validator(mode="before")
    @classmethod
    def _split_data_url(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        url = value.get("url")
        if not isinstance(url, str) or not url.startswith("data:"):
            return value
        head, comma, payload = url[len("data:") :].partition(",")
        if not comma or not head.endswith(";base64"):
            raise ValueError("a data URL must read data:<media type>;base64,<data>")
        media_type = head[: -len(";base64")] or None
        return {"media_type": media_type, **value, "url": None, "data": payload}

    @field_validator("data", mode="before")
    @classmethod
    def _decode_base64(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            # pydantic writes bytes with the alphabet for URLs, providers and browsers with the other
            return base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("data given as text must be base64") from None

    @property
    def base64(self) -> str:
        """``data`` as base64 text; the empty string without data."""
        return base64.b64encode(self.data or b"").decode("ascii")


_IMAGE_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


class ImagePart(_Media):
    """An image. ``media_type`` is read from the bytes when it is not given."""

    type: Literal["image"] = "image"
    detail: Literal["auto", "low", "high", "original"] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> ImagePart:
        if (self.data is None) == (self.url is None):
            raise ValueError("an image needs either data or url")
        return self

    @property
    def mime(self) -> str:
        """The media type given, or the one the first bytes show, or ``image/png``."""
        if self.media_type:
            return self.media_type
        data = self.data or b""
        for signature, media_type in _IMAGE_SIGNATURES:
            if data.startswith(signature):
                return media_type
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return "image/webp"
        return "image/png"


class FilePart(_Media):
    """A document or an audio clip: bytes, a URL, or the id of a file already with the provider."""

    type: Literal["file"] = "file"
    file_id: str | None = None
    name: str | None = None
    citations: bool = False
    """True if the answer should cite passages of this document, where the provider can."""

    @model_validator(mode="after")
    def _one_source(self) -> FilePart:
        if sum(source is not None for source in (self.data, self.url, self.file_id)) != 1:
            raise ValueError("a file needs exactly one of data, url and file_id")
        return self

    @property
    def mime(self) -> str:
        """The media type given, or PDF when the bytes show it, or plain binary."""
        if self.media_type:
            return self.media_type
        return "application/pdf" if (self.data or b"").startswith(b"%PDF") else "application/octet-stream"


class ToolCall(Frozen):
    """A model's wish to call a tool.

    ``arguments_text`` is what the model wrote, ``arguments`` the object it says. ``arguments`` is
    ``None`` when the text is no JSON object, as in a call cut off by the output limit: such a call must
    not be executed.
    """

    type: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    arguments: JsonObject | None = None
    arguments_text: str = ""
    opaque: Opaque | None = Field(default=None, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _complete_arguments(cls, value: Any) -> Any:
        """Fill in whichever of the two forms of the arguments is missing."""
        if not isinstance(value, dict):
            return value
        arguments, text = value.get("arguments"), value.get("arguments_text")
        if arguments is None and "arguments" in value and text is not None:
            return value  # a call stored as one without valid arguments is not to become valid by being read
        if isinstance(arguments, str) and text is None:
            arguments, text = None, arguments
        if arguments is None:
            return {**value, "arguments": parse_arguments(text or ""), "arguments_text": text or ""}
        if text is None:
            return {**value, "arguments_text": _as_text(arguments)}
        return value


def _as_text(arguments: Any) -> str:
    try:
        return json.dumps(arguments, ensure_ascii=False)
    except (TypeError, RecursionError):
        raise ValueError("the arguments cannot be written as JSON") from None


class ToolResult(Frozen, populate_by_name=True):
    """Result of a tool for one call; ``is_error`` tells the model that it failed."""

    type: Literal["tool_result"] = "tool_result"
    tool_call_id: str = Field(validation_alias=AliasChoices("tool_call_id", "id"))
    content: tuple[ToolResultContent, ...] = ()
    name: str | None = None
    is_error: bool = False
    cache: Cache = False

    @field_validator("content", mode="before")
    @classmethod
    def _wrap_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            return (TextPart(text=value),)
        if isinstance(value, (TextPart, ImagePart, FilePart)):
            return (value,)
        return value

    @property
    def text(self) -> str:
        """The text parts of the result, joined."""
        return "".join(part.text for part in self.content if isinstance(part, TextPart))


class ReasoningPart(Frozen):
    """Thinking that preceded an answer: in full, summarised, or hidden with only opaque data."""

    type: Literal["reasoning"] = "reasoning"
    text: str = ""
    kind: ReasoningKind = "text"
    opaque: Opaque | None = Field(default=None, repr=False)


class OpaquePart(Frozen):
    """A block only its provider understands, replayed in place and never read."""

    type: Literal["opaque"] = "opaque"
    opaque: Opaque


ToolResultContent: TypeAlias = Annotated[TextPart | ImagePart | FilePart, Field(discriminator="type")]

Part: TypeAlias = Annotated[
    TextPart
    | CitationPart
    | RefusalPart
    | ImagePart
    | FilePart
    | ToolCall
    | ToolResult
    | ReasoningPart
    | OpaquePart,
    Field(discriminator="type"),
]

ToolResult.model_rebuild()


def urls_of(part: Part) -> Iterator[ImagePart | FilePart]:
    """The images and files given by URL that a part is or holds."""
    if isinstance(part, ToolResult):
        for item in part.content:
            yield from urls_of(item)
    elif isinstance(part, (ImagePart, FilePart)) and part.url is not None:
        yield part


def parse_arguments(text: str, depth: int = _DEPTH) -> JsonObject | None:
    """Read tool arguments: empty text and ``null`` mean no arguments, anything but an object ``None``.

    So do objects nested deeper than ``depth``, and numbers that JSON does not have.
    """
    return read_arguments(text, depth)[0]


def read_arguments(text: str, depth: int = _DEPTH) -> tuple[JsonObject | None, bool]:
    """Read arguments as ``parse_arguments`` does, and say whether it was the depth that left nothing."""
    if not text or text.isspace():
        return {}, False
    try:
        value = _ARGUMENTS.decode(text)
    except ValueError:
        return None, False
    except RecursionError:
        return None, True
    if value is None:
        return {}, False
    if not isinstance(value, dict):
        return None, False
    if len(text) > 2 * depth and depth_over(value, depth, text):
        return None, True
    return mend_json(value) if _may_hold_halves(text) else value, False


def _may_hold_halves(text: str) -> bool:
    return "\\ud" in text or "\\uD" in text or (not text.isascii() and mend_text(text) is not text)


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def _finite(word: str) -> float:
    number = float(word)
    return number if math.isfinite(number) else _no_number(word)


_ARGUMENTS = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)

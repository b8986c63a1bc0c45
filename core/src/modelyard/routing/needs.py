"""Needs of a request, read off the request itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelyard.catalog.capability import CapabilityName
from modelyard.types.content import FilePart, ImagePart, TextPart, ToolResult
from modelyard.types.size import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modelyard.types.content import Part
    from modelyard.types.request import Request

__all__ = ["CONTENT", "Needs", "content_needs", "derive_needs"]

CONTENT: Final[tuple[CapabilityName, ...]] = ("tools", "images", "files", "audio")
"""Needs whose loss would change what is asked; the others can be left out of a request, with a note."""


@dataclass(frozen=True, slots=True)
class Needs:
    """``capabilities`` a model must have, in a fixed order; sizes in tokens.

    ``tokens`` is the estimated input, ``output_tokens`` the output asked for, ``None`` without a wish.
    """

    capabilities: tuple[CapabilityName, ...] = ()
    tokens: int = 0
    output_tokens: int | None = None

    def __str__(self) -> str:
        size = f"about {self.tokens:,} input tokens"
        return f"{', '.join(self.capabilities)}; {size}" if self.capabilities else size


def derive_needs(request: Request) -> Needs:
    """The needs of a request.

    Sampling, stop sequences, a seed and strict tools are needs only when the request may not go out without
    them (``on_unsupported="error"``); otherwise they are wishes.
    """
    return Needs(
        capabilities=tuple(dict.fromkeys(_capabilities(request))),
        tokens=estimate_tokens(request),
        output_tokens=request.max_output_tokens,
    )


def content_needs(request: Request) -> Iterator[CapabilityName]:
    """The needs that cannot be left out: tools, and what the messages hold beside text."""
    if request.tools and not (request.tool_choice is not None and request.tool_choice.mode == "none"):
        yield "tools"
    for message in request.messages:
        content = message.content
        if message.role == "assistant":
            continue
        if len(content) == 1 and type(content[0]) is TextPart:
            continue
        yield from _media(content)


def _capabilities(request: Request) -> Iterator[CapabilityName]:
    yield from content_needs(request)
    if request.stream:
        yield "streaming"
    if request.tools:
        yield from _tool_needs(request)
    if request.output is not None:
        yield "structured_output" if request.output.json_schema is not None else "json_mode"
    if request.reasoning is not None and request.reasoning.effort != "none":
        yield "reasoning"
    yield from _turn_needs(request)
    if request.on_unsupported == "error":
        yield from _wishes(request)


def _tool_needs(request: Request) -> Iterator[CapabilityName]:
    if request.parallel_tool_calls:
        yield "parallel_tools"
    if request.tool_choice is not None and request.tool_choice.mode == "required":
        yield "forced_tool_choice"


def _turn_needs(request: Request) -> Iterator[CapabilityName]:
    if any(message.role == "system" for message in request.messages):
        yield "system"
    last = request.messages[-1]
    if last.role == "assistant" and not last.tool_calls:
        yield "prefill"


def _wishes(request: Request) -> Iterator[CapabilityName]:
    if any(value is not None for value in (request.temperature, request.top_p, request.top_k)):
        yield "sampling"
    if request.stop:
        yield "stop"
    if request.seed is not None:
        yield "seed"
    if any(tool.strict for tool in request.tools):
        yield "strict_tools"


def _media(parts: Iterable[Part]) -> Iterator[CapabilityName]:
    for part in parts:
        if isinstance(part, ImagePart):
            yield "images"
        elif isinstance(part, FilePart):
            yield "audio" if (part.media_type or "").startswith("audio/") else "files"
        elif isinstance(part, ToolResult):
            yield from _media(part.content)

"""Token counts of requests: by a provider, or an estimate that says it is one."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelyard.types.content import FilePart, ImagePart, OpaquePart, Part, ReasoningPart, ToolCall, ToolResult
from modelyard.types.request import Request

__all__ = ["TokenCount", "estimate_tokens"]

_BYTES_PER_TOKEN = 3.5
"""Anthropic's glossary says 3.5 English characters, OpenAI's help 4; code and other languages have fewer."""
_TOKENS_PER_TURN = 4
"""Marks around a message: three, and one for a name, in OpenAI's cookbook on counting with tiktoken."""
_TOKENS_PER_IMAGE = 1_500
"""Anthropic's page on vision: width times height by 750, which is 1,590 for 1092 x 1092 pixels."""
_BYTES_PER_FILE_TOKEN = 20
"""A page of some 60 KB costs 1,500 to 3,000 tokens (Anthropic's page on PDF support)."""


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Input tokens of a request; ``estimated`` when no provider counted them.

    ``deployment`` is the reference of the model they were counted for: each counts by its own measure.
    """

    tokens: int
    estimated: bool
    deployment: str | None = field(default=None, compare=False)


def estimate_tokens(request: Request) -> int:
    """A rough count of a request's input tokens, from its size; within a third of the truth for plain text."""
    # Python's own text of a schema is as long as its JSON, and three times as fast to write.
    size = sum(len(repr(tool.parameters)) + len(tool.description) + len(tool.name) for tool in request.tools)
    if request.output is not None and request.output.json_schema is not None:
        size += len(repr(request.output.json_schema))
    tokens = 0.0
    for message in request.messages:
        tokens += _TOKENS_PER_TURN
        for part in message.content:
            tokens += _part_tokens(part)
    return round(tokens + size / _BYTES_PER_TOKEN)


def _part_tokens(part: Part) -> float:
    if isinstance(part, ImagePart):
        return _TOKENS_PER_IMAGE
    if isinstance(part, FilePart):
        return len(part.data or b"") / _BYTES_PER_FILE_TOKEN
    if isinstance(part, ToolCall):
        return (len(part.name) + len(part.arguments_text)) / _BYTES_PER_TOKEN
    if isinstance(part, ToolResult):
        return sum(_part_tokens(item) for item in part.content)
    if isinstance(part, (OpaquePart, ReasoningPart)):
        return 0.0  # providers do not charge earlier thinking again as a rule
    return len(getattr(part, "text", "").encode()) / _BYTES_PER_TOKEN

"""The events of a stream: eight names a consumer of the upstream product knows, and one end of a call.

A stream reads, in this order (``tests`` and ``streaming/grammar.py`` hold it to that)::

    status*  ( content_delta | reasoning_delta | tool_call_start tool_call_delta* tool_call_end | status )*  done

Events are slotted dataclasses with a class-level ``type``, because a stream makes thousands of them.
Opaque provider data rides on the event in its place, so collecting a stream loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, TypeAlias

from modelyard.types.base import Frozen, JsonObject, Opaque
from modelyard.types.content import CitationPart, ReasoningKind
from modelyard.types.finish import FinishReason
from modelyard.types.limits import RateLimit
from modelyard.types.logprobs import TokenLogprob
from modelyard.types.report import Report
from modelyard.types.usage import Usage

__all__ = [
    "ContentDelta",
    "Done",
    "ErrorEvent",
    "Event",
    "ReasoningDelta",
    "ResponseInfo",
    "Status",
    "StreamItem",
    "ToolCallDelta",
    "ToolCallEnd",
    "ToolCallResult",
    "ToolCallStart",
    "event_to_dict",
    "event_to_sse",
]

State: TypeAlias = Literal[
    "started",
    "selected_model",
    "retrying",
    "falling_back",
    "restarted",
    "tool_calling",
    "awaiting_tool_results",
    "limit_reached",
    "completed",
]


@dataclass(slots=True)
class Status:
    """The runtime's own news: ``deployment`` is a reference, ``wait`` seconds before the next attempt.

    ``calls`` are the ids of the tool calls that are being executed, or that wait for the host.
    """

    type: ClassVar[Literal["status"]] = "status"
    state: State
    deployment: str | None = None
    attempt: int | None = None
    reason: str | None = None
    wait: float | None = None
    calls: tuple[str, ...] = ()


@dataclass(slots=True)
class ContentDelta:
    """More text of the answer's part ``index``; ``kind`` tells a refusal from an answer.

    An empty text with opaque data is a block that only its provider reads. ``citations`` belong to the part,
    ``logprobs`` to the tokens of this text.
    """

    type: ClassVar[Literal["content_delta"]] = "content_delta"
    index: int
    text: str
    kind: Literal["text", "refusal"] = "text"
    opaque: Opaque | None = None
    citations: tuple[CitationPart, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(slots=True)
class ReasoningDelta:
    """More reasoning of part ``index``; never part of the answer's text."""

    type: ClassVar[Literal["reasoning_delta"]] = "reasoning_delta"
    index: int
    text: str
    kind: ReasoningKind = "text"
    opaque: Opaque | None = None


@dataclass(slots=True)
class ToolCallStart:
    """The model begins a tool call; its arguments follow under the same ``id``."""

    type: ClassVar[Literal["tool_call_start"]] = "tool_call_start"
    id: str
    name: str


@dataclass(slots=True)
class ToolCallDelta:
    """A fragment of the JSON text of a call's arguments."""

    type: ClassVar[Literal["tool_call_delta"]] = "tool_call_delta"
    id: str
    arguments: str


@dataclass(slots=True)
class ToolCallEnd:
    """A call is complete.

    ``arguments`` is the parsed object, ``None`` when the text is no JSON object (cut off, or malformed).
    """

    type: ClassVar[Literal["tool_call_end"]] = "tool_call_end"
    id: str
    name: str
    arguments: JsonObject | None
    arguments_text: str
    opaque: Opaque | None = None


@dataclass(slots=True)
class ToolCallResult:
    """A tool answered; emitted by orchestration, never by a provider."""

    type: ClassVar[Literal["tool_call_result"]] = "tool_call_result"
    id: str
    name: str
    result: str
    is_error: bool = False


@dataclass(slots=True)
class ErrorEvent:
    """An error in serialised form, for consumers outside Python; in Python the stream raises."""

    type: ClassVar[Literal["error"]] = "error"
    error: JsonObject


@dataclass(slots=True)
class Done:
    """The end: exactly one, and nothing after it."""

    type: ClassVar[Literal["done"]] = "done"
    finish_reason: FinishReason
    raw_finish_reason: str | None = None
    usage: Usage | None = None
    response_id: str | None = None
    request_id: str | None = None
    deployment: str | None = None
    model: str | None = None
    service_tier: str | None = None


Event: TypeAlias = (
    Status
    | ContentDelta
    | ReasoningDelta
    | ToolCallStart
    | ToolCallDelta
    | ToolCallEnd
    | ToolCallResult
    | ErrorEvent
    | Done
)


@dataclass(slots=True)
class ResponseInfo:
    """Facts of a response's head. A plugin yields it first; consumers never see it."""

    request_id: str | None = None
    report: Report | None = None
    rate_limits: Mapping[str, RateLimit] = field(default_factory=dict)


def event_to_dict(event: Event) -> dict[str, Any]:
    """Turn an event into plain JSON data; fields that are ``None`` are left out, opaque data too."""
    data: dict[str, Any] = {"type": event.type}
    for entry in fields(event):
        value = getattr(event, entry.name)
        if value is None or value == () or entry.name == "opaque":
            continue
        data[entry.name] = _plain(value)
    return data


def _plain(value: Any) -> Any:
    if isinstance(value, Frozen):
        return value.model_dump(mode="json")
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def event_to_sse(event: Event) -> str:
    """Write an event as one server-sent event for a web response."""
    payload = json.dumps(event_to_dict(event), ensure_ascii=False, separators=(",", ":"))
    return f"event: {event.type}\ndata: {payload}\n\n"


StreamItem: TypeAlias = ResponseInfo | Event | Sequence[Event]
"""Item of ``modelyard_stream``: facts about the answer first, then events, alone or in batches."""

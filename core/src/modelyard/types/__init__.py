"""The vocabulary of a call: messages in, events out, a completion at the end.

Requests, messages and completions are frozen pydantic models, validated once. Events are slotted
dataclasses, because a stream makes thousands. Nothing here knows a provider or touches the network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.types.base import JsonObject, Opaque
    from modelyard.types.completion import Completion
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
        ToolResultContent,
    )
    from modelyard.types.controls import Cache, Effort, OutputFormat, ReasoningOptions, Verbosity
    from modelyard.types.cost import Cost
    from modelyard.types.events import (
        ContentDelta,
        Done,
        ErrorEvent,
        Event,
        ReasoningDelta,
        State,
        Status,
        ToolCallDelta,
        ToolCallEnd,
        ToolCallResult,
        ToolCallStart,
        event_to_dict,
        event_to_sse,
    )
    from modelyard.types.finish import FinishReason
    from modelyard.types.history_rules import HistoryRules
    from modelyard.types.limits import RateLimit
    from modelyard.types.logprobs import TokenLogprob
    from modelyard.types.messages import Message, Role
    from modelyard.types.provider import ProviderInfo
    from modelyard.types.record import AttemptRecord, Outcome, Record
    from modelyard.types.report import Action, Note, Report
    from modelyard.types.request import HistoryPolicy, Messages, Models, OnUnsupported, Request
    from modelyard.types.size import TokenCount
    from modelyard.types.tools import Tool, ToolChoice, ToolMode
    from modelyard.types.usage import Usage

__all__ = [  # noqa: RUF022  # grouped by subject
    # messages and their parts
    "CitationPart",
    "FilePart",
    "ImagePart",
    "JsonObject",
    "Message",
    "Opaque",
    "OpaquePart",
    "Part",
    "ReasoningPart",
    "RefusalPart",
    "Role",
    "TextPart",
    "ToolCall",
    "ToolResult",
    "ToolResultContent",
    # requests
    "Cache",
    "Effort",
    "HistoryPolicy",
    "Messages",
    "Models",
    "OnUnsupported",
    "OutputFormat",
    "ReasoningOptions",
    "Request",
    "TokenCount",
    "Tool",
    "ToolChoice",
    "ToolMode",
    "Verbosity",
    # events of a stream
    "ContentDelta",
    "Done",
    "ErrorEvent",
    "Event",
    "ReasoningDelta",
    "State",
    "Status",
    "ToolCallDelta",
    "ToolCallEnd",
    "ToolCallResult",
    "ToolCallStart",
    "event_to_dict",
    "event_to_sse",
    # answers
    "Completion",
    "Cost",
    "FinishReason",
    "RateLimit",
    "TokenLogprob",
    "Usage",
    # what was done for an answer
    "Action",
    "AttemptRecord",
    "Note",
    "Outcome",
    "Record",
    "Report",
    # providers
    "HistoryRules",
    "ProviderInfo",
]

_EXPORTS = Exports(
    __name__,
    """
    types.base: JsonObject Opaque
    types.completion: Completion
    types.content: CitationPart FilePart ImagePart OpaquePart Part ReasoningPart RefusalPart TextPart ToolCall
    types.content: ToolResult ToolResultContent
    types.controls: Cache Effort OutputFormat ReasoningOptions Verbosity
    types.cost: Cost
    types.events: ContentDelta Done ErrorEvent Event ReasoningDelta State Status ToolCallDelta ToolCallEnd
    types.events: ToolCallResult ToolCallStart event_to_dict event_to_sse
    types.finish: FinishReason
    types.history_rules: HistoryRules
    types.limits: RateLimit
    types.logprobs: TokenLogprob
    types.messages: Message Role
    types.provider: ProviderInfo
    types.record: AttemptRecord Outcome Record
    types.report: Action Note Report
    types.request: HistoryPolicy Messages Models OnUnsupported Request
    types.size: TokenCount
    types.tools: Tool ToolChoice ToolMode
    types.usage: Usage
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names

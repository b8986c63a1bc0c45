"""Everything a provider plugin may use of the core; its names change only as the versioning page says.

Importing this module loads nothing else: a name is loaded when first used. A plugin's sources import from here,
from ``modelyard`` and, for its emulator and tests, from ``modelyard.testing``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.bounds import Bounds
    from modelyard.catalog.capability import Capability, CapabilityName
    from modelyard.catalog.card import Lifecycle, ModelCard, ModelLimits, Reasoning, Source
    from modelyard.catalog.loader import load_cards, parse_cards
    from modelyard.credentials.resolve import Credential, missing_credential
    from modelyard.credentials.veil import SecretHeaders
    from modelyard.errors import (
        AuthenticationError,
        ConfigurationError,
        ConnectionFailedError,
        ContentFilterError,
        ContextWindowError,
        DeadlineError,
        InvalidRequestError,
        InvalidResponseError,
        ModelNotFoundError,
        ModelyardError,
        OverloadedError,
        PermissionDeniedError,
        ProviderError,
        QuotaExceededError,
        RateLimitError,
        ServerError,
        StreamInterruptedError,
        UnsupportedFeatureError,
    )
    from modelyard.hookspecs import API_VERSION, hookimpl
    from modelyard.http.bodies import guarded_client
    from modelyard.http.client import AsyncClient, Response, make_client
    from modelyard.http.error_reader import ErrorKind, ErrorReader, text_of
    from modelyard.http.exchange import body_chunks, decode_json, decode_value, raise_for_status, read_bounded
    from modelyard.http.failures import HttpFailure, first_value, http_error, parse_json_object, unreadable_error
    from modelyard.http.limits import rate_limits
    from modelyard.http.pages import Cursors
    from modelyard.http.session import (
        HttpSession,
        WireRequest,
        accepted,
        checked_headers,
        merge_options,
        template_of,
    )
    from modelyard.http.statuses import error_for_status
    from modelyard.http.transport_errors import map_transport_error
    from modelyard.jsonio import depth_over, encode_json, parse_json
    from modelyard.log import logger
    from modelyard.schema.changes import SchemaChange, SchemaChanges
    from modelyard.schema.fit import fit
    from modelyard.schema.loosen import fit_or_loosen
    from modelyard.schema.refs import Definitions, find_cycle, is_object
    from modelyard.schema.rules import SchemaRules
    from modelyard.session import Session, SessionSettings
    from modelyard.session_hooks import SessionHooks
    from modelyard.streaming.collect import Collector, collect, collect_stream
    from modelyard.streaming.decode import Emit, StreamDecoder
    from modelyard.streaming.joining import Joiner
    from modelyard.streaming.sse import MAX_EVENT_BYTES
    from modelyard.streaming.think_tags import ThinkTags
    from modelyard.streaming.tool_calls import ToolCallTracker, emit_call, make_call_id
    from modelyard.surrogates import mend_json
    from modelyard.types.base import JsonObject, Opaque
    from modelyard.types.completion import Completion
    from modelyard.types.content import (
        CitationPart,
        FilePart,
        ImagePart,
        OpaquePart,
        Part,
        ReasoningKind,
        ReasoningPart,
        RefusalPart,
        TextPart,
        ToolCall,
        ToolResult,
        parse_arguments,
    )
    from modelyard.types.controls import Cache, Effort, OutputFormat, ReasoningOptions, Verbosity, nearest_effort
    from modelyard.types.events import (
        ContentDelta,
        Done,
        Event,
        ReasoningDelta,
        ResponseInfo,
        StreamItem,
        ToolCallDelta,
        ToolCallEnd,
        ToolCallStart,
    )
    from modelyard.types.figures import finite, whole
    from modelyard.types.finish import FinishReason
    from modelyard.types.history_rules import HistoryRules
    from modelyard.types.limits import RateLimit
    from modelyard.types.logprobs import TokenLogprob
    from modelyard.types.messages import Message
    from modelyard.types.provider import ProviderInfo
    from modelyard.types.report import Action, Note, Report
    from modelyard.types.reporter import Reporter
    from modelyard.types.request import Request
    from modelyard.types.size import estimate_tokens
    from modelyard.types.tools import Tool, ToolChoice
    from modelyard.types.usage import Usage, count
    from modelyard.urls import join_base, without_version
    from modelyard.wire.chat import ChatDecoder
    from modelyard.wire.chat_parts import data_url
    from modelyard.wire.chat_quirks import ChatQuirks
    from modelyard.wire.chat_writer import ChatWriter
    from modelyard.wire.logprobs import token_logprobs
    from modelyard.wire.token_counts import read_usage

__all__ = [  # noqa: RUF022  # grouped by subject
    # hooks and what they are given
    "API_VERSION",
    "Bounds",
    "Credential",
    "HistoryRules",
    "ProviderInfo",
    "Session",
    "SessionHooks",
    "SessionSettings",
    "StreamItem",
    "hookimpl",
    "missing_credential",
    # the catalog
    "Capability",
    "CapabilityName",
    "Lifecycle",
    "ModelCard",
    "ModelLimits",
    "Reasoning",
    "Source",
    "load_cards",
    "parse_cards",
    # requests
    "Cache",
    "CitationPart",
    "Effort",
    "FilePart",
    "ImagePart",
    "Message",
    "Opaque",
    "OpaquePart",
    "OutputFormat",
    "Part",
    "ReasoningKind",
    "ReasoningOptions",
    "ReasoningPart",
    "RefusalPart",
    "Request",
    "TextPart",
    "Tool",
    "ToolCall",
    "ToolChoice",
    "ToolResult",
    "Verbosity",
    "estimate_tokens",
    "nearest_effort",
    "parse_arguments",
    # notes on what was changed
    "Action",
    "Note",
    "Report",
    "Reporter",
    # answers
    "Collector",
    "Completion",
    "ContentDelta",
    "Done",
    "Emit",
    "Event",
    "FinishReason",
    "Joiner",
    "MAX_EVENT_BYTES",
    "RateLimit",
    "ReasoningDelta",
    "ResponseInfo",
    "StreamDecoder",
    "ThinkTags",
    "TokenLogprob",
    "ToolCallDelta",
    "ToolCallEnd",
    "ToolCallStart",
    "ToolCallTracker",
    "Usage",
    "collect",
    "collect_stream",
    "count",
    "emit_call",
    "finite",
    "make_call_id",
    "whole",
    # HTTP
    "AsyncClient",
    "Cursors",
    "HttpSession",
    "Response",
    "SecretHeaders",
    "WireRequest",
    "accepted",
    "body_chunks",
    "checked_headers",
    "decode_json",
    "decode_value",
    "first_value",
    "guarded_client",
    "join_base",
    "make_client",
    "merge_options",
    "raise_for_status",
    "rate_limits",
    "read_bounded",
    "template_of",
    "without_version",
    # errors
    "AuthenticationError",
    "ConfigurationError",
    "ConnectionFailedError",
    "ContentFilterError",
    "ContextWindowError",
    "DeadlineError",
    "ErrorKind",
    "ErrorReader",
    "HttpFailure",
    "InvalidRequestError",
    "InvalidResponseError",
    "ModelNotFoundError",
    "ModelyardError",
    "OverloadedError",
    "PermissionDeniedError",
    "ProviderError",
    "QuotaExceededError",
    "RateLimitError",
    "ServerError",
    "StreamInterruptedError",
    "UnsupportedFeatureError",
    "error_for_status",
    "http_error",
    "map_transport_error",
    "parse_json_object",
    "text_of",
    "unreadable_error",
    # JSON and JSON Schema
    "Definitions",
    "JsonObject",
    "SchemaChange",
    "SchemaChanges",
    "SchemaRules",
    "depth_over",
    "encode_json",
    "find_cycle",
    "fit",
    "fit_or_loosen",
    "is_object",
    "mend_json",
    "parse_json",
    # the Chat Completions wire
    "ChatDecoder",
    "ChatQuirks",
    "ChatWriter",
    "data_url",
    "read_usage",
    "token_logprobs",
    # logging
    "logger",
]

_EXPORTS = Exports(
    __name__,
    """
    bounds: Bounds
    catalog.capability: Capability CapabilityName
    catalog.card: Lifecycle ModelCard ModelLimits Reasoning Source
    catalog.loader: load_cards parse_cards
    credentials.resolve: Credential missing_credential
    credentials.veil: SecretHeaders
    errors: AuthenticationError ConfigurationError ConnectionFailedError ContentFilterError ContextWindowError
    errors: DeadlineError InvalidRequestError InvalidResponseError ModelNotFoundError ModelyardError
    errors: OverloadedError PermissionDeniedError ProviderError QuotaExceededError RateLimitError ServerError
    errors: StreamInterruptedError UnsupportedFeatureError
    hookspecs: API_VERSION hookimpl
    http.bodies: guarded_client
    http.client: AsyncClient Response make_client
    http.error_reader: ErrorKind ErrorReader text_of
    http.exchange: body_chunks decode_json decode_value raise_for_status read_bounded
    http.failures: HttpFailure first_value http_error parse_json_object unreadable_error
    http.limits: rate_limits
    http.pages: Cursors
    http.session: HttpSession WireRequest accepted checked_headers merge_options template_of
    http.statuses: error_for_status
    http.transport_errors: map_transport_error
    jsonio: depth_over encode_json parse_json
    log: logger
    schema.changes: SchemaChange SchemaChanges
    schema.fit: fit
    schema.loosen: fit_or_loosen
    schema.refs: Definitions find_cycle is_object
    schema.rules: SchemaRules
    session: Session SessionSettings
    session_hooks: SessionHooks
    streaming.collect: Collector collect collect_stream
    streaming.decode: Emit StreamDecoder
    streaming.joining: Joiner
    streaming.sse: MAX_EVENT_BYTES
    streaming.think_tags: ThinkTags
    streaming.tool_calls: ToolCallTracker emit_call make_call_id
    surrogates: mend_json
    types.base: JsonObject Opaque
    types.completion: Completion
    types.content: CitationPart FilePart ImagePart OpaquePart Part ReasoningKind ReasoningPart RefusalPart
    types.content: TextPart ToolCall ToolResult parse_arguments
    types.controls: Cache Effort OutputFormat ReasoningOptions Verbosity nearest_effort
    types.events: ContentDelta Done Event ReasoningDelta ResponseInfo StreamItem ToolCallDelta ToolCallEnd
    types.events: ToolCallStart
    types.figures: finite whole
    types.finish: FinishReason
    types.history_rules: HistoryRules
    types.limits: RateLimit
    types.logprobs: TokenLogprob
    types.messages: Message
    types.provider: ProviderInfo
    types.report: Action Note Report
    types.reporter: Reporter
    types.request: Request
    types.size: estimate_tokens
    types.tools: Tool ToolChoice
    types.usage: Usage count
    urls: join_base without_version
    wire.chat: ChatDecoder
    wire.chat_parts: data_url
    wire.chat_quirks: ChatQuirks
    wire.chat_writer: ChatWriter
    wire.logprobs: token_logprobs
    wire.token_counts: read_usage
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names

"""One runtime for language-model providers, each a plugin found at run time.

Importing this package loads neither a provider nor an HTTP library; names are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard.bounds import Bounds
    from modelyard.calls.fallback import FallbackPolicy
    from modelyard.calls.stream import CompletionStream
    from modelyard.calls.sync_stream import SyncStream
    from modelyard.catalog.capability import Capability
    from modelyard.catalog.card import ModelCard
    from modelyard.catalog.catalog import Catalog
    from modelyard.catalog.constraints import Constraints
    from modelyard.catalog.refresh import Refreshed
    from modelyard.catalog.retention import Region, Retention
    from modelyard.config import ProviderConfig
    from modelyard.credentials.resolve import CredentialQuery, CredentialResolver
    from modelyard.deadlines import Deadlines
    from modelyard.deployments.candidates import Candidate
    from modelyard.diagnosis import Diagnosis, Finding, diagnose
    from modelyard.errors import (
        AuthenticationError,
        CircuitOpenError,
        ConfigurationError,
        ConnectionFailedError,
        ContentFilterError,
        ContextWindowError,
        DeadlineError,
        InvalidRequestError,
        InvalidResponseError,
        ModelNotFoundError,
        ModelyardError,
        NoRouteError,
        OverloadedError,
        PermissionDeniedError,
        ProviderError,
        QuotaExceededError,
        RateLimitError,
        RuntimeClosedError,
        ServerError,
        StreamInterruptedError,
        UnsupportedFeatureError,
    )
    from modelyard.health.breaker import BreakerPolicy
    from modelyard.health.limits import Limits
    from modelyard.health.local_state import LocalState
    from modelyard.health.redis_state import RedisState
    from modelyard.health.state import SharedState
    from modelyard.hookspecs import API_VERSION, hookimpl
    from modelyard.loading.failures import PluginFailure, PluginStatus
    from modelyard.loading.policy import PluginPolicy
    from modelyard.loading.readiness import ProviderStatus
    from modelyard.media.policy import FetchPolicy
    from modelyard.refs import ModelRef
    from modelyard.routing.needs import Needs
    from modelyard.routing.policy import RoutePolicy
    from modelyard.routing.trace import RouteStep, RouteTrace
    from modelyard.runs.limits import RunLimits
    from modelyard.runs.result import RunResult
    from modelyard.runs.run_stream import RunStream
    from modelyard.runs.state import RunState
    from modelyard.runtime import Runtime
    from modelyard.structured.errors import OutputError, OutputValidationError, RefusalError, TruncatedOutputError
    from modelyard.structured.generate import GenerateStream
    from modelyard.structured.generated import Generated
    from modelyard.sync import SyncRuntime
    from modelyard.tools.errors import RunStateError, ToolError, ToolResultsError
    from modelyard.tools.function import FunctionTool, tool
    from modelyard.types.base import Opaque
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
    )
    from modelyard.types.controls import OutputFormat, ReasoningOptions
    from modelyard.types.cost import Cost
    from modelyard.types.events import (
        ContentDelta,
        Done,
        ErrorEvent,
        Event,
        ReasoningDelta,
        Status,
        ToolCallDelta,
        ToolCallEnd,
        ToolCallResult,
        ToolCallStart,
    )
    from modelyard.types.finish import FinishReason
    from modelyard.types.limits import RateLimit
    from modelyard.types.logprobs import TokenLogprob
    from modelyard.types.messages import Message
    from modelyard.types.provider import ProviderInfo
    from modelyard.types.record import AttemptRecord, Record
    from modelyard.types.report import Note, Report
    from modelyard.types.request import Request
    from modelyard.types.size import TokenCount
    from modelyard.types.tools import Tool, ToolChoice
    from modelyard.types.usage import Usage

_HOMES = {
    "routing.needs": "Needs",
    "deployments.candidates": "Candidate",
    "routing.trace": "RouteStep RouteTrace",
    "routing.policy": "RoutePolicy",
    "loading.readiness": "ProviderStatus",
    "diagnosis": "Diagnosis Finding diagnose",
    "credentials.resolve": "CredentialQuery CredentialResolver",
    "bounds": "Bounds",
    "catalog.retention": "Region Retention",
    "catalog.refresh": "Refreshed",
    "catalog.constraints": "Constraints",
    "catalog.capability": "Capability",
    "catalog.card": "ModelCard",
    "catalog.catalog": "Catalog",
    "types.cost": "Cost",
    "config": "ProviderConfig",
    "deadlines": "Deadlines",
    "errors": (
        "AuthenticationError CircuitOpenError ConfigurationError ConnectionFailedError "
        "ContentFilterError ContextWindowError DeadlineError InvalidRequestError InvalidResponseError "
        "ModelNotFoundError ModelyardError NoRouteError OverloadedError PermissionDeniedError "
        "ProviderError QuotaExceededError RateLimitError RuntimeClosedError ServerError "
        "StreamInterruptedError UnsupportedFeatureError"
    ),
    "hookspecs": "API_VERSION hookimpl",
    "loading.failures": "PluginFailure PluginStatus",
    "types.provider": "ProviderInfo",
    "loading.policy": "PluginPolicy",
    "refs": "ModelRef",
    "media.policy": "FetchPolicy",
    "health.breaker": "BreakerPolicy",
    "types.size": "TokenCount",
    "calls.fallback": "FallbackPolicy",
    "health.limits": "Limits",
    "health.redis_state": "RedisState",
    "health.local_state": "LocalState",
    "health.state": "SharedState",
    "runtime": "Runtime",
    "calls.stream": "CompletionStream",
    "calls.sync_stream": "SyncStream",
    "structured.errors": "OutputError OutputValidationError RefusalError TruncatedOutputError",
    "structured.generate": "GenerateStream",
    "structured.generated": "Generated",
    "sync": "SyncRuntime",
    "tools.errors": "RunStateError ToolError ToolResultsError",
    "tools.function": "FunctionTool tool",
    "runs.limits": "RunLimits",
    "runs.result": "RunResult",
    "runs.run_stream": "RunStream",
    "runs.state": "RunState",
    "types.base": "Opaque",
    "types.completion": "Completion",
    "types.content": (
        "CitationPart FilePart ImagePart OpaquePart Part ReasoningPart RefusalPart TextPart ToolCall ToolResult"
    ),
    "types.controls": "OutputFormat ReasoningOptions",
    "types.events": (
        "ContentDelta Done ErrorEvent Event ReasoningDelta Status ToolCallDelta ToolCallEnd ToolCallResult "
        "ToolCallStart"
    ),
    "types.finish": "FinishReason",
    "types.limits": "RateLimit",
    "types.logprobs": "TokenLogprob",
    "types.messages": "Message",
    "types.record": "AttemptRecord Record",
    "types.report": "Note Report",
    "types.request": "Request",
    "types.tools": "Tool ToolChoice",
    "types.usage": "Usage",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "API_VERSION",
    "AttemptRecord",
    "AuthenticationError",
    "Bounds",
    "BreakerPolicy",
    "Candidate",
    "Capability",
    "Catalog",
    "CircuitOpenError",
    "CitationPart",
    "Completion",
    "CompletionStream",
    "ConfigurationError",
    "ConnectionFailedError",
    "Constraints",
    "ContentDelta",
    "ContentFilterError",
    "ContextWindowError",
    "Cost",
    "CredentialQuery",
    "CredentialResolver",
    "DeadlineError",
    "Deadlines",
    "Diagnosis",
    "Done",
    "ErrorEvent",
    "Event",
    "FallbackPolicy",
    "FetchPolicy",
    "FilePart",
    "Finding",
    "FinishReason",
    "FunctionTool",
    "GenerateStream",
    "Generated",
    "ImagePart",
    "InvalidRequestError",
    "InvalidResponseError",
    "Limits",
    "LocalState",
    "Message",
    "ModelCard",
    "ModelNotFoundError",
    "ModelRef",
    "ModelyardError",
    "Needs",
    "NoRouteError",
    "Note",
    "Opaque",
    "OpaquePart",
    "OutputError",
    "OutputFormat",
    "OutputValidationError",
    "OverloadedError",
    "Part",
    "PermissionDeniedError",
    "PluginFailure",
    "PluginPolicy",
    "PluginStatus",
    "ProviderConfig",
    "ProviderError",
    "ProviderInfo",
    "ProviderStatus",
    "QuotaExceededError",
    "RateLimit",
    "RateLimitError",
    "ReasoningDelta",
    "ReasoningOptions",
    "ReasoningPart",
    "Record",
    "RedisState",
    "Refreshed",
    "RefusalError",
    "RefusalPart",
    "Region",
    "Report",
    "Request",
    "Retention",
    "RoutePolicy",
    "RouteStep",
    "RouteTrace",
    "RunLimits",
    "RunResult",
    "RunState",
    "RunStateError",
    "RunStream",
    "Runtime",
    "RuntimeClosedError",
    "ServerError",
    "SharedState",
    "Status",
    "StreamInterruptedError",
    "SyncRuntime",
    "SyncStream",
    "TextPart",
    "TokenCount",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallEnd",
    "ToolCallResult",
    "ToolCallStart",
    "ToolChoice",
    "ToolError",
    "ToolResult",
    "ToolResultsError",
    "TruncatedOutputError",
    "UnsupportedFeatureError",
    "Usage",
    "__version__",
    "diagnose",
    "hookimpl",
    "tool",
]

__version__ = "0.1.0"  # of all five packages: their builds read it here


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

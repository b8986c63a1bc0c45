"""Names that ``modelyard`` gives without listing them: each now stands in a public module of its subject.

They stay importable from ``modelyard`` through 0.x. ``EARLIER`` says where each is found at run time; the imports
and ``__all__`` are for type checkers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard.calls import SyncStream
    from modelyard.catalog import Capability, Catalog, Refreshed, Region, Retention
    from modelyard.credentials import CredentialQuery, CredentialResolver
    from modelyard.diagnosis import Diagnosis, Finding, diagnose
    from modelyard.errors import (
        CircuitOpenError,
        ConnectionFailedError,
        InvalidResponseError,
        ModelNotFoundError,
        PermissionDeniedError,
        RuntimeClosedError,
        ServerError,
    )
    from modelyard.health import BreakerPolicy, Limits, SharedState
    from modelyard.loading import PluginFailure, PluginPolicy, PluginStatus, ProviderStatus
    from modelyard.media import FetchPolicy
    from modelyard.provider import API_VERSION
    from modelyard.routing import Candidate, Needs, RouteStep, RouteTrace
    from modelyard.runs import RunStateError, RunStream, ToolResultsError
    from modelyard.structured import GenerateStream, OutputValidationError, RefusalError, TruncatedOutputError
    from modelyard.tools import FunctionTool, ToolError
    from modelyard.types import (
        AttemptRecord,
        CitationPart,
        ContentDelta,
        Cost,
        Done,
        ErrorEvent,
        FinishReason,
        Note,
        Opaque,
        OpaquePart,
        Part,
        ProviderInfo,
        RateLimit,
        ReasoningDelta,
        ReasoningPart,
        Record,
        RefusalPart,
        Report,
        Request,
        Status,
        TokenCount,
        TokenLogprob,
        ToolCallDelta,
        ToolCallEnd,
        ToolCallResult,
        ToolCallStart,
    )

__all__ = [
    "API_VERSION",
    "AttemptRecord",
    "BreakerPolicy",
    "Candidate",
    "Capability",
    "Catalog",
    "CircuitOpenError",
    "CitationPart",
    "ConnectionFailedError",
    "ContentDelta",
    "Cost",
    "CredentialQuery",
    "CredentialResolver",
    "Diagnosis",
    "Done",
    "ErrorEvent",
    "FetchPolicy",
    "Finding",
    "FinishReason",
    "FunctionTool",
    "GenerateStream",
    "InvalidResponseError",
    "Limits",
    "ModelNotFoundError",
    "Needs",
    "Note",
    "Opaque",
    "OpaquePart",
    "OutputValidationError",
    "Part",
    "PermissionDeniedError",
    "PluginFailure",
    "PluginPolicy",
    "PluginStatus",
    "ProviderInfo",
    "ProviderStatus",
    "RateLimit",
    "ReasoningDelta",
    "ReasoningPart",
    "Record",
    "Refreshed",
    "RefusalError",
    "RefusalPart",
    "Region",
    "Report",
    "Request",
    "Retention",
    "RouteStep",
    "RouteTrace",
    "RunStateError",
    "RunStream",
    "RuntimeClosedError",
    "ServerError",
    "SharedState",
    "Status",
    "SyncStream",
    "TokenCount",
    "TokenLogprob",
    "ToolCallDelta",
    "ToolCallEnd",
    "ToolCallResult",
    "ToolCallStart",
    "ToolError",
    "ToolResultsError",
    "TruncatedOutputError",
    "diagnose",
]

EARLIER = """
    calls: SyncStream
    catalog: Capability Catalog Refreshed Region Retention
    credentials: CredentialQuery CredentialResolver
    diagnosis: Diagnosis Finding diagnose
    errors: CircuitOpenError ConnectionFailedError InvalidResponseError ModelNotFoundError PermissionDeniedError
    errors: RuntimeClosedError ServerError
    health: BreakerPolicy Limits SharedState
    loading: PluginFailure PluginPolicy PluginStatus ProviderStatus
    media: FetchPolicy
    provider: API_VERSION
    routing: Candidate Needs RouteStep RouteTrace
    runs: RunStateError RunStream ToolResultsError
    structured: GenerateStream OutputValidationError RefusalError TruncatedOutputError
    tools: FunctionTool ToolError
    types: AttemptRecord CitationPart ContentDelta Cost Done ErrorEvent FinishReason Note Opaque OpaquePart Part
    types: ProviderInfo RateLimit ReasoningDelta ReasoningPart Record RefusalPart Report Request Status
    types: TokenCount TokenLogprob ToolCallDelta ToolCallEnd ToolCallResult ToolCallStart
"""

"""One runtime for language-model providers, each a plugin found at run time.

What most hosts need stands here; the rest stands in modules by subject, such as ``modelyard.types``,
``modelyard.errors`` and ``modelyard.routing``. Plugins build on ``modelyard.provider``, tests on
``modelyard.testing``. docs/stability.md names all public modules.

Importing this package loads neither a provider nor an HTTP library; names are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._earlier import EARLIER
from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard._earlier import *  # noqa: F403  # names of before; see there
    from modelyard.bounds import Bounds
    from modelyard.calls import CompletionStream, FallbackPolicy
    from modelyard.catalog import ModelCard
    from modelyard.config import ProviderConfig
    from modelyard.deadlines import Deadlines
    from modelyard.errors import (
        AuthenticationError,
        ConfigurationError,
        ContentFilterError,
        ContextWindowError,
        DeadlineError,
        InvalidRequestError,
        ModelyardError,
        NoRouteError,
        OverloadedError,
        ProviderError,
        QuotaExceededError,
        RateLimitError,
        StreamInterruptedError,
        UnsupportedFeatureError,
    )
    from modelyard.health import LocalState, RedisState
    from modelyard.hookspecs import hookimpl
    from modelyard.refs import ModelRef
    from modelyard.routing import Constraints, RoutePolicy
    from modelyard.runs import RunLimits, RunResult, RunState
    from modelyard.runtime import Runtime
    from modelyard.structured import Generated, OutputError
    from modelyard.sync import SyncRuntime
    from modelyard.tools import tool
    from modelyard.types import (
        Completion,
        Event,
        FilePart,
        ImagePart,
        Message,
        OutputFormat,
        ReasoningOptions,
        TextPart,
        Tool,
        ToolCall,
        ToolChoice,
        ToolResult,
        Usage,
    )

__all__ = [  # noqa: RUF022  # grouped by subject
    # the runtime and its settings
    "Bounds",
    "Constraints",
    "Deadlines",
    "FallbackPolicy",
    "LocalState",
    "ProviderConfig",
    "RedisState",
    "RoutePolicy",
    "Runtime",
    "SyncRuntime",
    # what is asked
    "FilePart",
    "ImagePart",
    "Message",
    "OutputFormat",
    "ReasoningOptions",
    "TextPart",
    "Tool",
    "ToolCall",
    "ToolChoice",
    "ToolResult",
    "tool",
    # what comes back
    "Completion",
    "CompletionStream",
    "Event",
    "Generated",
    "RunLimits",
    "RunResult",
    "RunState",
    "Usage",
    # models
    "ModelCard",
    "ModelRef",
    # what can go wrong; the other errors are in modelyard.errors
    "AuthenticationError",
    "ConfigurationError",
    "ContentFilterError",
    "ContextWindowError",
    "DeadlineError",
    "InvalidRequestError",
    "ModelyardError",
    "NoRouteError",
    "OutputError",
    "OverloadedError",
    "ProviderError",
    "QuotaExceededError",
    "RateLimitError",
    "StreamInterruptedError",
    "UnsupportedFeatureError",
    # observers and plugins
    "__version__",
    "hookimpl",
]

if TYPE_CHECKING:  # to type checkers the names of before are as public as the others
    from modelyard import _earlier

    __all__ += _earlier.__all__

__version__ = "0.1.0"  # of all five packages: their builds read it here

_EXPORTS = Exports(
    __name__,
    """
    bounds: Bounds
    calls: CompletionStream FallbackPolicy
    catalog: ModelCard
    config: ProviderConfig
    deadlines: Deadlines
    errors: AuthenticationError ConfigurationError ContentFilterError ContextWindowError DeadlineError
    errors: InvalidRequestError ModelyardError NoRouteError OverloadedError ProviderError QuotaExceededError
    errors: RateLimitError StreamInterruptedError UnsupportedFeatureError
    health: LocalState RedisState
    hookspecs: hookimpl
    refs: ModelRef
    routing: Constraints RoutePolicy
    runs: RunLimits RunResult RunState
    runtime: Runtime
    structured: Generated OutputError
    sync: SyncRuntime
    tools: tool
    types: Completion Event FilePart ImagePart Message OutputFormat ReasoningOptions TextPart Tool ToolCall
    types: ToolChoice ToolResult Usage
    """,
    unlisted=EARLIER,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names

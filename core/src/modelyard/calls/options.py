"""The arguments of a call beside model and messages: one list for every method of the runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from modelyard.calls.fallback import FallbackPolicy
    from modelyard.credentials.secret import Secret
    from modelyard.deadlines import Deadlines
    from modelyard.routing.policy import RouteChoice
    from modelyard.runs.limits import RunLimits
    from modelyard.runs.loop import Checkpoint
    from modelyard.tools.function import Approve
    from modelyard.types.controls import OutputFormat, ReasoningOptions
    from modelyard.types.request import HistoryPolicy, OnUnsupported
    from modelyard.types.tools import Tool, ToolChoice

__all__ = ["CALL_OPTIONS", "REQUEST_OPTIONS", "RUN_OPTIONS", "CallOptions", "GenerateOptions", "RunOptions"]


class TurnOptions(TypedDict, total=False):
    """Options of a request beside the form of the answer; ``None`` counts as absent, 0 and empty do not."""

    tools: Sequence[Tool | Mapping[str, Any] | str] | None
    tool_choice: str | ToolChoice | Mapping[str, Any] | None
    parallel_tool_calls: bool | None
    reasoning: ReasoningOptions | Mapping[str, Any] | str | None
    verbosity: str | None
    max_output_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    stop: str | Sequence[str] | None
    seed: int | None
    frequency_penalty: float | None
    presence_penalty: float | None
    top_logprobs: int | None
    metadata: Mapping[str, str] | None
    user: str | None
    service_tier: str | None
    cache_key: str | None
    provider_options: Mapping[str, Mapping[str, Any]] | None
    on_unsupported: OnUnsupported | None
    history: HistoryPolicy | None


class RequestOptions(TurnOptions, total=False):
    """Options that go into the request."""

    output: OutputFormat | type | Mapping[str, Any] | str | None


class ConductOptions(TypedDict, total=False):
    """Options on how a call is carried out."""

    system: str | None
    credential: str | Secret | Mapping[str, str | Secret] | None
    route: RouteChoice | None
    deadlines: Deadlines | Mapping[str, float | None] | float | None
    max_attempts: int | None
    fallback: FallbackPolicy | Mapping[str, Any] | str | None
    hedge_after: float | None


class CallOptions(RequestOptions, ConductOptions, total=False):
    """Options of a call."""


class GenerateOptions(TurnOptions, ConductOptions, total=False):
    """Options of a call that gives an object: its form is an argument of its own."""


class RunOptions(CallOptions, total=False):
    """Options of a run: those of each of its calls, and how far and with whose consent it goes.

    ``handlers`` executes plain tools, by name, with the arguments passed by name. ``approve`` is asked before each
    call. ``checkpoint`` receives the state at every step, to be stored.
    """

    limits: RunLimits | Mapping[str, Any] | None
    handlers: Mapping[str, Callable[..., Any]] | None
    approve: Approve | None
    checkpoint: Checkpoint | None


REQUEST_OPTIONS = frozenset(RequestOptions.__annotations__)
CALL_OPTIONS = frozenset(CallOptions.__annotations__) | REQUEST_OPTIONS
RUN_OPTIONS = frozenset(RunOptions.__annotations__) | CALL_OPTIONS

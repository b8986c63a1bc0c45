"""Result of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from modelyard.runs.state import RunState
    from modelyard.types.completion import Completion
    from modelyard.types.content import ToolCall
    from modelyard.types.cost import Cost
    from modelyard.types.finish import FinishReason
    from modelyard.types.messages import Message
    from modelyard.types.usage import Usage

__all__ = ["RunResult", "RunStatus"]

RunStatus: TypeAlias = Literal["completed", "awaiting_tool_results", "limit"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """The end of a run, or the place where it stopped.

    ``status`` is ``completed`` when the model gave an answer without tool calls; see ``finish_reason`` for how
    that ended. ``awaiting_tool_results``: the host is to execute ``pending`` and to call ``resume`` with
    ``state`` and the results. ``limit``: ``limit`` names the one of ``RunLimits`` and ``reason`` says how it
    was reached; ``resume`` with ``state`` and wider limits goes on.

    ``usage`` and ``cost`` are sums over all turns; a figure that one turn lacks is ``None``.
    """

    status: RunStatus
    completion: Completion
    """The last answer of the model."""
    messages: tuple[Message, ...]
    """The whole conversation, ready to be continued: what was given, then what the run added."""
    given: int
    """Number of ``messages`` that the caller gave."""
    usage: Usage
    cost: Cost | None
    cost_unknown_because: str | None
    turns: int
    tool_calls: int
    completions: tuple[Completion, ...]
    """The answers of this process, with their records; those before a resumption are not among them."""
    state: RunState | None = None
    limit: str | None = None
    reason: str | None = None

    @property
    def text(self) -> str:
        """The text of the last answer."""
        return self.completion.text

    @property
    def finish_reason(self) -> FinishReason:
        """Reason why the last answer ended."""
        return self.completion.finish_reason

    @property
    def new_messages(self) -> tuple[Message, ...]:
        """Messages the run added to the conversation."""
        return self.messages[self.given :]

    @property
    def pending(self) -> tuple[ToolCall, ...]:
        """The calls the host is to answer."""
        return self.state.pending if self.state is not None else ()

"""Limits of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError

from modelyard.errors import ConfigurationError
from modelyard.types.base import Frozen

if TYPE_CHECKING:
    from modelyard.runs.progress import Progress

__all__ = ["Reached", "RunLimits"]

Reached = tuple[str, str]
"""The name of a limit, and a sentence that says how it was reached."""

Seconds = Annotated[float, Field(gt=0, strict=True)]


class RunLimits(Frozen):
    """Limits at which a run of model and tools stops; ``None`` is no limit.

    A limit is looked at before tools are executed and before the model is asked again, so no tool is executed
    whose result the model will not see. An answer without tool calls completes the run whatever it took. Counts
    include what was used before a resumption. A limit on tokens or cost whose figure is not known counts as
    reached after the first turn.

    ``max_parallel_calls`` tools run at the same time, the others wait; ``tool_timeout`` is in seconds, for tools
    without one of their own; ``max_same_failures`` is how often the same call, name and arguments alike, may fail.
    """

    max_turns: int = Field(default=30, ge=1, strict=True)
    max_tool_calls: int = Field(default=200, ge=0, strict=True)
    max_parallel_calls: int = Field(default=10, ge=1, strict=True)
    max_same_failures: int = Field(default=3, ge=1, strict=True)
    max_output_tokens: int | None = Field(default=None, ge=0, strict=True)
    max_total_tokens: int | None = Field(default=None, ge=0, strict=True)
    max_cost: float | None = Field(default=None, ge=0, strict=True)
    """US dollars."""
    tool_timeout: Seconds | None = 120.0

    @classmethod
    def make(cls, value: RunLimits | Mapping[str, Any] | None) -> RunLimits:
        """Take limits, or make them of a dict; raises ``ConfigurationError`` naming the one that is wrong."""
        if isinstance(value, cls):
            return value
        try:
            return cls.model_validate(value or {})
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigurationError(
                f"The limits of a run are not valid: {'.'.join(map(str, first['loc']))}: {first['msg']}.",
                hint=f"Limits are: {', '.join(cls.model_fields)}.",
            ) from None

    def reached(self, progress: Progress) -> Reached | None:
        """The limit that forbids to go on, ``None`` when none does."""
        if progress.turns == 0:
            return None
        if progress.turns >= self.max_turns:
            return "max_turns", f"The model was asked {progress.turns} times."
        made = progress.tool_calls + len(progress.unanswered())
        if made > self.max_tool_calls:
            return "max_tool_calls", f"The model wants {made} tool calls altogether."
        failed = progress.most_failures()
        if failed >= self.max_same_failures:
            return "max_same_failures", f"The model repeats a call that failed {failed} times."
        return self._spent(progress)

    def _spent(self, progress: Progress) -> Reached | None:
        usage, cost = progress.usage, progress.cost
        figures = (
            ("max_output_tokens", self.max_output_tokens, usage.output_tokens if usage else None),
            ("max_total_tokens", self.max_total_tokens, usage.total_tokens if usage else None),
            ("max_cost", self.max_cost, cost.total if cost else None),
        )
        for name, limit, used in figures:
            if limit is None:
                continue
            if used is None:
                why = progress.cost_unknown if name == "max_cost" else None
                return name, f"What was used is not known: {why or 'the provider sent no usage'}."
            if used >= limit:
                return name, f"{used:g} of {limit:g} are used."
        return None

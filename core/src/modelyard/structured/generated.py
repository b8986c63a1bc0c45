"""A validated object with everything it took to get it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from modelyard.structured.strategy import Strategy
from modelyard.types.completion import Completion
from modelyard.types.record import AttemptRecord
from modelyard.types.report import Report
from modelyard.types.usage import Usage

__all__ = ["Generated", "sum_usage"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Generated(Generic[T]):
    """The object, and the answers it came from: the last one and, where it had to be repaired, those before.

    ``report`` has the notes of every turn, ``strategy`` says how the form was brought about.
    """

    output: T
    completions: tuple[Completion, ...]
    report: Report
    strategy: Strategy

    @property
    def completion(self) -> Completion:
        """The answer the object was read from."""
        return self.completions[-1]

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """Every attempt of every turn, in order."""
        return tuple(attempt for one in self.completions for attempt in one.record.attempts)

    @property
    def usage(self) -> Usage:
        """Tokens of all turns together."""
        return sum_usage([one.usage for one in self.completions])

    @property
    def cost(self) -> float | None:
        """Cost of all turns together in US dollars; ``None`` when it cannot be known of one of them."""
        costs = [one.cost for one in self.completions]
        known = [cost.total for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None


def sum_usage(usages: Sequence[Usage]) -> Usage:
    """The usages added up; a figure that no turn has stays ``None``. ``raw`` is that of a single turn."""
    if len(usages) == 1:
        return usages[0]
    figures = {
        name: sum(known)
        for name in Usage.model_fields
        if name != "raw" and (known := [value for one in usages if (value := getattr(one, name)) is not None])
    }
    return Usage(**figures)

"""The record of a call: what was tried, how long it took, how it ended."""

from __future__ import annotations

from typing import Literal, TypeAlias

from modelyard.types.base import Frozen
from modelyard.types.usage import Usage

__all__ = ["AttemptRecord", "Record"]

Outcome: TypeAlias = Literal["ok", "error", "cancelled"]


class AttemptRecord(Frozen):
    """One attempt at one deployment.

    ``started`` is seconds since the epoch, ``duration``, ``first_output`` and ``wait`` (before the
    attempt) are seconds. ``error`` is the class of the error, ``detail`` its message.
    ``maybe_billed`` marks an attempt that failed after the request had left. ``cost`` is what such an attempt cost
    in US dollars: of the usage it reported, else (``cost_estimated``) at least for the prompt it was sent; that of
    an attempt that succeeded is on its completion.
    """

    deployment: str
    number: int
    started: float
    duration: float
    outcome: Outcome
    first_output: float | None = None
    wait: float = 0.0
    status: int | None = None
    error: str | None = None
    detail: str | None = None
    request_id: str | None = None
    usage: Usage | None = None
    maybe_billed: bool = False
    cost: float | None = None
    cost_estimated: bool = False


class Record(Frozen):
    """Everything that happened for one call, ready to be stored as JSON."""

    attempts: tuple[AttemptRecord, ...] = ()
    candidates: tuple[tuple[str, str], ...] = ()
    """A ``(reference, reason)`` pair for each candidate of the route, those kept first, 20 at most.

    Empty when there was nothing to decide: one model, behind one endpoint, with one credential.
    """

    @property
    def failed_cost(self) -> float:
        """US dollars spent on attempts that gave no answer, as far as known; estimates are lower bounds."""
        return sum(attempt.cost for attempt in self.attempts if attempt.cost is not None)

    @property
    def deployment(self) -> str | None:
        """The reference of the deployment that answered, ``None`` if none did."""
        last = self.attempts[-1] if self.attempts else None
        return last.deployment if last is not None and last.outcome == "ok" else None

"""One call, prepared: everything resolved and checked, nothing sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from modelyard.config import Deadlines
from modelyard.errors import ModelyardError, ProviderError
from modelyard.routing.deployment import Deployment
from modelyard.routing.retry import RetryPolicy
from modelyard.types.record import AttemptRecord, Outcome
from modelyard.types.request import Request
from modelyard.types.usage import Usage

__all__ = ["Attempt", "Call", "Fallback", "Observe"]

Observe = Callable[[str, "Attempt", "AttemptRecord | None"], None]
Fallback: TypeAlias = Literal["never", "before_output", "restart"]


@dataclass(frozen=True, slots=True)
class Call:
    """A request, the deployments that may serve it in order of preference, and the policy it runs under.

    ``request_for`` writes the request for one deployment: its model, its history rules, its plugin's checks.
    It was called for the first deployment already, so bad input is refused before the network; for a later one
    it raises a typed local error if that deployment cannot take the request.
    """

    deployments: tuple[Deployment, ...]
    request_for: Callable[[Deployment], Request] = field(repr=False)
    deadlines: Deadlines
    retry: RetryPolicy
    observe: Observe = field(repr=False)
    fallback: Fallback = "never"


class Attempt:
    """One attempt as it runs; ``end`` turns it into a record."""

    def __init__(self, call: Call, deployment: Deployment, number: int, wait: float) -> None:
        self._call = call
        self.deployment = deployment.ref
        self.number = number
        self._wait = wait
        self._started = time.time()
        self._clock = time.perf_counter()
        self._first_output: float | None = None
        self.request_id: str | None = None
        call.observe("started", self, None)

    def output(self) -> None:
        """Note that output has come."""
        if self._first_output is None:
            self._first_output = time.perf_counter() - self._clock

    def end(
        self, outcome: Outcome, *, error: ModelyardError | None = None, usage: Usage | None = None
    ) -> AttemptRecord:
        """Close the attempt and tell the observers."""
        provider_error = error if isinstance(error, ProviderError) else None
        record = AttemptRecord(
            deployment=self.deployment,
            number=self.number,
            started=self._started,
            duration=time.perf_counter() - self._clock,
            outcome=outcome,
            first_output=self._first_output,
            wait=self._wait,
            status=provider_error.status if provider_error else None,
            error=type(error).__name__ if error else None,
            detail=error.message if error else None,
            request_id=self.request_id or (provider_error.request_id if provider_error else None),
            usage=usage,
            maybe_billed=outcome == "cancelled" or (self._first_output is not None and outcome == "error"),
        )
        self._call.observe("finished", self, record)
        return record

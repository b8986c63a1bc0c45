"""One attempt at one deployment, from its start to its record."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from modelyard.calls.verdict import verdict_on
from modelyard.errors import (
    DeadlineError,
    ModelyardError,
    ProviderError,
    RuntimeClosedError,
    StreamInterruptedError,
)
from modelyard.types.record import AttemptRecord, Outcome
from modelyard.waits import believed_wait

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.calls.call import Call
    from modelyard.deployments.deployment import Deployment
    from modelyard.health.state import Verdict
    from modelyard.types.completion import Completion
    from modelyard.types.limits import RateLimit
    from modelyard.types.usage import Usage

__all__ = ["Attempt"]


class Attempt:
    """One attempt as it runs. The first of succeed, fail and cancel wins; later calls return the same record."""

    def __init__(self, call: Call, deployment: Deployment, number: int, wait: float) -> None:
        self._call = call
        self.deployment = deployment
        self.number = number
        self._wait = wait
        self._started = time.time()
        self._clock = time.perf_counter()
        self._first_output: float | None = None
        self._record: AttemptRecord | None = None
        self.request_id: str | None = None
        self.rate_limits: Mapping[str, RateLimit] = {}
        call.observe(
            "attempt_started",
            call_id=call.id,
            deployment=deployment.ref,
            number=number,
            server=deployment.origin,
        )

    @property
    def over(self) -> bool:
        """True if it has ended."""
        return self._record is not None

    def output(self) -> None:
        """Note that output has come."""
        if self._first_output is None:
            self._first_output = time.perf_counter() - self._clock

    async def succeed(self, completion: Completion | None) -> AttemptRecord:
        """The answer is whole; ``None`` where the operation gives no answer of a model."""
        self.output()
        if completion is None:
            return await self._end("ok", "ok")
        self.request_id = completion.request_id or self.request_id
        self.rate_limits = completion.rate_limits or self.rate_limits
        return await self._end("ok", "ok", usage=completion.usage)

    async def fail(self, error: ModelyardError) -> AttemptRecord:
        """The attempt failed."""
        delay = error.retry_after if isinstance(error, ProviderError) else None
        partial = error.partial if isinstance(error, ProviderError) else None
        usage = partial.usage if partial is not None else None
        return await self._end("error", verdict_on(error), error=error, usage=usage, delay=delay)

    async def cancel(self) -> AttemptRecord:
        """The caller gave up."""
        return await self._end("cancelled", "neutral")

    async def _end(
        self,
        outcome: Outcome,
        verdict: Verdict,
        *,
        error: ModelyardError | None = None,
        usage: Usage | None = None,
        delay: float | None = None,
    ) -> AttemptRecord:
        if self._record is not None:
            return self._record
        record = self._record = self._make_record(outcome, error, usage)
        generates = self._call.operation.generates
        try:
            await self._call.state.report(
                self.deployment.key,
                verdict if generates else "neutral",
                delay=believed_wait(delay),
                latency=self._first_output if generates else None,
                rate_limits=self.rate_limits,
            )
        finally:
            self._call.observe("attempt_finished", call_id=self._call.id, attempt=record)
        return record

    def _make_record(self, outcome: Outcome, error: ModelyardError | None, usage: Usage | None) -> AttemptRecord:
        provider_error = error if isinstance(error, ProviderError) else None
        billed = outcome != "ok" and self._may_have_cost(error)
        cost, estimated = (None, False) if outcome == "ok" else self._cost(usage, billed)
        return AttemptRecord(
            deployment=self.deployment.ref,
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
            maybe_billed=billed,
            cost=cost,
            cost_estimated=estimated,
        )

    def _may_have_cost(self, error: ModelyardError | None) -> bool:
        if not self._call.operation.generates:
            return False
        return self._first_output is not None or _may_have_been_served(error)

    def _cost(self, usage: Usage | None, billed: bool) -> tuple[float | None, bool]:
        from modelyard.calls.ledger import failure_cost

        return failure_cost(self._call, self.deployment, usage, started=self._started, maybe_billed=billed)


def _may_have_been_served(error: ModelyardError | None) -> bool:
    """Whether the provider may have done the work although no answer came, so that another try is paid twice."""
    if error is None or isinstance(error, (StreamInterruptedError, RuntimeClosedError)):
        return True  # cancelled, or cut in the middle
    if isinstance(error, DeadlineError):
        return error.phase != "connect"
    return isinstance(error, ProviderError) and error.code == "connection_lost"

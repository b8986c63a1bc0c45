"""Running a prepared call for a whole answer."""

from __future__ import annotations

import asyncio

from modelyard.errors import DeadlineError, ModelyardError, ProviderError
from modelyard.history.opaque import bind_account
from modelyard.routing.call import Attempt, Call
from modelyard.routing.deployment import Deployment
from modelyard.types.completion import Completion
from modelyard.types.record import AttemptRecord, Record

__all__ = ["finish_completion", "run_complete"]


async def run_complete(call: Call) -> Completion:
    """Make attempts until one succeeds or the policy says stop.

    Raises the error of the last attempt, with the records of all on it.
    """
    loop = asyncio.get_running_loop()
    total = call.deadlines.total
    due = None if total is None else loop.time() + total
    deployment = call.deployments[0]
    records: list[AttemptRecord] = []
    wait = 0.0
    while True:
        attempt = Attempt(call, deployment, len(records) + 1, wait)
        outcome = await _attempt(call, deployment, attempt, due)
        if isinstance(outcome, Completion):
            attempt.request_id = outcome.request_id
            records.append(attempt.end("ok", usage=outcome.usage))
            return finish_completion(deployment, outcome, records)
        records.append(attempt.end("error", error=outcome))
        if not isinstance(outcome, ProviderError):
            raise outcome
        outcome.attempts = tuple(records)
        remaining = None if due is None else due - loop.time()
        next_wait = call.retry.wait_after(outcome, len(records), remaining)
        if next_wait is None:
            raise outcome
        wait = next_wait
        await asyncio.sleep(wait)


async def _attempt(
    call: Call, deployment: Deployment, attempt: Attempt, due: float | None
) -> Completion | ModelyardError:
    """Make one attempt; errors are returned, so that none is raised with another as its context."""
    raised: Exception
    try:
        async with asyncio.timeout_at(due) as limit:
            session = await deployment.open_session()
            return await deployment.binding.complete(session, call.request_for(deployment), deployment.card)
    except asyncio.CancelledError:
        attempt.end("cancelled")
        raise
    except Exception as error:
        raised = error
    if isinstance(raised, TimeoutError) and limit.expired():
        raised = DeadlineError(f"The call took longer than {call.deadlines.total:g} s.", phase="total")
    return deployment.to_error(raised)


def finish_completion(deployment: Deployment, completion: Completion, records: list[AttemptRecord]) -> Completion:
    """Add what only the runtime knows: the record, the account, and the card that prices the answer."""
    changes: dict[str, object] = {"record": Record(attempts=tuple(records))}
    target = deployment.target
    if target.rules.account_bound and target.account is not None:
        changes["message"] = bind_account(completion.message, target.account)
    finished = completion.model_copy(update=changes)
    return finished.priced_by(deployment.card)

"""Running a prepared call for a whole answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modelyard.errors import ModelyardError
from modelyard.routing.engine import Engine
from modelyard.streaming.watchdog import Watchdog
from modelyard.types.completion import Completion

if TYPE_CHECKING:
    from modelyard.routing.attempt import Attempt
    from modelyard.routing.call import Call

__all__ = ["run_complete"]


async def run_complete(call: Call) -> Completion:
    """Make attempts until one succeeds or the policy says stop.

    Raises the error of the last attempt, with the records of all on it.
    """
    engine = Engine(call)
    attempt, _ = await engine.begin()
    while True:
        outcome = await _attempt(call, engine, attempt)
        if isinstance(outcome, Completion):
            return await engine.succeeded(attempt, outcome)
        attempt, _ = await engine.go(await engine.failed(attempt, outcome, committed=False))


async def _attempt(call: Call, engine: Engine, attempt: Attempt) -> Completion | ModelyardError:
    """Make one attempt; errors are returned, so that none is raised with another as its context."""
    deployment = attempt.deployment
    watchdog = Watchdog(call.deadlines, engine.remaining())
    try:
        session = await watchdog.wait(deployment.open_session())
        request = call.request_for(deployment)
        with watchdog.watched():
            return await watchdog.wait(deployment.binding.complete(session, request, deployment.card))
    except asyncio.CancelledError:
        await engine.cancelled(attempt)
        raise
    except Exception as error:
        return deployment.to_error(error)
    finally:
        watchdog.stop()

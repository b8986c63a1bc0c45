"""Running a prepared call for a whole answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

from modelyard.errors import ModelyardError
from modelyard.routing.engine import Engine
from modelyard.types.completion import Completion

if TYPE_CHECKING:
    from modelyard.routing.attempt import Attempt
    from modelyard.routing.call import Call

__all__ = ["run_complete"]


async def run_complete(call: Call) -> Completion:
    """Make attempts until one succeeds or the policy says stop.

    Raises the error of the last attempt, with the records of all on it.
    """
    with Engine(call) as engine:
        attempt, _ = await engine.begin()
        while True:
            if call.hedge_after is None:
                outcome = await _attempt(call, engine, attempt)
            else:
                attempt, outcome = await _hedged(call, engine, attempt, call.hedge_after)
            if isinstance(outcome, Completion):
                return await engine.succeeded(attempt, outcome)
            attempt, _ = await engine.go(await engine.failed(attempt, outcome, committed=False))


async def _attempt(call: Call, engine: Engine, attempt: Attempt) -> Completion | ModelyardError:
    """Make one attempt; errors are returned, so that none is raised with another as its context."""
    deployment = attempt.deployment
    watchdog, use = engine.watchdog(), deployment.use()
    try:
        session = await watchdog.prepare(use.session())
        request = await watchdog.prepare(call.final_request(deployment, session))
        with watchdog.watched():
            return await watchdog.wait(deployment.binding.complete(session, request, deployment.card))
    except asyncio.CancelledError:
        await engine.cancelled(attempt)
        raise
    except Exception as error:
        return deployment.to_error(error)
    finally:
        watchdog.stop()
        use.release()


_Outcome: TypeAlias = "Completion | ModelyardError"


async def _hedged(call: Call, engine: Engine, first: Attempt, after: float) -> tuple[Attempt, _Outcome]:
    """Make an attempt, and a second one beside it when it takes long; the first success counts."""
    tasks = {asyncio.ensure_future(_attempt(call, engine, first)): first}
    try:
        await asyncio.wait(tasks, timeout=after)
        if not any(task.done() for task in tasks) and (second := await engine.hedge()) is not None:
            tasks[asyncio.ensure_future(_attempt(call, engine, second))] = second
        pending = set(tasks)
        while pending and not any(_succeeded(task) for task in tasks):
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        await _end(engine, tasks)
        heard = next((task for task in tasks if _succeeded(task)), next(iter(tasks)))
        for task, attempt in tasks.items():
            lost = task is not heard and not task.cancelled() and task.result()
            if isinstance(lost, ModelyardError):
                await engine.lost(attempt, lost)
    except BaseException:
        await _end(engine, tasks)
        for attempt in tasks.values():
            await engine.cancelled(attempt)
        raise
    engine.adopt(tasks[heard])
    return tasks[heard], heard.result()


async def _end(engine: Engine, tasks: dict[asyncio.Task[_Outcome], Attempt]) -> None:
    """Cancel what is under way; a task that had not even begun records nothing itself."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task, attempt in tasks.items():
        if task.cancelled():
            await engine.cancelled(attempt)


def _succeeded(task: asyncio.Future[_Outcome]) -> bool:
    return task.done() and not task.cancelled() and isinstance(task.result(), Completion)

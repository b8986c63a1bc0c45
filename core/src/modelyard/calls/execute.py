"""Carrying out a prepared call whose result comes whole: an answer, a count, a list."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from modelyard.calls.engine import Engine
from modelyard.calls.watchdog import Watchdog
from modelyard.errors import ModelyardError

if TYPE_CHECKING:
    from modelyard.calls.attempt import Attempt
    from modelyard.calls.call import Call
    from modelyard.deployments.deployment import Deployment
    from modelyard.session import Session
    from modelyard.types.completion import Completion
    from modelyard.types.request import Request

__all__ = ["carry_out", "open_session", "run_complete"]

T = TypeVar("T")

Ask: TypeAlias = "Callable[[Deployment, Session, Request], Awaitable[T]]"
"""Asks one deployment, over its session, what the request says."""


async def run_complete(call: Call) -> Completion:
    """Ask for a whole answer. Raises the error of the last attempt, with the records of all on it."""
    return await carry_out(call, _complete)


def _complete(deployment: Deployment, session: Session, request: Request) -> Awaitable[Completion]:
    return deployment.binding.complete(session, request, deployment.card)


async def carry_out(call: Call, ask: Ask[T]) -> T:
    """Make attempts until one succeeds or the policy says stop.

    Raises the error of the last attempt, with the records of all on it.
    """
    with Engine(call) as engine:
        attempt, _ = await engine.start()
        while True:
            if call.hedge_after is None:
                outcome = await _attempt(call, engine, attempt, ask)
            else:
                attempt, outcome = await _hedged(call, engine, attempt, ask, call.hedge_after)
            if not isinstance(outcome, ModelyardError):
                return await engine.succeeded(attempt, outcome)
            attempt, _ = await engine.run_step(await engine.failed(attempt, outcome, committed=False))


async def open_session(call: Call) -> Session:
    """Open the session of a call's first deployment within its total deadline, for what no operation covers."""
    deployment = call.deployments[0]
    use = deployment.use()
    watchdog = Watchdog(call.deadlines, call.deadlines.total)
    running = call.running.begin()
    running.add(watchdog)
    try:
        return await watchdog.prepare(use.keep())
    except Exception as error:
        failure = deployment.to_error(error)
    finally:
        call.running.end(running)
    raise failure


async def _attempt(call: Call, engine: Engine, attempt: Attempt, ask: Ask[T]) -> T | ModelyardError:
    """Make one attempt; errors are returned, so that none is raised with another as its context."""
    deployment = attempt.deployment
    watchdog, use = engine.watchdog(), deployment.use()
    try:
        session = await watchdog.prepare(use.session())
        request = await watchdog.prepare(call.final_request(deployment, session))
        with watchdog.watched():
            return await watchdog.wait(ask(deployment, session, request))
    except Exception as error:
        return deployment.to_error(error)
    except BaseException:  # cancelled, or something that ends the process: the place is given back all the same
        await engine.cancelled(attempt)
        raise
    finally:
        watchdog.stop()
        use.release()


async def _hedged(
    call: Call, engine: Engine, first: Attempt, ask: Ask[T], after: float
) -> tuple[Attempt, T | ModelyardError]:
    """Make an attempt, and a second one beside it when it takes long; the first success counts."""
    tasks = {asyncio.ensure_future(_attempt(call, engine, first, ask)): first}
    try:
        await asyncio.wait(tasks, timeout=after)
        if not any(task.done() for task in tasks) and (second := await engine.hedge()) is not None:
            tasks[asyncio.ensure_future(_attempt(call, engine, second, ask))] = second
        pending = set(tasks)
        while pending and not any(_succeeded(task) for task in tasks):
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        await _end(engine, tasks)
        heard = next((task for task in tasks if _succeeded(task)), next(iter(tasks)))
        for task, attempt in tasks.items():
            lost = task is not heard and not task.cancelled() and task.result()
            if isinstance(lost, ModelyardError):
                await engine.record_loser(attempt, lost)
    except BaseException:
        await _end(engine, tasks)
        for attempt in tasks.values():
            await engine.cancelled(attempt)
        raise
    engine.make_current(tasks[heard])
    return tasks[heard], heard.result()


async def _end(engine: Engine, tasks: dict[asyncio.Task[T], Attempt]) -> None:
    """Cancel what is under way; a task that had not even begun records nothing itself."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task, attempt in tasks.items():
        if task.cancelled():
            await engine.cancelled(attempt)


def _succeeded(task: asyncio.Future[T]) -> bool:
    return task.done() and not task.cancelled() and not isinstance(task.result(), ModelyardError)

"""The process that asks: it has imported everything, and forks a child for each attack, which asks and measures.

Reads a job as a line of JSON, writes its number and its outcome as one. A child that dies, of memory or of time,
has an outcome too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pickle
import resource
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from modelyard import Message, ModelyardError, Runtime, ToolResult
from modelyard.types.completion import Completion

from .cases import WIRES, Case
from .hostility import FOREIGN
from .measure import Cost, costing, limit_memory, threads
from .plan import ALL, Job, Outcome
from .states import StateCase, go_on, suspend
from .terminal import outcome_of, written_by

__all__ = ["main"]

OBJECT = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
PATIENCE = 12
"""Seconds beyond its bound after which a child is ended whatever it does."""


def main() -> None:
    """Serve jobs, several at a time, until there are no more."""
    asyncio.run(_warm_up())
    while threads() > 1:  # a fork beside a thread that is ending may find its locks taken
        time.sleep(0.01)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those below
    for line in sys.stdin:
        job = Job(**json.loads(line))
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            text = f"{json.dumps([job.number, _forked(job)])}\n"
            os.write(sys.stdout.fileno(), text.encode())  # short enough to be written in one piece
            os._exit(0)


async def _warm_up() -> None:
    """Import what a first call imports, so that no attack is charged with it."""
    import modelyard.cli.app  # noqa: F401

    for provider in ("claude", "gemini", "mistral", "openai"):
        config = {"base_url": "http://127.0.0.1:9", "api_key": "key-of-the-test-0"}
        async with Runtime({provider: config}, plugins=[provider], max_attempts=1) as runtime:
            for ask in (runtime.complete(f"{provider}:m", "Hi"), runtime.list_models(provider)):
                with contextlib.suppress(ModelyardError):
                    await ask


def _forked(job: Job) -> dict[str, Any]:
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(PATIENCE + int(ALL[job.case].seconds))
        text = json.dumps(asdict(_outcome(job)))
        os.write(writes, text.encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    ended = Outcome(f"ended with {os.waitstatus_to_exitcode(status)}")
    found: dict[str, Any] = json.loads(text) if text else asdict(ended)
    return found


def _outcome(job: Job) -> Outcome:
    case = ALL[job.case]
    if not isinstance(case, (Case, StateCase)):
        return _on_terminal(job)
    limit_memory()
    try:
        attack = _stored(case, job) if isinstance(case, StateCase) else _asked(case, job)
        outcome, cost = asyncio.run(attack)
    except BaseException as error:
        return Outcome(f"untyped {type(error).__name__}: {error}"[:200])
    return Outcome(outcome, cost.peak, cost.stood, cost.took)


def _runtime(job: Job, **settings: Any) -> tuple[Runtime, str]:
    provider, _, api = job.wire.partition("-")
    config: dict[str, Any] = {"base_url": job.url, "api_key": "key-of-the-test-0"}
    if api:
        config["options"] = {"api": api}
    runtime = Runtime({provider: config}, plugins=[provider], max_attempts=1, **settings)
    return runtime, f"{provider}:{WIRES[job.wire]}"


async def _asked(case: Case, job: Job) -> tuple[str, Cost]:
    deadlines = {
        "connect": 2.0,
        "first_output": case.waits,
        "between_outputs": case.waits,
        "total": 2 * case.waits,
    }
    runtime, model = _runtime(job, bounds=case.bounds, deadlines=deadlines)
    async with runtime:
        async with costing() as cost:
            try:
                answers = await _answers(runtime, model, case, stream=job.mode == "stream")
            except ModelyardError as error:
                return type(error).__name__, cost
            except Exception as error:
                return f"untyped {type(error).__name__}: {error}"[:200], cost
        if not answers:
            return case.asks, cost
        return await _sound(runtime, model, case, answers, stream=job.mode == "stream"), cost


async def _answers(runtime: Runtime, model: str, case: Case, *, stream: bool) -> Sequence[Completion]:
    if case.asks == "list":
        await runtime.list_models(model.partition(":")[0])
        return ()
    if case.asks == "object":
        await _object(runtime, model, stream=stream)
        return ()
    answers = [await _answer(runtime, model, "Hi", stream=stream)]
    if case.asks == "twice":
        await asyncio.sleep(0.2)
        answers.append(await _answer(runtime, model, "Hi", stream=stream))
    return answers


async def _object(runtime: Runtime, model: str, *, stream: bool) -> None:
    if not stream:
        await runtime.generate(model, "Hi", output=OBJECT, repair=0)
        return
    async with runtime.generate_stream(model, "Hi", output=OBJECT, repair=0) as events:
        async for _ in events:
            pass


async def _answer(runtime: Runtime, model: str, messages: Any, *, stream: bool) -> Completion:
    if not stream:
        return await runtime.complete(model, messages)
    async with runtime.stream(model, messages) as events:
        async for _ in events:
            pass
    assert events.completion is not None
    return events.completion


async def _sound(runtime: Runtime, model: str, case: Case, answers: Sequence[Completion], *, stream: bool) -> str:
    """``answer`` when each can be stored, read back and sent again, and is as the case wants it."""
    if case.holds is not None and not case.holds(answers):
        return "not the right answer"
    for answer in answers:
        if FOREIGN in answer.text:
            return "the answer of somebody else"
        try:
            again = Completion.model_validate_json(answer.model_dump_json())
            copied = pickle.loads(pickle.dumps(answer))
            if len(answer.tool_calls) <= 10:
                await _answer(runtime, model, _next_turn(answer), stream=stream)
        except Exception as error:
            return f"cannot be kept: {type(error).__name__}: {error}"[:200]
        if not again.message == answer.message == copied.message:
            return "is not what was stored"
    return "answer"


def _next_turn(answer: Completion) -> list[Message]:
    results = [ToolResult(tool_call_id=call.id, name=call.name, content="done") for call in answer.tool_calls]
    following = Message.tool(results) if results else Message.user("Go on.")
    return [Message.user("Hi"), answer.message, following]


async def _stored(case: StateCase, job: Job) -> tuple[str, Cost]:
    runtime, model = _runtime(job)
    async with runtime:
        text = await suspend(runtime, model, case)
        async with costing() as cost:
            try:
                await go_on(runtime, case, text, stream=job.mode == "stream")
            except ModelyardError as error:
                return type(error).__name__, cost
            except AssertionError as error:
                return str(error), cost
            except Exception as error:
                return f"untyped {type(error).__name__}: {error}"[:200], cost
        return "answer", cost


def _on_terminal(job: Job) -> Outcome:
    provider = job.wire
    os.environ |= {"COLUMNS": "400", "TERM": "xterm-256color", "PYTHONUTF8": "1"}
    os.environ[f"MODELYARD_{provider.upper()}_BASE_URL"] = job.url
    name = {"claude": "ANTHROPIC", "gemini": "GEMINI", "mistral": "MISTRAL", "openai": "OPENAI"}[provider]
    os.environ[f"{name}_API_KEY"] = "key-of-the-test-0"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    written, used = written_by(["chat", "-m", f"{provider}:{WIRES[job.wire]}", "--reasoning", "hi"])
    return Outcome(outcome_of(written), max(used - before, 0))


if __name__ == "__main__":
    main()

"""Model, tools, model: the loop behind ``run``, ``run_stream`` and ``resume``."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from modelyard.calls.step import step_of
from modelyard.errors import ModelyardError
from modelyard.runs.result import RunResult, RunStatus
from modelyard.tools.results import error_result
from modelyard.types.content import ToolCall
from modelyard.types.events import ContentDelta, Done, Event, ReasoningDelta, Status, ToolCallResult
from modelyard.types.tools import ToolChoice
from modelyard.types.usage import Usage

if TYPE_CHECKING:
    from modelyard.calls.call import Observe
    from modelyard.calls.stream import CompletionStream
    from modelyard.runs.progress import Progress
    from modelyard.runs.state import RunState
    from modelyard.runtime import Runtime
    from modelyard.tools.toolbox import Toolbox
    from modelyard.types.content import ToolResult
    from modelyard.types.tools import Tool

__all__ = ["Checkpoint", "RunLoop"]

Checkpoint: TypeAlias = "Callable[[RunState], Awaitable[None] | None]"
"""Receives the state at every step: after each answer of the model, before and after each tool."""

_End: TypeAlias = "tuple[RunStatus, str | None, str | None]"
_NOT_TO_EXECUTE = frozenset({"content_filter", "error", "cancelled"})


class RunLoop:
    """Takes steps until the run is over; ``progress`` is true at every moment, even after an error."""

    def __init__(
        self,
        runtime: Runtime,
        progress: Progress,
        toolbox: Toolbox,
        checkpoint: Checkpoint | None,
        observe: Observe,
    ) -> None:
        self._runtime = runtime
        self._toolbox = toolbox
        self._checkpoint = checkpoint
        self._observe = observe
        self._opened: CompletionStream | None = None
        self._next_index = 0
        self._told: set[str] = set()
        self._id = f"{random.getrandbits(64):016x}"
        self.progress = progress
        self.result: RunResult | None = None

    def open(self) -> None:
        """Prepare the first request of a stream, which raises at once what is wrong with it."""
        if not self.progress.calls:
            self._opened = self._open_stream()

    async def events(self, *, stream: bool) -> AsyncGenerator[list[Event], None]:
        """Run to the end and yield what happens; without ``stream`` the answers come whole and give no deltas.

        An error of Modelyard's carries the state of the run.
        """
        failure: ModelyardError | None = None
        self._observe("run_started", run_id=self._id)
        try:
            yield [Status("started")]
            while (end := self._end()) is None:
                step = self._answer_calls() if self.progress.calls else self._ask(stream=stream)
                async with contextlib.aclosing(step) as batches:
                    async for batch in batches:
                        yield batch
            self.result = self._result(*end)
            yield self._last_events(*end)
        except ModelyardError as error:
            failure = error
        finally:
            status = self.result.status if self.result is not None else None
            self._observe("run_finished", run_id=self._id, status=status, error=failure)
        if failure is not None:
            failure.run = self.progress.state()
            raise failure

    def _end(self) -> _End | None:
        """How the run ends here, ``None`` when there is a step to take."""
        progress = self.progress
        if progress.finished:
            return "completed", None, None
        if progress.awaiting and not progress.unanswered():
            return "awaiting_tool_results", None, None
        reached = progress.limits.reached(progress)
        return None if reached is None else ("limit", *reached)

    async def _ask(self, *, stream: bool) -> AsyncGenerator[list[Event], None]:
        progress = self.progress
        if stream:
            answer, self._opened = self._opened or self._open_stream(), None
            base = self._next_index
            async with answer:
                async for batch in answer.batches():
                    yield self._forward(batch, base)
            completion = answer.completion
        else:
            with step_of(self._id):
                completion = await self._runtime.complete(progress.model, progress.messages, **self._options())
        progress.take(completion)
        if progress.calls and completion.finish_reason in _NOT_TO_EXECUTE:
            yield self._refuse_calls(completion.finish_reason)
        await self._save()

    def _open_stream(self) -> CompletionStream:
        with step_of(self._id):
            return self._runtime.stream(self.progress.model, self.progress.messages, **self._options())

    def _options(self) -> dict[str, Any]:
        """The options of the next request.

        A forced choice of tool holds for the first turn only: forced for ever, a model never answers.
        """
        options = {**self.progress.options, "tools": self._toolbox.declared}
        choice = options.get("tool_choice")
        if self.progress.turns and choice is not None and _forces(choice):
            del options["tool_choice"]
        return options

    def _forward(self, batch: list[Event], base: int) -> list[Event]:
        """The events of one turn as those of a run: one start, one end, indexes that go on."""
        forwarded: list[Event] = []
        for event in batch:
            if isinstance(event, (ContentDelta, ReasoningDelta)):
                event.index += base
                self._next_index = max(self._next_index, event.index + 1)
            elif isinstance(event, Done) or (
                isinstance(event, Status) and event.state in ("started", "completed")
            ):
                continue
            forwarded.append(event)
        return forwarded

    async def _answer_calls(self) -> AsyncGenerator[list[Event], None]:
        """Execute what is to be executed, all at once, and tell results in the order of the calls."""
        progress = self.progress
        open_calls = progress.unanswered()
        tasks: dict[str, asyncio.Task[None]] = {}
        if open_calls:
            progress.tool_calls += len(open_calls)
            yield [Status("tool_calling", calls=tuple(call.id for call in open_calls))]
            tasks = {call.id: asyncio.create_task(self._answer(call)) for call in open_calls}
        try:
            for call in progress.calls:
                if call.id in tasks:
                    await tasks[call.id]
                yield self._tell(call)
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
        if not progress.awaiting:
            progress.close_turn()
            await self._save()

    async def _answer(self, call: ToolCall) -> None:
        result = await self._toolbox.answer(call, self._begin, self._ran)
        if result is None:
            self.progress.awaiting.add(call.id)
        else:
            self.progress.answer(result)
            await self._save()

    async def _begin(self, call: ToolCall, tool: Tool) -> None:
        self.progress.started.add(call.id)
        await self._save()
        self._observe("tool_started", run_id=self._id, call=call, tool=tool)

    def _ran(self, call: ToolCall, result: ToolResult | None) -> None:
        self._observe("tool_finished", run_id=self._id, call=call, result=result)

    async def _save(self) -> None:
        if self._checkpoint is None:
            return
        saving = self._checkpoint(self.progress.state())
        if inspect.isawaitable(saving):
            await saving

    def _refuse_calls(self, reason: str) -> list[Event]:
        """Answer the calls of an answer that is not to be trusted, without executing anything."""
        progress = self.progress
        events: list[Event] = []
        for call in progress.calls:
            progress.answer(error_result(call, f"Nothing was executed: the answer ended with {reason}."))
            events += self._tell(call)
        progress.close_turn()
        progress.finished = True
        return events

    def _tell(self, call: ToolCall) -> list[Event]:
        result = self.progress.results.get(call.id)
        if result is None or call.id in self._told:
            return []
        self._told.add(call.id)
        return [ToolCallResult(call.id, call.name, result.text, is_error=result.is_error)]

    def _result(self, status: RunStatus, limit: str | None, reason: str | None) -> RunResult:
        progress = self.progress
        assert progress.completion is not None
        return RunResult(
            status=status,
            completion=progress.completion,
            messages=tuple(progress.messages),
            given=progress.given,
            usage=progress.usage or Usage(),
            cost=progress.cost,
            cost_unknown_because=progress.cost_unknown,
            turns=progress.turns,
            tool_calls=progress.tool_calls,
            completions=tuple(progress.completions),
            state=None if status == "completed" else progress.state(),
            limit=limit,
            reason=reason,
        )

    def _last_events(self, status: RunStatus, limit: str | None, reason: str | None) -> list[Event]:
        completion = self.progress.completion
        assert completion is not None
        deployment = completion.record.deployment
        done = Done(
            completion.finish_reason,
            raw_finish_reason=completion.raw_finish_reason,
            usage=self.progress.usage,
            response_id=completion.response_id,
            request_id=completion.request_id,
            deployment=deployment,
            model=completion.response_model,
            service_tier=completion.service_tier,
        )
        if status == "completed":
            return [Status("completed", deployment=deployment), done]
        if status == "limit":
            return [Status("limit_reached", deployment=deployment, reason=f"{limit}: {reason}"), done]
        waiting = tuple(call.id for call in self.progress.calls if call.id in self.progress.awaiting)
        return [Status("awaiting_tool_results", deployment=deployment, calls=waiting), done]


def _forces(choice: object) -> bool:
    if isinstance(choice, (str, Mapping)):
        choice = ToolChoice.model_validate(choice)
    return isinstance(choice, ToolChoice) and choice.mode == "required"

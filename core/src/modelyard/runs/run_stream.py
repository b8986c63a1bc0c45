"""A run as a stream of events."""

from __future__ import annotations

from modelyard.calls.event_stream import EventStream
from modelyard.errors import ModelyardError
from modelyard.runs.loop import RunLoop
from modelyard.runs.result import RunResult
from modelyard.runs.state import RunState
from modelyard.types.completion import Completion

__all__ = ["RunStream"]


class RunStream(EventStream):
    """The events of a run, turn after turn; use it as ``async with runtime.run_stream(...) as stream``.

    They come in this order, which ``tooling/run_grammar.py`` states as rules::

        status(started)
        for each turn:
            status(selected_model), then what the model says, as in the stream of one answer
            where it called tools: status(tool_calling), then a tool_call_result for each call, in the order of the
            calls and as soon as it and those before it are there
        status(completed | awaiting_tool_results | limit_reached)
        done

    The ``done`` and ``completed`` of single turns are left out; the one ``done`` carries the usage of the whole
    run. An ``index`` is never used by two turns. ``resume_stream`` begins with the results the host brought,
    and with the tools that were still to run.

    Iterating raises an error of Modelyard's with the state of the run on it (``error.run``). Leaving the block
    cancels tools that run; ``state`` then says how far the run had come.
    """

    def __init__(self, loop: RunLoop) -> None:
        loop.open()
        super().__init__(loop.events(stream=True))
        self._loop = loop

    @property
    def result(self) -> RunResult:
        """Result of the run. Raises ``ModelyardError`` before it has ended."""
        if self._loop.result is None:
            raise ModelyardError(
                "The run has not reached its end, so there is no result yet.",
                hint="Take all events first, or look at stream.state.",
            )
        return self._loop.result

    @property
    def completion(self) -> Completion:
        """The last answer of the model. Raises ``ModelyardError`` before the run has reached its end."""
        return self.result.completion

    @property
    def state(self) -> RunState:
        """State of the run at any moment; ``resume`` goes on from there."""
        return self._loop.progress.state()

    async def collect(self) -> RunResult:
        """Take all remaining events and return the result."""
        async with self:
            async for _ in self:
                pass
        return self.result

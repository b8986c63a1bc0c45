"""Progress of a run: the values its loop changes, of which a ``RunState`` is a picture."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from modelyard.runs.state import RunState
from modelyard.runs.totals import add_cost, add_usage
from modelyard.tools.results import error_result
from modelyard.types.content import ToolCall, ToolResult
from modelyard.types.messages import Message

if TYPE_CHECKING:
    from modelyard.runs.limits import RunLimits
    from modelyard.types.base import JsonObject
    from modelyard.types.completion import Completion
    from modelyard.types.cost import Cost
    from modelyard.types.request import Models
    from modelyard.types.tools import Tool
    from modelyard.types.usage import Usage

__all__ = ["Progress"]

_INTERRUPTED = "The tool was interrupted. Whether it had its effect is not known, and it was not run again."


@dataclass
class Progress:
    """The conversation, the open calls, and the sums. Fields are those of ``RunState``."""

    model: Models
    options: dict[str, Any]
    tools: tuple[Tool, ...]
    limits: RunLimits
    messages: list[Message]
    given: int
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    calls: tuple[ToolCall, ...] = ()
    results: dict[str, ToolResult] = field(default_factory=dict)
    awaiting: set[str] = field(default_factory=set)
    started: set[str] = field(default_factory=set)
    usage: Usage | None = None
    cost: Cost | None = None
    cost_unknown: str | None = None
    turns: int = 0
    tool_calls: int = 0
    completion: Completion | None = None
    completions: list[Completion] = field(default_factory=list)
    finished: bool = False

    @classmethod
    def of(
        cls, state: RunState, *, model: Models, options: dict[str, Any], tools: tuple[Tool, ...], limits: RunLimits
    ) -> Progress:
        """Go on from a state. A tool that had been started and gave no result is answered as interrupted."""
        progress = cls(
            model=model,
            options=options,
            tools=tools,
            limits=limits,
            messages=list(state.messages),
            given=state.given,
            id=state.id,
            calls=state.calls,
            results={result.tool_call_id: result for result in state.results},
            awaiting=set(state.awaiting),
            usage=state.usage,
            cost=state.cost,
            cost_unknown=state.cost_unknown_because,
            turns=state.turns,
            tool_calls=state.tool_calls,
            completion=state.completion,
        )
        for call in state.calls:
            if call.id in state.started:
                progress.results[call.id] = error_result(call, _INTERRUPTED)
        return progress

    def state(self) -> RunState:
        """The picture of this moment."""
        options, omitted = self._kept
        return RunState(
            id=self.id,
            model=self.model if self.model is None or isinstance(self.model, str) else tuple(self.model),
            messages=tuple(self.messages),
            given=self.given,
            calls=self.calls,
            results=tuple(self.results[call.id] for call in self.calls if call.id in self.results),
            awaiting=self._in_order(self.awaiting),
            started=self._in_order(self.started),
            tools=self._plain_tools,
            options=options,
            omitted=omitted,
            limits=self.limits,
            usage=self.usage,
            cost=self.cost,
            cost_unknown_because=self.cost_unknown,
            turns=self.turns,
            tool_calls=self.tool_calls,
            completion=self.completion,
        )

    def take(self, completion: Completion) -> None:
        """Add a turn of the model's."""
        self.completion = completion
        self.completions.append(completion)
        self.messages.append(completion.message)
        self.calls = completion.tool_calls
        self.finished = not self.calls
        self.turns += 1
        self.usage = add_usage(self.usage, completion.usage)
        cost = completion.cost
        if cost is None:
            self.cost_unknown = self.cost_unknown or completion.cost_unknown_because
        if self.cost_unknown is not None or cost is None:
            self.cost = None
        else:
            self.cost = add_cost(self.cost, cost)

    def answer(self, result: ToolResult) -> None:
        """Add a result."""
        self.results[result.tool_call_id] = result
        self.started.discard(result.tool_call_id)

    def unanswered(self) -> list[ToolCall]:
        """The calls nobody has been asked to answer yet."""
        return [call for call in self.calls if call.id not in self.results and call.id not in self.awaiting]

    def close_turn(self) -> None:
        """Put the results into the conversation, in the order of the calls."""
        self.messages.append(Message.tool(self.results[call.id] for call in self.calls))
        self.calls = ()
        self.results = {}

    def most_failures(self) -> int:
        """Largest number of failures of any open call before in this run, in just this form."""
        open_forms = {_form(call) for call in self.unanswered()}
        if not open_forms:
            return 0
        forms: dict[str, tuple[str, str]] = {}
        failures: Counter[tuple[str, str]] = Counter()
        for message in self.messages[self.given :]:
            for part in message.content:
                if isinstance(part, ToolCall):
                    forms[part.id] = _form(part)
                elif isinstance(part, ToolResult) and part.is_error and part.tool_call_id in forms:
                    failures[forms[part.tool_call_id]] += 1
        return max(failures[form] for form in open_forms)

    def _in_order(self, ids: Iterable[str]) -> tuple[str, ...]:
        wanted = set(ids)
        return tuple(call.id for call in self.calls if call.id in wanted)

    @cached_property
    def _kept(self) -> tuple[JsonObject, tuple[str, ...]]:
        from modelyard.runs.kept_options import keep_options

        return keep_options(self.options)

    @cached_property
    def _plain_tools(self) -> tuple[Tool, ...]:
        from modelyard.types.tools import Tool

        return tuple(
            Tool.model_construct(**{name: getattr(tool, name) for name in Tool.model_fields})
            for tool in self.tools
        )


def _form(call: ToolCall) -> tuple[str, str]:
    if call.arguments is None:
        return call.name, call.arguments_text
    return call.name, json.dumps(call.arguments, sort_keys=True)

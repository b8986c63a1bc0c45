"""One model behind an emulator, and what the criteria ask of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from modelyard.catalog.card import ModelCard
from modelyard.runtime import Runtime
from modelyard.testing.emulator import Emulator
from modelyard.testing.script import Script
from modelyard.types.completion import Completion
from modelyard.types.content import ToolResult
from modelyard.types.messages import Message
from modelyard.types.tools import Tool

__all__ = ["TIME", "WEATHER", "Bench", "Shortfall", "results_of"]

WEATHER = Tool(
    name="get_weather",
    description="The weather in a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
TIME = Tool(name="get_time", description="The time now.")


class Shortfall(Exception):
    """A criterion is not met; the message says in what, ``partly`` whether something of it is."""

    def __init__(self, reason: str, *, partly: bool = False) -> None:
        super().__init__(reason)
        self.partly = partly


@dataclass(frozen=True, slots=True)
class Bench:
    """A runtime with every provider emulated, and the card under test."""

    runtime: Runtime
    emulators: dict[str, Emulator]
    card: ModelCard

    @property
    def emulator(self) -> Emulator:
        """The emulator of the card's provider."""
        return self.emulators[self.card.provider]

    @property
    def body(self) -> str:
        """The body of the last request, escapes undone."""
        return json.dumps(self.emulator.requests[-1].json, ensure_ascii=False)

    async def ask(self, messages: Any, script: Script, **options: Any) -> Completion:
        """Ask the model for the scripted answer."""
        self.emulator.add(script)
        return await self.runtime.complete(self.card.ref, messages, **options)

    async def ask_noted(self, field: str, messages: Any, script: Script, **options: Any) -> Completion:
        """Ask; a note of the report on ``field`` that takes something away is a shortfall."""
        completion = await self.ask(messages, script, **options)
        lost = [
            note
            for note in completion.report.notes
            if note.field.startswith(field) and note.action in ("dropped", "relaxed", "clamped")
        ]
        if lost:
            raise Shortfall(lost[0].reason, partly=lost[0].action != "dropped")
        return completion

    def needs(self, condition: object, reason: str) -> None:
        """A shortfall unless the condition holds."""
        if not condition:
            raise Shortfall(reason)


def results_of(answer: Completion, text: str = "18 degrees") -> list[Message]:
    """The turns that follow an answer with calls: the answer, and a result for each call."""
    results = [ToolResult(tool_call_id=call.id, content=text) for call in answer.tool_calls]
    return [answer.message, Message.tool(results)]

"""A scripted answer in neutral words, to be rendered by a dialect into any provider's bytes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from modelyard.types.finish import FinishReason

__all__ = ["Call", "Failure", "FailureKind", "Script", "ScriptedUsage", "Step", "Text", "Think"]

FailureKind: TypeAlias = Literal[
    "authentication",
    "permission",
    "quota",
    "rate_limit",
    "overloaded",
    "server",
    "invalid_request",
    "context_window",
    "model_not_found",
]


@dataclass(frozen=True, slots=True)
class Text:
    """Text of the answer, in the pieces a stream sends."""

    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Think:
    """Reasoning the provider shows, in the pieces a stream sends."""

    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole reasoning."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; ``id`` left out, the dialect makes one in its provider's form."""

    name: str
    arguments: dict[str, Any]
    id: str | None = None
    cut_at: int | None = None
    """Number of characters of the arguments the model wrote before it was cut off."""

    @property
    def text(self) -> str:
        """The arguments as JSON text."""
        return json.dumps(self.arguments, ensure_ascii=False, separators=(",", ":"))[: self.cut_at]

    @property
    def pieces(self) -> tuple[str, ...]:
        """The text in the fragments a stream sends, where a provider sends fragments."""
        text = self.text
        return tuple(text[at : at + 5] for at in range(0, len(text), 5))


Step: TypeAlias = Text | Think | Call


@dataclass(frozen=True, slots=True)
class ScriptedUsage:
    """Token counts under Modelyard's definition; the dialect turns them into its provider's."""

    input: int = 10
    output: int = 5
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure: an error response, or an error inside a stream when it follows output.

    ``retry_after`` is in seconds. ``status`` replaces the provider's usual status for the kind.
    """

    kind: FailureKind
    message: str = "This failure is scripted."
    retry_after: float | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """An answer to one request.

    Each method returns a longer script, so that they chain::

        Script().think("Hm.").say("It is sunny.").call("get_weather", city="Paris")
    """

    steps: tuple[Step, ...] = ()
    usage: ScriptedUsage = field(default_factory=ScriptedUsage)
    finish_reason: FinishReason | None = None
    failure: Failure | None = None

    def say(self, text: str, *pieces: str) -> Script:
        """Answer with text, cut into words; or, with several arguments, in just these pieces."""
        return self._add(Text((text, *pieces) if pieces else _words(text)))

    def think(self, text: str, *pieces: str) -> Script:
        """Show reasoning, cut like text."""
        return self._add(Think((text, *pieces) if pieces else _words(text)))

    def call(self, name: str, /, **arguments: Any) -> Script:
        """Call a tool."""
        return self._add(Call(name, arguments))

    def call_with_id(self, call_id: str, name: str, /, **arguments: Any) -> Script:
        """Call a tool under a given id."""
        return self._add(Call(name, arguments, call_id))

    def using(self, *, input: int = 10, output: int = 5, cached: int = 0, reasoning: int = 0) -> Script:
        """Report this usage."""
        return replace(self, usage=ScriptedUsage(input, output, cached, reasoning))

    def finish(self, reason: FinishReason) -> Script:
        """End for a reason other than the natural one."""
        return replace(self, finish_reason=reason)

    def fail(
        self,
        kind: FailureKind,
        message: str = "This failure is scripted.",
        *,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> Script:
        """Fail: at once when nothing has been said, else in the middle of the stream."""
        return replace(self, failure=Failure(kind, message, retry_after, status))

    @property
    def ends(self) -> FinishReason:
        """Finish reason of the answer: as told, else a tool call if there is one."""
        if self.finish_reason is not None:
            return self.finish_reason
        return "tool_calls" if any(isinstance(step, Call) for step in self.steps) else "stop"

    def _add(self, step: Step) -> Script:
        return replace(self, steps=(*self.steps, step))


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\s*\S+\s*$|\s*\S+", text)) or (text,)

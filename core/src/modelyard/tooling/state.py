"""A run that stopped before its end, as data: it can be stored, and gone on with in another process."""

from __future__ import annotations

import json
from typing import Literal, Self

from pydantic import Field, ValidationError

from modelyard.catalog.pricing import Cost
from modelyard.jsonio import parse_json
from modelyard.tooling.errors import RunStateError
from modelyard.tooling.limits import RunLimits
from modelyard.types.base import Frozen, JsonObject
from modelyard.types.completion import Completion
from modelyard.types.content import ToolCall, ToolResult
from modelyard.types.messages import Message
from modelyard.types.tools import Tool
from modelyard.types.usage import Usage

__all__ = ["RunState"]

VERSION = 1


class RunState(Frozen):
    """Everything ``Runtime.resume`` needs to go on: an immutable picture, without credentials and functions.

    It holds the conversation, so store it as you store conversations. ``pending`` are the calls that wait for the
    host. ``omitted`` names options of the run that could not be stored, such as ``credential``: ``resume`` wants
    them again. What the caller put into ``provider_options`` and ``metadata`` is stored as it is.
    """

    version: Literal[1] = 1
    id: str
    """The same for all states of one run."""
    model: str | tuple[str, ...] | None
    messages: tuple[Message, ...]
    """The conversation: what the caller gave, then what the run added."""
    given: int
    """How many of ``messages`` the caller gave."""
    calls: tuple[ToolCall, ...] = ()
    """The calls of the last turn, while not all of them are answered in ``messages``."""
    results: tuple[ToolResult, ...] = ()
    """Results for ``calls`` that are there already."""
    awaiting: tuple[str, ...] = ()
    """Ids of the calls the host is to answer."""
    started: tuple[str, ...] = ()
    """Ids of calls whose tool was begun and has not answered: it may or may not have had its effect."""
    tools: tuple[Tool, ...] = ()
    options: JsonObject = Field(default_factory=dict)
    omitted: tuple[str, ...] = ()
    limits: RunLimits = Field(default_factory=RunLimits)
    usage: Usage | None = None
    cost: Cost | None = None
    cost_unknown_because: str | None = None
    turns: int = 0
    tool_calls: int = 0
    completion: Completion | None = None
    """The last answer of the model."""

    @property
    def pending(self) -> tuple[ToolCall, ...]:
        """The calls the host is to answer, in the order the model made them."""
        return tuple(call for call in self.calls if call.id in self.awaiting)

    def to_json(self) -> str:
        """Write the state as JSON text."""
        try:
            return self.model_dump_json()
        except ValueError:  # half of a surrogate pair, which a model may write and UTF-8 cannot carry
            return json.dumps(self.model_dump(mode="json"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what ``to_json`` wrote; raises ``RunStateError`` for anything else."""
        try:
            data = parse_json(text)
        except ValueError:
            raise RunStateError("The stored state of a run is no JSON.") from None
        version = data.get("version") if isinstance(data, dict) else None
        if version != VERSION:
            raise RunStateError(
                f"The stored state of a run has version {version!r}; this Modelyard reads version {VERSION}."
            )
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise RunStateError(f"The stored state of a run is damaged: {place}: {first['msg']}.") from None

"""A run that stopped before its end, as data: it can be stored, and gone on with in another process."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import Field, ValidationError

from modelyard.jsonio import parse_stored
from modelyard.runs.limits import RunLimits
from modelyard.runs.signing import Signer
from modelyard.runs.state_check import check_state
from modelyard.tools.errors import RunStateError
from modelyard.types.base import Frozen, JsonObject
from modelyard.types.completion import Completion
from modelyard.types.content import ToolCall, ToolResult
from modelyard.types.cost import Cost
from modelyard.types.messages import Message
from modelyard.types.tools import Tool
from modelyard.types.usage import Usage

__all__ = ["RunState"]

VERSION = 1
_SIGNATURE = "signature"
_MOST_DEEP = 256
"""pydantic writes 255 levels of data, and no more."""
_MOST = 2**53
"""The largest whole number that every reader of JSON keeps exact (RFC 8259, 6)."""


class RunState(Frozen):
    """Everything ``Runtime.resume`` needs to go on: an immutable picture, without credentials and functions.

    It holds the conversation, so store it as you store conversations. ``pending`` are the calls that wait for the
    host. ``omitted`` names options of the run that could not be stored, such as ``credential``: ``resume`` wants
    them again. ``provider_options`` are omitted when they hold a text under a secret's name, such as
    ``authorization``; otherwise they are stored as they are, and so is ``metadata``.
    """

    version: Literal[1] = 1
    id: str = Field(min_length=1)
    """The same for all states of one run."""
    model: str | tuple[str, ...] | None
    messages: tuple[Message, ...]
    """The conversation: what the caller gave, then what the run added."""
    given: int = Field(ge=0)
    """Number of ``messages`` that the caller gave."""
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
    turns: int = Field(default=0, ge=0)
    tool_calls: int = Field(default=0, ge=0, le=_MOST)
    completion: Completion | None = None
    """The last answer of the model."""

    @property
    def pending(self) -> tuple[ToolCall, ...]:
        """The calls the host is to answer, in the order the model made them."""
        return tuple(call for call in self.calls if call.id in self.awaiting)

    def to_json(self, key: bytes | None = None) -> str:
        """Write the state as JSON text, signed with HMAC-SHA256 where a key is given.

        Raises ``ConfigurationError`` for a key that is no bytes or has fewer than 16 of them, ``RunStateError``
        for a conversation in which something is nested too deeply for JSON.
        """
        signer, key = Signer(key), None
        signer.check()
        text = self._text()
        if not signer.wanted:
            return text
        return f'{text[:-1]},"{_SIGNATURE}":"{signer.sign(parse_stored(text))}"}}'

    def _text(self) -> str:
        try:
            return self.model_dump_json()
        except ValueError:  # half of a surrogate pair, which a model may write and UTF-8 cannot carry
            pass
        try:
            return json.dumps(self.model_dump(mode="json"))
        except (ValueError, RecursionError):
            raise RunStateError("The state of a run cannot be written: it is nested too deeply.") from None

    @classmethod
    def from_json(cls, text: str | bytes, key: bytes | None = None) -> Self:
        """Read what ``to_json`` wrote; raises ``RunStateError`` for anything else.

        That is text which is no state, a state that contradicts itself, and, with a key, one that was not signed
        with it or was changed since. Without a key, a signed state is refused too: leaving the key out must not
        switch the check off.
        """
        signer, key = Signer(key), None
        signer.check()
        data = _parse(text)
        _check_signature(data, data.pop(_SIGNATURE, None), signer)
        version = data.get("version")
        if version != VERSION:
            raise RunStateError(
                f"The stored state of a run has version {version!r:.20}; this Modelyard reads version {VERSION}."
            )
        try:
            state = cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise RunStateError(f"The stored state of a run is damaged: {place:.200}: {first['msg']}.") from None
        except (TypeError, RecursionError) as error:
            raise RunStateError(f"The stored state of a run is damaged ({type(error).__name__}).") from None
        check_state(state)
        return state


def _parse(text: object) -> JsonObject:
    if not isinstance(text, (str, bytes, bytearray)):
        raise RunStateError(f"The stored state of a run must be JSON text, not {type(text).__name__}.")
    try:
        data = parse_stored(bytes(text) if isinstance(text, bytearray) else text)
    except ValueError:
        raise RunStateError("The stored state of a run is no JSON.") from None
    if _is_deep(data):
        raise RunStateError("The stored state of a run is nested too deeply.")
    return data if isinstance(data, dict) else {}


def _is_deep(data: Any) -> bool:
    level = [data]
    for _ in range(_MOST_DEEP):
        if not level:
            return False
        level = [inner for value in level if isinstance(value, (dict, list)) for inner in _inside(value)]
    return bool(level)


def _inside(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _check_signature(data: JsonObject, signature: object, signer: Signer) -> None:
    if not signer.wanted:
        if signature is not None:
            raise RunStateError("The stored state of a run is signed.", hint="Read it with its key.")
        return
    try:
        fits = signer.is_signed(data, signature)
    except RecursionError:
        fits = False
    if not fits:
        what = "is not signed" if signature is None else "was changed, or signed with another key"
        raise RunStateError(f"The stored state of a run {what}.", hint="Do not go on with it.")

"""Quirks of servers of the Chat Completions wire: the messages they take, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ChatQuirks"]


@dataclass(frozen=True, slots=True)
class ChatQuirks:
    """Quirks of one server in its messages. The defaults are what every server takes."""

    title: str
    """The server's name in notes and errors."""
    names: bool = False
    """True if messages carry the name of a speaker."""
    tool_names: bool = False
    """True if the message of a tool's result names the tool."""
    refusals: bool = False
    """True if a refusal has a field of its own; elsewhere it is text."""
    list_content: bool = True
    """True if content may be a list of parts; elsewhere it is text, and images and files are refused."""
    beside_calls: Literal["absent", "null", "empty"] = "absent"
    """Content of a message that holds calls and no text."""
    empty_turns: bool = False
    """True if a turn of the assistant's without text and calls is sent, as empty text."""
    reasoning_field: str | None = None
    """The field in which the text of reasoning goes back, such as ``reasoning_content``; dropped without one."""
    system_after: frozenset[str] | None = None
    """The roles a system message may follow, and then not be the last; elsewhere it is said as the user's.
    ``None`` where one may stand anywhere."""
    merged: frozenset[str] = frozenset()
    """Roles whose neighbouring messages become one, for servers that take one system message or want the turns
    to alternate."""
    prefill: Literal["sent", "prefix", "refused"] = "refused"
    """Treatment of an answer to be continued: sent as it is, marked with ``prefix``, or refused."""

"""Messages: a role and the parts it says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from pydantic import field_validator, model_validator

from modelyard.types.base import Frozen, JsonObject
from modelyard.types.content import Part, RefusalPart, TextPart, ToolCall, ToolResult

__all__ = ["Message", "Role"]

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]

_ALLOWED: dict[str, frozenset[str]] = {
    "system": frozenset({"text"}),
    "user": frozenset({"text", "image", "file", "tool_result"}),
    "assistant": frozenset({"text", "citation", "refusal", "reasoning", "tool_call", "opaque", "image", "file"}),
    "tool": frozenset({"tool_result"}),
}


class Message(Frozen):
    """One turn of a conversation; immutable, so it can be shared and sent again at no cost.

    ``content`` takes a string, one part, or a list of parts. A plain dict works wherever a message is
    expected, in this shape or in the one common to chat APIs (``tool_calls`` on an assistant message,
    ``tool_call_id`` on a tool message).
    """

    role: Role
    content: tuple[Part, ...]
    name: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _accept_chat_shape(cls, value: Any) -> Any:
        return _from_chat_shape(value) if isinstance(value, dict) else value

    @field_validator("content", mode="before")
    @classmethod
    def _wrap_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            return (TextPart(text=value),)
        if isinstance(value, Frozen) or (isinstance(value, dict) and "type" in value):
            return (value,)
        return value

    @model_validator(mode="after")
    def _parts_fit_role(self) -> Message:
        allowed = _ALLOWED[self.role]
        for index, part in enumerate(self.content):
            if part.type not in allowed:
                raise ValueError(f"a {self.role} message cannot hold a {part.type} part (content[{index}])")
        return self

    @classmethod
    def system(cls, content: str) -> Message:
        """Make an instruction to the model."""
        return cls(role="system", content=(TextPart(text=content),))

    @classmethod
    def user(cls, content: str | Part | Iterable[str | Part]) -> Message:
        """Make a turn of the user from text, one part, or a mix of both."""
        return cls(role="user", content=_parts(content))

    @classmethod
    def assistant(cls, content: str | Part | Iterable[str | Part]) -> Message:
        """Make a turn of the model from text, one part, or a mix of both."""
        return cls(role="assistant", content=_parts(content))

    @classmethod
    def tool(cls, results: ToolResult | Iterable[ToolResult]) -> Message:
        """Make the turn that answers tool calls, with one result for each call."""
        return cls(role="tool", content=_parts(results))

    @property
    def text(self) -> str:
        """The text parts, joined without a separator; reasoning and refusals left out."""
        return "".join(part.text for part in self.content if isinstance(part, TextPart))

    @property
    def refusal(self) -> str:
        """The refusal parts, joined; empty when the model did not refuse."""
        return "".join(part.text for part in self.content if isinstance(part, RefusalPart))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in the order the model made them."""
        return tuple(part for part in self.content if isinstance(part, ToolCall))


def _parts(content: str | Part | Iterable[Any]) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (TextPart(text=content),)
    items: Iterable[Any] = (content,) if isinstance(content, Frozen) else content
    return tuple(TextPart(text=item) if isinstance(item, str) else item for item in items)


def _from_chat_shape(value: JsonObject) -> JsonObject:
    """Rewrite the message shape common to chat APIs into ours; anything else passes unchanged."""
    role = value.get("role")
    if role == "developer":
        return {**value, "role": "system"}
    if role == "tool" and "tool_call_id" in value:
        fields = ("tool_call_id", "content", "name", "is_error")
        result: JsonObject = {key: value[key] for key in fields if key in value}
        rest = {key: item for key, item in value.items() if key not in result}
        return {**rest, "content": ({"type": "tool_result", **result},)}
    if role == "assistant" and "tool_calls" in value:
        rest = {key: item for key, item in value.items() if key != "tool_calls"}
        calls = tuple(_chat_call(call) for call in _listed(value["tool_calls"], "tool_calls"))
        return {**rest, "content": (*_chat_content(value.get("content")), *calls)}
    return value


def _chat_content(content: Any) -> tuple[Any, ...]:
    if content is None or content == "":
        return ()
    if isinstance(content, str):
        return (TextPart(text=content),)
    return tuple(_listed(content, "content"))


def _listed(value: Any, name: str) -> Iterable[Any]:
    """A list, or none; anything else is an error that validation names."""
    if value is None or isinstance(value, (list, tuple)):
        return value or ()
    raise ValueError(f"{name} must be a list")


def _chat_call(call: Any) -> Any:
    if not isinstance(call, dict) or not isinstance(call.get("function"), dict):
        return call
    function = call["function"]
    return {
        "type": "tool_call",
        "id": call.get("id"),
        "name": function.get("name"),
        "arguments": function.get("arguments"),
    }

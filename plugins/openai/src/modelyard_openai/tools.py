"""Declaring tools to the Responses API, where they are flat."""

from __future__ import annotations

from modelyard.types.base import JsonObject
from modelyard.types.request import Request
from modelyard.types.tools import Tool, ToolChoice

__all__ = ["tool_fields"]


def tool_fields(request: Request) -> JsonObject:
    """``tools``, ``tool_choice`` and ``parallel_tool_calls``; nothing at all without tools."""
    if not request.tools:
        return {}
    fields: JsonObject = {"tools": [_declare(tool) for tool in request.tools]}
    if request.tool_choice is not None:
        fields["tool_choice"] = _choice(request.tool_choice)
    if request.parallel_tool_calls is not None:
        fields["parallel_tool_calls"] = request.parallel_tool_calls
    return fields


def _declare(tool: Tool) -> JsonObject:
    # `strict` is always sent: the API requires the key, and its default has changed before.
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": bool(tool.strict),
    }


def _choice(choice: ToolChoice) -> str | JsonObject:
    return choice.mode if choice.name is None else {"type": "function", "name": choice.name}

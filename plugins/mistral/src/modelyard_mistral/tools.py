"""Declaring tools, and choosing among them."""

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
    function: JsonObject = {"name": tool.name, "parameters": tool.parameters}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice) -> str | JsonObject:
    if choice.name is not None:
        return {"type": "function", "function": {"name": choice.name}}
    # `any` is Mistral's own word; newer servers take `required` as well.
    return "any" if choice.mode == "required" else choice.mode

"""Declaring tools to Chat Completions, where they are nested."""

from __future__ import annotations

from modelyard.provider import JsonObject, ModelCard, Reporter, Request, Tool, ToolChoice
from modelyard_openai.caching import Breakpoints
from modelyard_openai.tools import choice_fields, parameters_of

__all__ = ["chat_tool_fields"]


def chat_tool_fields(request: Request, card: ModelCard, reporter: Reporter) -> JsonObject:
    """``tools``, ``tool_choice`` and ``parallel_tool_calls``; nothing at all without tools."""
    fields = choice_fields(request, reporter)
    if request.tools:
        fields["tools"] = [_declare(tool, card, reporter) for tool in request.tools]
    if request.tool_choice is not None and "tool_choice" in fields:
        fields["tool_choice"] = _choice(request.tool_choice)
    return fields


def _declare(tool: Tool, card: ModelCard, reporter: Reporter) -> JsonObject:
    Breakpoints(card, reporter).refuse(tool.cache, "a tool")
    parameters, strict = parameters_of(tool, card, reporter)
    function: JsonObject = {"name": tool.name, "description": tool.description, "parameters": parameters}
    if strict is not None:
        function["strict"] = strict
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice) -> str | JsonObject:
    if choice.name is None:
        return choice.mode
    return {"type": "function", "function": {"name": choice.name}}

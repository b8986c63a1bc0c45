"""Declaring tools, and the choice among them."""

from __future__ import annotations

from modelyard.catalog.card import ModelCard
from modelyard.types.base import JsonObject
from modelyard.types.reporter import Reporter
from modelyard.types.request import Request
from modelyard.types.tools import Tool, ToolChoice

__all__ = ["tool_fields"]


def tool_fields(request: Request, card: ModelCard, reporter: Reporter) -> JsonObject:
    """``tools`` and ``tool_choice``; nothing at all without tools, a choice among none being an error."""
    if not request.tools:
        return {}
    strict = card.capability("strict_tools").state != "unsupported"
    fields: JsonObject = {"tools": [_declare(tool, strict=strict) for tool in request.tools]}
    if not strict and any(tool.strict for tool in request.tools):
        reporter.drop("tools.strict", "the model does not hold arguments to a schema")
    choice = _choice(request, card, reporter)
    if choice is not None:
        fields["tool_choice"] = choice
    return fields


def _declare(tool: Tool, *, strict: bool) -> JsonObject:
    declared: JsonObject = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    # The type must be there, the API infers nothing.
    declared["input_schema"] = (
        tool.parameters if "type" in tool.parameters else {"type": "object", **tool.parameters}
    )
    if strict and tool.strict:
        declared["strict"] = True
    return declared


def _choice(request: Request, card: ModelCard, reporter: Reporter) -> JsonObject | None:
    """The choice; switching parallel calls off is part of it, so it may be needed for that alone."""
    one_at_a_time = request.parallel_tool_calls is False
    choice = request.tool_choice
    if choice is None:
        return {"type": "auto", "disable_parallel_tool_use": True} if one_at_a_time else None
    if choice.mode == "none":
        return {"type": "none"}
    if choice.mode == "required" and not _may_force(request, card):
        reason = (
            card.capability("forced_tool_choice").limits or "the model decides by itself whether to call a tool"
        )
        reporter.drop("tool_choice", reason)
        choice = ToolChoice(mode="auto")
    wire = _wire_choice(choice)
    return {**wire, "disable_parallel_tool_use": True} if one_at_a_time else wire


def _may_force(request: Request, card: ModelCard) -> bool:
    """Whether a call may be forced: on some models never, on others not while a thinking budget is set."""
    state = card.capability("forced_tool_choice").state
    if state != "partial":
        return state != "unsupported"
    thinking = request.options_for("claude").get("thinking")
    return not isinstance(thinking, dict) or thinking.get("type") != "enabled"


def _wire_choice(choice: ToolChoice) -> JsonObject:
    if choice.name is not None:
        return {"type": "tool", "name": choice.name}
    return {"type": "any" if choice.mode == "required" else "auto"}

"""Declaring tools, and the choice among them."""

from __future__ import annotations

import re

from modelyard.provider import (
    InvalidRequestError,
    JsonObject,
    ModelCard,
    Reporter,
    Request,
    Tool,
    ToolChoice,
    fit_or_loosen,
)
from modelyard_claude.caching import cache_control
from modelyard_claude.controls import thinking_type
from modelyard_claude.schema import fit_schema

__all__ = ["tool_fields"]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def tool_fields(request: Request, card: ModelCard, reporter: Reporter) -> JsonObject:
    """``tools`` and ``tool_choice``; nothing at all without tools, a choice among none being an error."""
    if not request.tools:
        return {}
    strict = card.capability("strict_tools").state != "unsupported"
    if not strict and any(tool.strict for tool in request.tools):
        reporter.drop("tools.strict", "the model does not hold arguments to a schema")
    fields: JsonObject = {"tools": [_declare(tool, reporter, strict=strict) for tool in request.tools]}
    choice = _choice(request, card, reporter)
    if choice is not None:
        fields["tool_choice"] = choice
    return fields


def _declare(tool: Tool, reporter: Reporter, *, strict: bool) -> JsonObject:
    if not _NAME.fullmatch(tool.name):
        raise InvalidRequestError(
            f"Claude takes no tool named {tool.name!r}.",
            hint="A name has up to 64 letters, digits, underscores and hyphens.",
        )
    declared: JsonObject = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    # The type must be there, the API infers nothing.
    schema = tool.parameters if "type" in tool.parameters else {"type": "object", **tool.parameters}
    if strict and tool.strict:
        schema, held = fit_or_loosen(fit_schema, schema, reporter, f"tools.{tool.name}.parameters")
        if held:
            declared["strict"] = True
    declared["input_schema"] = schema
    if tool.cache:
        declared["cache_control"] = cache_control(tool.cache, reporter)
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
    return thinking_type(request, card) != "enabled"


def _wire_choice(choice: ToolChoice) -> JsonObject:
    if choice.name is not None:
        return {"type": "tool", "name": choice.name}
    return {"type": "any" if choice.mode == "required" else "auto"}

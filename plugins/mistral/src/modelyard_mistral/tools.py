"""Declaring tools, and choosing among them."""

from __future__ import annotations

from modelyard.provider import JsonObject, ModelCard, Reporter, Request, Tool, ToolChoice
from modelyard_mistral.schema import fit_schema

__all__ = ["tool_fields"]


def tool_fields(request: Request, card: ModelCard, reporter: Reporter) -> JsonObject:
    """``tools``, ``tool_choice`` and ``parallel_tool_calls``; nothing at all without tools.

    A form of choice that the card's ``tool_choice`` does not list becomes the nearest one that it does.
    """
    if not request.tools:
        return {}
    if card.capability("tools").state == "unsupported":
        reporter.drop("tools", card.capability("tools").limits or "the model calls no tools")
        return {}
    fields: JsonObject = {"tools": [_declare(tool, card, reporter) for tool in request.tools]}
    if request.tool_choice is not None:
        fields["tool_choice"] = _choice(request.tool_choice, card, reporter)
    if request.parallel_tool_calls is not None:
        fields["parallel_tool_calls"] = request.parallel_tool_calls
    return fields


def _declare(tool: Tool, card: ModelCard, reporter: Reporter) -> JsonObject:
    function: JsonObject = {"name": tool.name, "parameters": tool.parameters}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        if card.capability("strict_tools").state != "unsupported":
            function["strict"] = tool.strict
            if tool.strict:
                function["parameters"], changes = fit_schema(tool.parameters)
                changes.report(reporter, f"tools.{tool.name}.parameters")
        elif tool.strict:
            reporter.relax(f"tools.{tool.name}.strict", "the model is not held to the schema of arguments")
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice, card: ModelCard, reporter: Reporter) -> str | JsonObject:
    forms = card.tool_choice or ("auto", "required", "none", "name")
    if choice.name is not None and "name" in forms:
        return {"type": "function", "function": {"name": choice.name}}
    mode = choice.mode if choice.mode in forms else "auto"
    if choice.name is not None or mode != choice.mode:
        reporter.relax("tool_choice", f"the model takes only {', '.join(forms)}; {mode!r} is sent")
    # `any` is Mistral's own word; newer servers take `required` as well.
    return "any" if mode == "required" else mode

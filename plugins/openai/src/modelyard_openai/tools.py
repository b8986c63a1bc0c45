"""Declaring tools to the Responses API, where they are flat."""

from __future__ import annotations

from modelyard.provider import JsonObject, ModelCard, Reporter, Request, Tool, ToolChoice, fit_or_loosen
from modelyard_openai.caching import Breakpoints
from modelyard_openai.schema import fit_schema

__all__ = ["choice_fields", "parameters_of", "tool_fields"]


def tool_fields(request: Request, card: ModelCard, reporter: Reporter) -> JsonObject:
    """``tools``, ``tool_choice`` and ``parallel_tool_calls``; nothing at all without tools."""
    fields = choice_fields(request, reporter)
    if request.tools:
        fields["tools"] = [_declare(tool, card, reporter) for tool in request.tools]
    if request.tool_choice is not None and "tool_choice" in fields:
        fields["tool_choice"] = _choice(request.tool_choice)
    return fields


def choice_fields(request: Request, reporter: Reporter) -> JsonObject:
    """Fields about tools beside the tools themselves, in neutral form; the API refuses them without any tools.

    Tools may also come as the caller's own wire fields.
    """
    fields: JsonObject = {}
    present = bool(request.tools) or bool(request.options_for("openai").get("tools"))
    for name in ("tool_choice", "parallel_tool_calls"):
        value = getattr(request, name)
        if value is None:
            continue
        if present:
            fields[name] = value
        else:
            reporter.note(name, "dropped", "the request has no tools")
    return fields


def parameters_of(tool: Tool, card: ModelCard, reporter: Reporter) -> tuple[JsonObject, bool | None]:
    """A tool's parameters and whether they are strict; a schema that cannot be strict is sent as it is."""
    if not tool.strict:
        return tool.parameters, tool.strict
    if card.capability("strict_tools").state == "unsupported":
        reporter.relax("tools", f"{tool.name}: the model has no strict tools")
        return tool.parameters, False
    return fit_or_loosen(fit_schema, tool.parameters, reporter, f"tools.{tool.name}.parameters")


def _declare(tool: Tool, card: ModelCard, reporter: Reporter) -> JsonObject:
    Breakpoints(card, reporter).refuse(tool.cache, "a tool")
    parameters, strict = parameters_of(tool, card, reporter)
    # `strict` is always sent: the API requires the key, and its default has changed before.
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": parameters,
        "strict": bool(strict),
    }


def _choice(choice: ToolChoice) -> str | JsonObject:
    return choice.mode if choice.name is None else {"type": "function", "name": choice.name}

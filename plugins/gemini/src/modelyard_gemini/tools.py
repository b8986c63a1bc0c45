"""Declaring tools, and the choice among them."""

from __future__ import annotations

from modelyard.provider import JsonObject, Reporter, Request, Tool
from modelyard_gemini.schema import fit_schema

__all__ = ["tool_fields"]

_MODES = {"auto": "AUTO", "required": "ANY", "none": "NONE"}


def tool_fields(request: Request, reporter: Reporter) -> JsonObject:
    """``tools`` and ``toolConfig``; nothing at all without tools."""
    if not request.tools:
        if request.tool_choice is not None:
            reporter.note("tool_choice", "dropped", "there are no tools to choose among")
        if request.parallel_tool_calls is not None:
            reporter.note("parallel_tool_calls", "dropped", "there are no tools to call")
        return {}
    fields: JsonObject = {
        "tools": [{"functionDeclarations": [_declare(tool, reporter) for tool in request.tools]}]
    }
    choice = _choice(request)
    if choice:
        fields["toolConfig"] = {"functionCallingConfig": choice}
    if request.parallel_tool_calls is False:
        reporter.drop("parallel_tool_calls", "Gemini has no switch against parallel calls")
    return fields


def _choice(request: Request) -> JsonObject:
    """How the model chooses; empty for Google's default.

    Gemini holds arguments to their schema in the modes ANY and VALIDATED, for all tools alike.
    """
    choice = request.tool_choice
    if choice is not None and choice.name is not None:
        return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
    mode = choice.mode if choice is not None else "auto"
    if mode == "auto" and any(tool.strict for tool in request.tools):
        return {"mode": "VALIDATED"}
    return {"mode": _MODES[mode]} if choice is not None else {}


def _declare(tool: Tool, reporter: Reporter) -> JsonObject:
    if tool.cache:
        reporter.drop(f"tools.{tool.name}.cache", "Gemini caches shared prefixes by itself and takes no markers")
    declaration: JsonObject = {"name": tool.name}
    if tool.description:
        declaration["description"] = tool.description
    schema, changes = fit_schema(tool.parameters)
    changes.report(reporter, f"tools.{tool.name}.parameters")
    if _takes_arguments(schema):
        declaration["parametersJsonSchema"] = schema
    return declaration


def _takes_arguments(schema: JsonObject) -> bool:
    """Whether a tool takes any arguments; Gemini refuses an object schema without properties."""
    keys = ("properties", "additionalProperties", "anyOf", "oneOf", "$ref")
    return any(schema.get(key) for key in keys)

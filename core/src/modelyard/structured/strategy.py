"""Strategies for an answer in a form: those that a model's card says it can, best first."""

from __future__ import annotations

import json
from typing import Any, Literal, TypeAlias

from modelyard.catalog.card import ModelCard
from modelyard.structured.target import OutputTarget
from modelyard.types.tools import Tool, ToolChoice

__all__ = ["Strategy", "answer_text", "options_for", "strategies_for"]

Strategy: TypeAlias = Literal["native", "json", "tool", "prompt"]
"""``native``: the provider holds the answer to the schema. ``json``: its JSON mode, the schema in words.
``tool``: the answer as the arguments of a tool that must be called. ``prompt``: in words alone."""


def strategies_for(card: ModelCard, target: OutputTarget, wanted: Strategy | None) -> tuple[Strategy, ...]:
    """The strategies to try in order; the one wanted, and no other, where the caller named one.

    A model no card lists is taken to have native structured output, as every current one has. Models that refuse
    forced tool calls are never asked for one.
    """
    if wanted is not None:
        return (wanted,)
    if target.schema is None:
        return ("native", "prompt") if card.capability("json_mode").state != "unsupported" else ("prompt",)
    found: list[Strategy] = []
    if card.capability("structured_output").state != "unsupported":
        found.append("native")
    if card.capability("json_mode"):
        found.append("json")
    if card.capability("tools") and card.capability("forced_tool_choice"):
        found.append("tool")
    return (*found, "prompt")


def options_for(strategy: Strategy, target: OutputTarget, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a call under a strategy; those given are not changed."""
    if strategy == "native":
        return {**options, "output": target.format}
    if strategy == "tool":
        return _with_tool(target, options)
    said = [options["system"]] if options.get("system") else []
    asked = {**options, "system": "\n\n".join([*said, instruction(target)])}
    return {**asked, "output": "json"} if strategy == "json" else asked


def instruction(target: OutputTarget) -> str:
    """The words that ask for the form."""
    wanted = target.format
    described = f" ({wanted.description})" if wanted.description else ""
    if target.schema is None:
        return f"Answer with JSON{described} and nothing else: no explanation, no code fence."
    schema = json.dumps(target.schema, ensure_ascii=False)
    return (
        f"Answer with one JSON object{described} and nothing else: no explanation, no code fence. "
        f"It must be valid by this JSON Schema:\n{schema}"
    )


def answer_text(completion: Any, target: OutputTarget) -> str:
    """The text that holds the answer: the arguments of the output tool if it was called, else the text."""
    for call in completion.tool_calls:
        if call.name == target.format.name:
            return str(call.arguments_text)
    return str(completion.text)


def _with_tool(target: OutputTarget, options: dict[str, Any]) -> dict[str, Any]:
    wanted = target.format
    tool = Tool(
        name=wanted.name,
        description=wanted.description or "Give the final answer.",
        parameters=target.schema or {"type": "object", "additionalProperties": True},
    )
    return {
        **options,
        "tools": [*(options.get("tools") or ()), tool],
        "tool_choice": ToolChoice(mode="required", name=tool.name),
    }

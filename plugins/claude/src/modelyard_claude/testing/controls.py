"""Refusals of the Messages API among the controls of a request, model by model; the rest is in ``checks``.

The tables say what Anthropic's documentation says of each model, apart from the cards the plugin itself reads.
"""

from __future__ import annotations

from typing import Any

from modelyard.provider import Definitions, JsonObject, find_cycle
from modelyard.testing import known_fields, require

__all__ = [
    "NAMED",
    "OLD",
    "SAMPLED",
    "check_choice",
    "check_held_schema",
    "check_limits",
    "check_markers",
    "check_output",
    "check_thinking",
]

OLD = ("claude-haiku-4-5", "claude-opus-4-5", "claude-sonnet-4-5")
SAMPLED = (*OLD, "claude-opus-4-6", "claude-sonnet-4-6")
# Models whose rules are known; of any other, nothing is refused that some model takes.
NAMED = ("claude-fable-5", "claude-mythos-5", "claude-opus-", "claude-sonnet-", "claude-haiku-")
_ALWAYS = (
    "claude-fable-5",
    "claude-mythos-5",
    "claude-opus-5-5",
)
_NO_FORCED_CHOICE = (
    "claude-fable-5-1",
    "claude-fable-5-2",
    "claude-mythos-5-1",
    "claude-mythos-5-2",
    "claude-opus-5-5",
    "claude-sonnet-5-5",
)
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_FORMATS = frozenset("date-time time date duration email hostname uri ipv4 ipv6 uuid".split())
_SCHEMA_WORDS = frozenset(
    "$defs $ref type format title description default enum const items minItems anyOf allOf "
    "properties additionalProperties required".split()
)
_THINKING = ("thinking", "redacted_thinking")


def check_limits(body: JsonObject, *, beta: str) -> None:
    """The output limit: there, and no larger than the model's own."""
    limit = body.get("max_tokens")
    require(isinstance(limit, int) and limit >= 0, "max_tokens: Field required")
    assert isinstance(limit, int)
    known = body["model"].startswith(NAMED)
    most = 64_000 if body["model"].startswith(OLD) else 128_000
    fits = not known or limit <= most or "output-300k" in beta
    require(fits, f"max_tokens: {limit} > {most}, which is the maximum allowed number of output tokens")


def check_thinking(body: JsonObject) -> None:
    """Thinking and effort in the forms the model takes."""
    effort = (body.get("output_config") or {}).get("effort")
    require(effort in (None, *_EFFORTS), f"output_config.effort: {effort!r}")
    model: str = body["model"]
    require(effort is None or not model.startswith(("claude-haiku-4-5", "claude-sonnet-4-5")), "effort: no")
    thinking = body.get("thinking")
    if thinking is None:
        return
    kind = thinking.get("type")
    known_fields(thinking, {"type", "display", "budget_tokens"}, "thinking.")
    require(kind in _thinking_types(model), f'"thinking.type.{kind}" is not supported for this model.')
    require("display" not in thinking or kind in ("adaptive", "enabled"), "thinking.display: not permitted here")
    if kind == "disabled":
        require(effort not in ("xhigh", "max"), f"thinking cannot be disabled at effort {effort}")
    if kind == "enabled":
        budget = thinking.get("budget_tokens", 0)
        require(budget >= 1024, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        require(
            body.get("max_tokens", budget + 1) > budget,
            "`max_tokens` must be greater than `thinking.budget_tokens`",
        )


def _thinking_types(model: str) -> tuple[str, ...]:
    if model.startswith(OLD):
        return ("enabled", "disabled")
    if model.startswith(SAMPLED):
        return ("adaptive", "enabled", "disabled")
    if model.startswith(_ALWAYS):
        return ("adaptive",)
    return ("adaptive", "between_tools") if model.startswith("claude-sonnet-5-5") else ("adaptive", "disabled")


def check_output(body: JsonObject, blocks: list[JsonObject]) -> None:
    """A schema within the subset, and nothing beside it that it cannot stand beside."""
    wanted = (body.get("output_config") or {}).get("format")
    if wanted is None:
        return
    require(wanted.get("type") == "json_schema", "output_config.format.type: Input should be 'json_schema'")
    check_held_schema(wanted.get("schema"), "output_config.format.schema")
    cited = any((block.get("citations") or {}).get("enabled") for block in blocks if block["type"] == "document")
    require(not cited, "Citations cannot be used with structured outputs.")
    require(body["messages"][-1]["role"] != "assistant", "Prefilling is not supported with structured outputs.")


def check_held_schema(schema: Any, where: str) -> None:
    """Refuse a schema that answers or strict tools cannot be held to: one outside the subset, or that recurs."""
    check_schema(schema, where)
    cycle = find_cycle(schema, Definitions(schema), required_only=False)
    require(cycle is None, f"{where}: Recursive schemas are not supported, {cycle} refers to what it is part of")


def check_schema(node: Any, where: str) -> None:
    """Refuse what is not in the subset of JSON Schema that answers and strict tools are held to."""
    require(isinstance(node, dict), f"{where}: Input should be a valid dictionary")
    for word in node:
        require(
            word in _SCHEMA_WORDS, f"{where}: For '{node.get('type')}' type, property '{word}' is not supported"
        )
    require(node.get("format", "uuid") in _FORMATS, f"{where}.format: {node.get('format')!r} is not supported")
    require(node.get("minItems", 0) in (0, 1), f"{where}.minItems: only 0 and 1 are supported")
    if node.get("type") == "object":
        closed = node.get("additionalProperties") is False
        require(closed, f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    for name in ("properties", "$defs"):
        for key, child in node.get(name, {}).items():
            check_schema(child, f"{where}.{name}.{key}")
    for name in ("anyOf", "allOf"):
        for child in node.get(name, ()):
            check_schema(child, f"{where}.{name}")
    if "items" in node:
        check_schema(node["items"], f"{where}.items")


def check_choice(choice: JsonObject, body: JsonObject) -> None:
    """A choice among the tools in a form the model takes."""
    kind: str = choice.get("type", "")
    require(kind in ("auto", "any", "tool", "none"), "tool_choice: invalid type")
    more = {"auto": {"disable_parallel_tool_use"}, "any": {"disable_parallel_tool_use"}, "none": set()}
    known_fields(choice, {"type"} | more.get(kind, {"name", "disable_parallel_tool_use"}), "tool_choice.")
    if kind not in ("any", "tool"):
        return
    require(not body["model"].startswith(_NO_FORCED_CHOICE), "tool_choice forces tool use: not supported")
    thinking = (body.get("thinking") or {}).get("type")
    require(thinking != "enabled", "Thinking may not be enabled when tool_choice forces tool use.")
    names = [tool["name"] for tool in body["tools"]]
    require(kind == "any" or choice.get("name") in names, f"Tool '{choice.get('name')}' not found.")


def check_markers(body: JsonObject, blocks: list[JsonObject]) -> None:
    """Cache markers: four at most, on blocks that can be cached, longer lifetimes first."""
    system = body.get("system")
    holders = [*(body.get("tools") or ()), *(system if isinstance(system, list) else ()), *blocks]
    marked = [holder for holder in holders if holder.get("cache_control")]
    found = len(marked) + bool(body.get("cache_control"))
    require(found <= 4, f"A maximum of 4 blocks with cache_control may be provided. Found {found}.")
    short = False
    for holder in marked:
        lifetime = holder["cache_control"].get("ttl", "5m")
        require(lifetime in ("5m", "1h"), f"cache_control.ttl: {lifetime!r}")
        require(holder.get("type") not in _THINKING, "cache_control cannot be set for thinking blocks")
        require(holder.get("text") != "", "cache_control cannot be set for empty text blocks")
        require(lifetime == "5m" or not short, "a ttl='1h' cache_control block must not come after a ttl='5m' one")
        short = short or lifetime == "5m"

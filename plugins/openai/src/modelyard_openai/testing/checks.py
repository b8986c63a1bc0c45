"""Refusals of the Responses API, and the rules both APIs share: strict schemas, efforts, sampling, cache marks.

A model's own rules are read from its card; a model no card lists is taken for one that takes everything.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

from modelyard.provider import JsonObject, ModelCard, load_cards
from modelyard.testing import known_fields, require, tool_names

__all__ = [
    "cards",
    "check_breakpoints",
    "check_common",
    "check_count",
    "check_effort",
    "check_responses",
    "check_stream_options",
    "check_strict",
    "model_card",
    "reasons",
]

_FIELDS = frozenset(
    "model input instructions store include reasoning text tools tool_choice parallel_tool_calls "
    "max_output_tokens max_tool_calls temperature top_p top_logprobs truncation metadata service_tier "
    "safety_identifier prompt_cache_key prompt_cache_options stream stream_options background background_options "
    "previous_response_id conversation context_management prompt user moderation access_programs".split()
)
_COUNTED = frozenset(
    "model input instructions tools tool_choice parallel_tool_calls reasoning text truncation "
    "previous_response_id conversation personality".split()
)
_MARK = "prompt_cache_breakpoint"
_CONTENT = {
    "input_text": frozenset({"type", "text", _MARK}),
    "input_image": frozenset({"type", "image_url", "file_id", "detail", _MARK}),
    "input_file": frozenset({"type", "file_id", "file_url", "file_data", "filename", "detail", _MARK}),
    "output_text": frozenset({"type", "text", "annotations", "logprobs"}),
    "refusal": frozenset({"type", "refusal"}),
}
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
_STRICT = frozenset(
    "$defs definitions $ref type title description enum const anyOf items properties additionalProperties "
    "required pattern format multipleOf minimum maximum exclusiveMinimum exclusiveMaximum minItems "
    "maxItems".split()
)


@functools.cache
def cards() -> dict[str, ModelCard]:
    """The cards of the plugin, by every name of their models."""
    shipped = load_cards("modelyard_openai", "openai")
    return {card.id: card for card in shipped}


def model_card(body: JsonObject) -> ModelCard:
    """The card of the model a request asks for."""
    return cards().get(body["model"]) or ModelCard.unknown("openai", body["model"])


def reasons(card: ModelCard, effort: Any) -> bool:
    """Return whether a model reasons at an effort, ``None`` for its default."""
    return card.capability("reasoning").state == "supported" and (effort or card.reasoning.default) != "none"


def check_responses(body: JsonObject) -> None:
    """Reject what ``POST /responses`` refuses."""
    known_fields(body, _FIELDS)
    card = model_card(body)
    served = not card.apis or "responses" in card.apis
    require(served, "This model is not supported in v1/responses.", status=404)
    _check_input_and_tools(body, card)
    check_common(body, card, (body.get("reasoning") or {}).get("effort"))
    limit = body.get("max_output_tokens")
    require(limit is None or limit >= 16, "Invalid 'max_output_tokens': integer below minimum value 16.")
    check_stream_options(body, {"include_obfuscation"})


def check_count(body: JsonObject) -> None:
    """Reject what ``POST /responses/input_tokens`` refuses."""
    known_fields(body, _COUNTED)
    _check_input_and_tools(body, model_card(body))


def check_common(body: JsonObject, card: ModelCard, effort: Any) -> None:
    """Reject values both APIs refuse: sampling while a model reasons, and what is too long."""
    if card.capability("sampling").state != "unknown" and (
        not card.capability("sampling")
        or (card.capability("sampling").state == "partial" and reasons(card, effort))
    ):
        for field in "temperature top_p logprobs top_logprobs frequency_penalty presence_penalty seed".split():
            require(field not in body, f"Unsupported parameter: '{field}' is not supported with this model.")
    for field, least, most in (("temperature", 0, 2), ("top_p", 0, 1), ("top_logprobs", 0, 20)):
        value = body.get(field)
        require(value is None or least <= value <= most, f"Invalid '{field}': {value} is out of range.")
    tier = body.get("service_tier")
    require(tier is None or tier in _TIERS, f"Invalid value: {tier!r} for 'service_tier'.")
    metadata = body.get("metadata") or {}
    require(len(metadata) <= 16, "Invalid 'metadata': too many properties.")
    for key, value in metadata.items():
        require(len(key) <= 64 and len(value) <= 512, f"Invalid 'metadata.{key[:64]}': string too long.")
    require(len(body.get("safety_identifier") or "") <= 128, "Invalid 'safety_identifier': string too long.")


def check_effort(card: ModelCard, effort: Any, field: str) -> None:
    """Reject a reasoning effort the model does not have."""
    if effort is None:
        return
    supported = card.capability("reasoning").state != "unsupported"
    require(supported, f"Unsupported parameter: '{field}' is not supported with this model.")
    taken = card.reasoning.efforts
    message = f"Unsupported value: {effort!r} is not supported with the '{card.id}' model."
    require(not taken or effort in taken, f"{message} Supported values are: {', '.join(taken)}.")


def check_stream_options(body: JsonObject, known: set[str]) -> None:
    """Reject options of a stream without one."""
    if "stream_options" in body:
        require(body.get("stream"), "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
        known_fields(body["stream_options"], known, "stream_options.")


def check_breakpoints(parts: Iterable[JsonObject], card: ModelCard) -> None:
    """Reject cache marks of a wrong form, and any for a model without them."""
    for part in parts:
        mark = part.get(_MARK)
        if mark is None:
            continue
        taken = not card.known or bool(card.rules.get("cache_breakpoints"))
        require(taken, f"Unsupported parameter: '{_MARK}' is not supported with this model.")
        known_fields(mark, {"mode", "ttl"}, f"{_MARK}.")
        right = mark.get("mode") == "explicit" and mark.get("ttl", "30m") in ("30m", "12h")
        require(right, f"Invalid '{_MARK}'.")


def check_strict(schema: Any, where: str) -> None:
    """Reject a schema that breaks the rules of strict mode; ``where`` names it in the message."""
    require(isinstance(schema, dict), f"Invalid schema for {where}: schema must be an object.")
    require(schema.get("type") == "object", f"Invalid schema for {where}: schema must be of 'type: \"object\"'.")
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop()
        require(isinstance(node, dict), f"Invalid schema for {where}: a schema must be an object.")
        for key in node:
            require(key in _STRICT, f"Invalid schema for {where}: '{key}' is not permitted.")
        require("$ref" not in node or len(node) == 1, f"Invalid schema for {where}: $ref cannot have keywords.")
        looks = re.search(r"\(\?<?[=!]", str(node.get("pattern", "")))
        require(not looks, "Invalid JSON schema: regex lookaround is not supported.")
        shaped = node.keys() & {"type", "$ref", "anyOf", "enum", "const"}
        require(shaped, f"Invalid schema for {where}: schema must have a 'type' key.")
        kinds = node.get("type")
        if kinds == "object" or (isinstance(kinds, list) and "object" in kinds):
            closed = node.get("additionalProperties") is False
            require(closed, f"Invalid schema for {where}: 'additionalProperties' is required to be false.")
            whole = sorted(node.get("required", ())) == sorted(node.get("properties", {}))
            require(whole, f"Invalid schema for {where}: 'required' must include every key in properties.")
        pending += [*node.get("anyOf", ()), *([node["items"]] if "items" in node else ())]
        for key in ("properties", "$defs", "definitions"):
            pending += node.get(key, {}).values()


def _check_input_and_tools(body: JsonObject, card: ModelCard) -> None:
    _Input(card).check(body.get("input"))
    tools = body.get("tools")
    if tools is None:
        for field in ("tool_choice", "parallel_tool_calls"):
            require(field not in body, f"'{field}' is only allowed when 'tools' are specified.")
    else:
        _check_tools(tools, body.get("tool_choice"))
    reasoning = body.get("reasoning") or {}
    known_fields(reasoning, {"effort", "summary", "context", "mode"}, "reasoning.")
    check_effort(card, reasoning.get("effort"), "reasoning.effort")
    summary, summaries = reasoning.get("summary"), card.rules.get("summaries")
    fits = summary is None or summaries is None or summary in summaries
    require(fits, f"Unsupported value: {summary!r} is not supported with the '{card.id}' model.")
    _check_text(body, card)


def _check_text(body: JsonObject, card: ModelCard) -> None:
    text = body.get("text") or {}
    known_fields(text, {"format", "verbosity"}, "text.")
    verbosities = card.rules.get("verbosities", ("low", "medium", "high"))
    verbosity = text.get("verbosity")
    fits = verbosity is None or verbosity in verbosities
    require(fits, f"Unsupported value: {verbosity!r} is not supported with the '{card.id}' model.")
    form = text.get("format") or {"type": "text"}
    if form["type"] == "json_schema":
        known_fields(form, {"type", "name", "schema", "strict", "description"}, "text.format.")
        kind = form.get("schema", {}).get("type")
        require(kind == "object", "Invalid schema for response_format: schema must be of 'type: \"object\"'.")
        if form.get("strict"):
            check_strict(form["schema"], f"response_format '{form['name']}'")
    elif form["type"] == "json_object":
        told = "json" in str(body["input"]).lower()
        require(told, "Response input messages must contain the word 'json' in some form to use 'json_object'.")
    else:
        require(form["type"] == "text", f"Invalid value: {form['type']!r} for 'text.format.type'.")


def _check_tools(tools: Any, choice: Any) -> None:
    require(isinstance(tools, list) and tools, "'tools' must be a list with at least one tool.")
    functions = [tool for tool in tools if tool.get("type") == "function"]
    for tool in functions:
        require("function" not in tool, "Unknown parameter: 'tools[0].function'.")
        for key in ("parameters", "strict"):
            require(key in tool, f"Missing required parameter: 'tools[0].{key}'.")
        if tool["strict"]:
            check_strict(tool["parameters"], f"function '{tool.get('name')}'")
    names = [tool.get("name", "") for tool in functions]
    tool_names(names)
    if not isinstance(choice, dict):
        require(choice in (None, "auto", "required", "none"), "Invalid 'tool_choice'.")
    elif choice.get("type") == "allowed_tools":
        allowed = [tool.get("name") for tool in choice.get("tools", ())]
        require(allowed and set(allowed) <= set(names), "Invalid 'tool_choice': unknown tools.")
    elif choice.get("type") == "function":
        require(choice.get("name") in names, "Invalid 'tool_choice'.")


class _Input:
    """Walks the items of an input: calls and outputs must pair, reasoning must lead to something."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._calls: dict[str, str] = {}
        self._answered: set[str] = set()
        self._ids: set[str] = set()

    def check(self, items: Any) -> None:
        """Reject an input the API refuses."""
        require(isinstance(items, (list, str)) and items, "Missing required parameter: 'input'.")
        if isinstance(items, str):
            return
        for item in items:
            self._check_item(item)
        for call_id in self._calls:
            require(call_id in self._answered, f"No tool output found for function call {call_id}.")
        _check_pairs(items)

    def _check_item(self, item: JsonObject) -> None:
        kind = item.get("type", "message")
        if "id" in item:
            require(item["id"] not in self._ids, f"Duplicate item found with id {item['id']}.")
            self._ids.add(item["id"])
        if kind == "message":
            self._check_message(item)
        elif kind in _CALLS:
            text, call_id = item.get(_CALLS[kind]), item.get("call_id", "")
            require(isinstance(text, str), f"Invalid '{_CALLS[kind]}': expected a string.")
            require(0 < len(call_id) <= 64, "Invalid 'input.call_id': string too long. Maximum length 64.")
            require(call_id not in self._calls, f"Duplicate function call id {call_id}.")
            self._calls[call_id] = kind
        elif kind.removesuffix("_output") in _CALLS:
            call_id, made = item.get("call_id"), self._calls.get(item.get("call_id", ""))
            require(
                f"{made}_output" == kind, f"No tool call found for function call output with call_id {call_id}."
            )
            self._answered.add(call_id or "")
            output = item.get("output")
            self._check_content(output if isinstance(output, list) else (), "user")
        elif kind == "reasoning":
            require(item.get("id") and "summary" in item, "Invalid reasoning item.")
            require(
                item.get("encrypted_content"),
                f"Item with id '{item['id']}' not found. Items are not persisted when `store` is set to false.",
                status=404,
            )

    def _check_message(self, item: JsonObject) -> None:
        role, content = item.get("role"), item.get("content")
        known_fields(item, {"type", "role", "content", "id", "status", "phase"}, "input.")
        require(role in ("user", "assistant", "system", "developer"), f"Invalid value: {role!r} for 'role'.")
        if isinstance(content, str):
            return
        require(isinstance(content, list) and content, "Invalid 'content': expected text or a list of parts.")
        self._check_content(content or (), role)

    def _check_content(self, content: Iterable[JsonObject], role: Any) -> None:
        for part in content:
            kind = part.get("type")
            require(kind in _CONTENT, f"Invalid value: {kind!r} for a content part.")
            ours = kind in ("output_text", "refusal")
            require(ours == (role == "assistant"), f"Invalid value: {kind!r} in a message of role {role!r}.")
            known_fields(part, _CONTENT[kind or ""], "input.content.")
            if kind in ("input_image", "input_file"):
                sources = part.keys() & {"image_url", "file_id", "file_url", "file_data"}
                require(len(sources) == 1, f"Invalid {kind}: exactly one source is needed.")
        check_breakpoints(content, self._card)


def _check_pairs(items: list[Any]) -> None:
    for item, following in zip(items, [*items[1:], {}], strict=True):
        if item.get("type") == "reasoning":
            kind = following.get("type", "message")
            outside = following.get("role", "assistant") != "assistant" or kind.endswith("_output")
            require(
                following and not outside,
                f"Item '{item['id']}' of type 'reasoning' was provided without its required following item.",
            )

"""Refusals of Mistral among the controls of a request, for some model by model; the rest is in ``checks``.

The tables say what documentation and price lists say of each model, apart from the cards the plugin reads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, get_args

from modelyard.provider import Effort, JsonObject
from modelyard.testing import Rejection, require, tool_names

__all__ = ["check_controls", "check_senses", "known_to", "valid"]

_FIELDS = frozenset(
    "model messages temperature top_p top_k max_tokens min_tokens stream stop random_seed metadata "
    "response_format tools tool_choice presence_penalty frequency_penalty repetition_penalty n logprobs "
    "top_logprobs prompt_logprobs top_prompt_logprobs prediction parallel_tool_calls reasoning_effort "
    "prompt_mode guardrails prompt_cache_key service_tier safe_prompt".split()
)
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 1.5),
    "top_p": (0, 1),
    "max_tokens": (0, 2**31),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "top_logprobs": (0, 20),
}
_TYPES: dict[str, type] = {
    "logprobs": bool,
    "parallel_tool_calls": bool,
    "random_seed": int,
    "top_k": int,
    "metadata": dict,
    "prompt_cache_key": str,
    "stream": bool,
    "safe_prompt": bool,
}
_WORDS: dict[str, tuple[str, ...]] = {
    "service_tier": ("auto", "standard_only"),
    "prompt_mode": (),  # belonged to models that are gone
}
_FORM_FIELDS = frozenset({"name", "schema", "strict", "description"})
_CHOICES = ("auto", "none", "any", "required")
_EFFORTS = dict.fromkeys(("mistral-large-4", "mistral-medium-3-5", "mistral-small-2603"), ("none", "high"))
_WINDOWS = {
    "mistral-large-4": 1_048_576,
    "mistral-medium-3-5": 262_144,
    "mistral-small-2603": 262_144,
    "mistral-large-2512": 262_144,
    "ministral-14b-2512": 262_144,
    "ministral-8b-2512": 262_144,
    "ministral-3b-2512": 131_072,
    "codestral-2508": 128_000,
    "voxtral-small-2507": 32_768,
    "devstral-2512": 262_144,
    "magistral-medium-latest": 262_144,
    "magistral-small-latest": 262_144,
}
"""The models of which something is known; of any other the emulator expects nothing special."""
_BLIND = frozenset({"codestral-2508"})
_LISTENING = frozenset({"voxtral-small-2507"})


def valid(condition: object, where: str, what: str) -> None:
    """Reject in the words of the schema validator unless a condition holds."""
    if not condition:
        raise Rejection(f"{where}: {what}", 422)


def known_to(value: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Reject a field the API does not document."""
    for name in value:
        valid(name in known, f"{where}.{name}", "Extra inputs are not permitted")


def check_controls(body: JsonObject) -> None:
    """Reject every field but the messages."""
    known_to(body, _FIELDS, "body")
    valid(isinstance(body.get("model"), str), "body.model", "Field required")
    for field, (least, most) in _RANGES.items():
        _check_number(body.get(field), field, least, most)
    for field, words in _WORDS.items():
        valid(body.get(field) in (None, *words), f"body.{field}", f"Input should be one of {', '.join(words)}")
    for field, kind in _TYPES.items():
        value = body.get(field)
        fits = value is None or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool)))
        valid(fits, f"body.{field}", f"Input should be a valid {kind.__name__}")
    _check_model(body)
    _check_stop(body.get("stop"))
    _check_form(body)
    _check_tools(body)


def check_senses(messages: list[JsonObject], model: str) -> None:
    """Reject images for a model that sees none, and audio for one that hears none."""
    contents = [message.get("content") for message in messages]
    kinds = {chunk["type"] for content in contents if isinstance(content, list) for chunk in content}
    require("image_url" not in kinds or model not in _BLIND, "Image input is not enabled for this model")
    deaf = model in _WINDOWS and model not in _LISTENING
    require("input_audio" not in kinds or not deaf, "Audio input is not enabled for this model")


def _check_model(body: JsonObject) -> None:
    """Reject an effort the model does not know, and an output limit that leaves no room for a prompt."""
    model = str(body.get("model"))
    efforts = _EFFORTS.get(model, () if model in _WINDOWS else get_args(Effort))
    effort, window = body.get("reasoning_effort"), _WINDOWS.get(model)
    valid(effort is None or effort in efforts, "body.reasoning_effort", f"Input should be one of {efforts}")
    fits = window is None or (body.get("max_tokens") or 0) < window
    valid(fits, "body.max_tokens", f"Input should be less than {window}")


def _check_number(value: Any, field: str, least: float, most: float) -> None:
    if value is None:
        return
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    valid(number and least <= value <= most, f"body.{field}", f"Input should be from {least:g} to {most:g}")
    valid(field != "top_p" or value > 0, "body.top_p", "Input should be greater than 0")


def _check_stop(stop: Any) -> None:
    texts = stop if isinstance(stop, list) else [] if stop is None else [stop]
    valid(all(isinstance(text, str) for text in texts), "body.stop", "Input should be a valid string")


def _check_form(body: JsonObject) -> None:
    form = body.get("response_format")
    if form is None:
        return
    where = "body.response_format"
    known_to(form, frozenset({"type", "json_schema"}), where)
    kind, schema = form.get("type"), form.get("json_schema")
    valid(kind in ("text", "json_object", "json_schema"), f"{where}.type", "Input should be a valid format")
    valid((schema is not None) == (kind == "json_schema"), f"{where}.json_schema", "Field required")
    if schema is not None:
        known_to(schema, _FORM_FIELDS, f"{where}.json_schema")
        named = isinstance(schema.get("name"), str) and isinstance(schema.get("schema"), dict)
        valid(named, f"{where}.json_schema", "Field required: name, schema")
    if kind != "text":
        require(not body.get("tools"), "Cannot use response_format and tools together")


def _check_tools(body: JsonObject) -> None:
    tools, choice = body.get("tools"), body.get("tool_choice")
    if tools is None:
        require(choice in (None, "auto", "none"), "Tool choice is only allowed when tools are specified.")
        return
    valid(isinstance(tools, list) and tools, "body.tools", "Input should be a valid list")
    for position, tool in enumerate(tools):
        where = f"body.tools.{position}.function"
        known_to(tool, frozenset({"type", "function"}), f"body.tools.{position}")
        known_to(tool["function"], frozenset({"name", "description", "parameters", "strict"}), where)
        valid(isinstance(tool["function"].get("strict", False), bool), f"{where}.strict", "Input should be a bool")
        valid(isinstance(tool["function"].get("parameters"), dict), f"{where}.parameters", "Field required")
    names = [tool["function"].get("name", "") for tool in tools]
    tool_names(names)
    if isinstance(choice, dict):
        require((choice.get("function") or {}).get("name") in names, "Tool choice names no tool of the request.")
    else:
        valid(choice is None or choice in _CHOICES, "body.tool_choice", "Input should be a valid tool choice")

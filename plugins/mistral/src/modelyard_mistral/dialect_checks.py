"""What Mistral refuses: unknown fields (422), and conversations in the wrong order or with foreign ids (400).

The rules are those of the API reference, of the request validator in mistral-common, and of errors quoted in
public issues, read November 2026. A message that begins with ``body`` is a complaint of the schema validator.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, get_args

from modelyard.catalog.card import ModelCard
from modelyard.catalog.loader import load_cards
from modelyard.testing.checks import require, tool_names
from modelyard.testing.dialect import Rejection
from modelyard.types.base import JsonObject
from modelyard.types.controls import Effort

__all__ = ["check_body", "check_count", "thinking_mark", "thinking_signature"]

_FIELDS = frozenset(
    "model messages temperature top_p top_k max_tokens min_tokens stream stop random_seed metadata "
    "response_format tools tool_choice presence_penalty frequency_penalty repetition_penalty n logprobs "
    "top_logprobs prompt_logprobs top_prompt_logprobs prediction parallel_tool_calls reasoning_effort "
    "prompt_mode guardrails prompt_cache_key service_tier safe_prompt".split()
)
_MESSAGE_FIELDS = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls", "prefix"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}
_CHUNK_FIELDS = {
    "text": frozenset({"type", "text"}),
    "image_url": frozenset({"type", "image_url"}),
    "document_url": frozenset({"type", "document_url", "document_name"}),
    "file": frozenset({"type", "file_id"}),
    "input_audio": frozenset({"type", "input_audio"}),
    "reference": frozenset({"type", "reference_ids"}),
    "thinking": frozenset({"type", "thinking", "signature", "closed"}),
    "resource": frozenset({"type", "uri", "content"}),
    "resource_link": frozenset({"type", "uri", "metadata"}),
}
_FOLLOWS = {
    "system": frozenset({"system", "user"}),
    "user": frozenset({"system", "user", "assistant"}),
    "assistant": frozenset({"system", "user", "assistant", "tool"}),
    "tool": frozenset({"assistant", "tool"}),
}
"""The roles each role may come after."""
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
_ID = re.compile(r"[a-zA-Z0-9]{9}")
_CHOICES = ("auto", "none", "any", "required")


def thinking_signature(text: str) -> str:
    """The signature the emulator puts on thinking, and demands back with the same text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def thinking_mark(model: str) -> str:
    """How the emulator begins the ids of calls a model makes after thinking, to know such a turn again."""
    return "t" + hashlib.sha256(model.encode()).hexdigest()[:3]


def check_body(body: JsonObject) -> None:
    """Reject what the API refuses."""
    _known(body, _FIELDS, "body")
    _valid(isinstance(body.get("model"), str), "body.model", "Field required")
    for field, (least, most) in _RANGES.items():
        _check_number(body.get(field), field, least, most)
    for field, words in _WORDS.items():
        _valid(body.get(field) in (None, *words), f"body.{field}", f"Input should be one of {', '.join(words)}")
    for field, kind in _TYPES.items():
        value = body.get(field)
        fits = value is None or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool)))
        _valid(fits, f"body.{field}", f"Input should be a valid {kind.__name__}")
    _check_model_limits(body)
    _check_stop(body.get("stop"))
    _check_form(body)
    _check_tools(body)
    messages = body.get("messages")
    _valid(isinstance(messages, list) and messages, "body.messages", "List should have at least 1 item")
    for position, message in enumerate(messages or ()):
        _check_message(message, f"body.messages.{position}")
    _check_audio(messages or [], str(body.get("model")))
    _check_order(messages or [])
    _check_calls(messages or [], str(body.get("model")))


@cache
def _cards() -> Mapping[str, ModelCard]:
    """The cards of models by every name they have; of others the emulator expects nothing special."""
    return {name: card for card in load_cards("modelyard_mistral", "mistral") for name in (card.id, *card.aliases)}


def _check_model_limits(body: JsonObject) -> None:
    """Reject an effort the model does not know, and an output limit that leaves no room for a prompt."""
    card = _cards().get(str(body.get("model")))
    efforts = get_args(Effort) if card is None else card.reasoning.efforts
    effort = body.get("reasoning_effort")
    _valid(effort is None or effort in efforts, "body.reasoning_effort", f"Input should be one of {efforts}")
    window = card.limits.context_window if card is not None else None
    if window is not None:
        _valid((body.get("max_tokens") or 0) < window, "body.max_tokens", f"Input should be less than {window}")


def _valid(condition: object, where: str, what: str) -> None:
    if not condition:
        raise Rejection(f"{where}: {what}", 422)


def _known(value: Mapping[str, Any], known: Collection[str], where: str) -> None:
    for name in value:
        _valid(name in known, f"{where}.{name}", "Extra inputs are not permitted")


def _check_number(value: Any, field: str, least: float, most: float) -> None:
    if value is None:
        return
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    _valid(number and least <= value <= most, f"body.{field}", f"Input should be from {least:g} to {most:g}")
    _valid(field != "top_p" or value > 0, "body.top_p", "Input should be greater than 0")


def _check_stop(stop: Any) -> None:
    texts = stop if isinstance(stop, list) else [] if stop is None else [stop]
    _valid(all(isinstance(text, str) for text in texts), "body.stop", "Input should be a valid string")


def _check_form(body: JsonObject) -> None:
    form = body.get("response_format")
    if form is None:
        return
    where = "body.response_format"
    _known(form, frozenset({"type", "json_schema"}), where)
    kind, schema = form.get("type"), form.get("json_schema")
    _valid(kind in ("text", "json_object", "json_schema"), f"{where}.type", "Input should be a valid format")
    _valid((schema is not None) == (kind == "json_schema"), f"{where}.json_schema", "Field required")
    if schema is not None:
        _known(schema, _FORM_FIELDS, f"{where}.json_schema")
        named = isinstance(schema.get("name"), str) and isinstance(schema.get("schema"), dict)
        _valid(named, f"{where}.json_schema", "Field required: name, schema")
    if kind != "text":
        require(not body.get("tools"), "Cannot use response_format and tools together")


def _check_tools(body: JsonObject) -> None:
    tools, choice = body.get("tools"), body.get("tool_choice")
    if tools is None:
        require(choice in (None, "auto", "none"), "Tool choice is only allowed when tools are specified.")
        return
    _valid(isinstance(tools, list) and tools, "body.tools", "Input should be a valid list")
    for position, tool in enumerate(tools):
        where = f"body.tools.{position}.function"
        _known(tool, frozenset({"type", "function"}), f"body.tools.{position}")
        _known(tool["function"], frozenset({"name", "description", "parameters", "strict"}), where)
        _valid(
            isinstance(tool["function"].get("strict", False), bool), f"{where}.strict", "Input should be a bool"
        )
        _valid(isinstance(tool["function"].get("parameters"), dict), f"{where}.parameters", "Field required")
    names = [tool["function"].get("name", "") for tool in tools]
    tool_names(names)
    if isinstance(choice, dict):
        require((choice.get("function") or {}).get("name") in names, "Tool choice names no tool of the request.")
    else:
        _valid(choice is None or choice in _CHOICES, "body.tool_choice", "Input should be a valid tool choice")


def _check_message(message: Any, where: str) -> None:
    role = message.get("role")
    _valid(role in _MESSAGE_FIELDS, f"{where}.role", "Input tag found does not match any of the expected tags")
    _known(message, _MESSAGE_FIELDS[role], where)
    content = message.get("content")
    if role != "assistant":
        _valid(content is not None, f"{where}.content", "Field required")
    if isinstance(content, list):
        for position, chunk in enumerate(content):
            _check_chunk(chunk, role, f"{where}.content.{position}")
    else:
        _valid(content is None or isinstance(content, str), f"{where}.content", "Input should be a valid string")
    if role == "assistant":
        spoken = message.get("content") or message.get("tool_calls")
        require(spoken, "Assistant message must have either content or tool_calls.")


def _check_chunk(chunk: JsonObject, role: str, where: str) -> None:
    kind = chunk.get("type", "")
    _valid(kind in _CHUNK_FIELDS, where, f"Input tag {kind!r} does not match any of the expected tags")
    _known(chunk, _CHUNK_FIELDS[kind], where)
    _valid(role != "system" or kind in ("text", "thinking"), where, "Input should be text")
    if kind == "text":
        _valid(isinstance(chunk.get("text"), str), f"{where}.text", "Input should be a valid string")
    if kind == "thinking":
        _check_thinking(chunk, where)


def _check_audio(messages: list[JsonObject], model: str) -> None:
    card = _cards().get(model)
    if card is None or card.capability("audio").state != "unsupported":
        return
    chunks = [
        chunk for message in messages if isinstance(message.get("content"), list) for chunk in message["content"]
    ]
    require(all(chunk["type"] != "input_audio" for chunk in chunks), "Audio is not enabled for this model")


def _check_thinking(chunk: JsonObject, where: str) -> None:
    items = chunk.get("thinking")
    _valid(isinstance(items, list), f"{where}.thinking", "Input should be a valid list")
    text = "".join(item.get("text", "") for item in items or ())
    signature = chunk.get("signature")
    if signature is not None:
        require(signature == thinking_signature(text), "The signature of a thinking chunk is not valid.")


def _check_order(messages: list[JsonObject]) -> None:
    before = "system"
    for position, message in enumerate(messages):
        role = message["role"]
        require(before in _FOLLOWS[role], f"Unexpected role '{role}' after role '{before}'")
        last = position == len(messages) - 1
        require(last or not message.get("prefix"), "Assistant message with prefix True must be last message")
        before = role
    ends_well = before in ("user", "tool") or messages[-1].get("prefix")
    expected = "Expected last role User or Tool (or Assistant with prefix True) for serving"
    require(ends_well, f"{expected} but got {before}")


def _thinks(message: JsonObject) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(chunk["type"] == "thinking" for chunk in content)


def _check_calls(messages: list[JsonObject], model: str) -> None:
    pending: list[str] = []
    unequal = "Not the same number of function calls and responses"
    for message in messages:
        if message["role"] == "tool":
            call_id = message.get("tool_call_id")
            _check_id(call_id)
            require(call_id in pending, unequal)
            pending.remove(str(call_id))
            continue
        require(not pending, unequal)
        for call in message.get("tool_calls") or ():
            _check_id(call.get("id"))
            _valid(call["id"] not in pending, "body.messages.tool_calls", "Tool call ids must be unique")
            if call["id"].startswith(thinking_mark(model)):
                require(_thinks(message), "A turn that called a tool after thinking must keep its thinking.")
            arguments = call["function"].get("arguments")
            _valid(isinstance(arguments, (str, dict)), "body.messages.tool_calls", "Field required")
            pending.append(call["id"])
    require(not pending, unequal)


def _check_id(call_id: Any) -> None:
    valid = isinstance(call_id, str) and _ID.fullmatch(call_id)
    require(valid, f"Tool call id was {call_id} but must be a-z, A-Z, 0-9, with a length of 9.")


_COUNT_FIELDS = frozenset(
    "model input instructions parallel_tool_calls tools tool_choice reasoning text truncation".split()
)
_ITEM_FIELDS = {
    "message": frozenset({"type", "role", "content"}),
    "function_call": frozenset({"type", "call_id", "name", "arguments"}),
    "function_call_output": frozenset({"type", "call_id", "output"}),
    "reasoning": frozenset({"type", "id", "summary", "content"}),
}


def check_count(body: JsonObject) -> None:
    """Reject what the count of input tokens refuses; it reads the items of the Responses API."""
    _known({key: value for key, value in body.items() if value is not None}, _COUNT_FIELDS, "body")
    _valid(isinstance(body.get("model"), str), "body.model", "Field required")
    items = body.get("input")
    _valid(isinstance(items, list) and items, "body.input", "Input should be a valid list")
    for position, item in enumerate(items or ()):
        kind = item.get("type")
        _valid(kind in _ITEM_FIELDS, f"body.input.{position}", "Input should be a valid item")
        _known(
            {key: value for key, value in item.items() if value is not None},
            _ITEM_FIELDS[kind],
            f"body.input.{position}",
        )

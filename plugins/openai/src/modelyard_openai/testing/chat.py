"""Refusals of Chat Completions."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from modelyard.provider import JsonObject, ModelCard
from modelyard.testing import check_chat_tools, known_fields, require
from modelyard_openai.testing.checks import (
    check_breakpoints,
    check_common,
    check_effort,
    check_stream_options,
    check_strict,
    model_card,
    reasons,
)

__all__ = ["check_chat"]

_FIELDS = frozenset(
    "model messages max_completion_tokens max_tokens temperature top_p n stop seed presence_penalty "
    "frequency_penalty logit_bias logprobs top_logprobs reasoning_effort verbosity response_format tools "
    "tool_choice parallel_tool_calls stream stream_options metadata store service_tier safety_identifier "
    "prompt_cache_key prompt_cache_options user prediction modalities audio web_search_options moderation".split()
)
_CONTENT = frozenset({"text", "image_url", "input_audio", "file"})


def check_chat(body: JsonObject) -> None:
    """Reject what Chat Completions refuses."""
    known_fields(body, _FIELDS)
    card = model_card(body)
    served = not card.apis or "chat" in card.apis
    only = "This model is only supported in v1/responses and not in v1/chat/completions."
    require(served, only, status=404)
    _Messages(card).check(body.get("messages"))
    effort = body.get("reasoning_effort")
    check_effort(card, effort, "reasoning_effort")
    check_common(body, card, effort)
    require(body.get("service_tier") != "ultrafast", "Invalid value: 'ultrafast' for 'service_tier'.")
    _check_limits(body, card, effort)
    _check_form(body, card)
    _check_tools(body)
    check_stream_options(body, {"include_usage", "include_obfuscation"})


def _check_limits(body: JsonObject, card: ModelCard, effort: Any) -> None:
    for field in ("max_tokens", "max_completion_tokens"):
        require(body.get(field, 1) >= 1, f"Invalid '{field}': integer below minimum value. Expected a value >= 1.")
    if card.capability("reasoning").state == "supported":
        hint = "Use 'max_completion_tokens' instead."
        require("max_tokens" not in body, f"Unsupported parameter: 'max_tokens' is not supported. {hint}")
    stop = body.get("stop")
    takes_stop = card.capability("stop").state != "unsupported"
    require(takes_stop or "stop" not in body, "Unsupported parameter: 'stop' is not supported with this model.")
    require(not isinstance(stop, list) or len(stop) <= 4, "Invalid 'stop': array too long. Maximum length 4.")
    require("top_logprobs" not in body or body.get("logprobs"), "'top_logprobs' needs 'logprobs' to be true.")
    rule = card.rules.get("chat_tools")
    if body.get("tools") and rule is not None:
        may = rule != "never" and not reasons(card, effort)
        message = f"Function tools with reasoning_effort are not supported for {card.id} in /v1/chat/completions."
        require(may, f"{message} To use function tools, use /v1/responses or set reasoning_effort to 'none'.")


def _check_form(body: JsonObject, card: ModelCard) -> None:
    verbosity = body.get("verbosity")
    fits = verbosity is None or verbosity in card.rules.get("verbosities", ("low", "medium", "high"))
    require(fits, f"Unsupported value: 'verbosity' does not support {verbosity!r} with this model.")
    form = body.get("response_format") or {"type": "text"}
    if form["type"] == "json_schema":
        inner = form.get("json_schema")
        require(isinstance(inner, dict), "Missing required parameter: 'response_format.json_schema'.")
        known_fields(inner or {}, {"name", "schema", "strict", "description"}, "response_format.json_schema.")
        kind = (inner or {}).get("schema", {}).get("type")
        require(kind == "object", "Invalid schema for response_format: schema must be of 'type: \"object\"'.")
        if inner and inner.get("strict"):
            check_strict(inner["schema"], f"response_format '{inner['name']}'")
    elif form["type"] == "json_object":
        told = "json" in str(body["messages"]).lower()
        require(told, "'messages' must contain the word 'json' in some form to use 'json_object'.")
    else:
        require(form["type"] == "text", f"Invalid value: {form['type']!r} for 'response_format.type'.")


def _check_tools(body: JsonObject) -> None:
    for function in check_chat_tools(body):
        if function.get("strict"):
            check_strict(function.get("parameters"), f"function '{function.get('name')}'")


class _Messages:
    """Walks the messages: results must answer the calls right before them."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._pending: list[str] = []

    def check(self, messages: Any) -> None:
        """Reject messages the API refuses."""
        require(isinstance(messages, list) and messages, "[] is too short - 'messages'")
        for message in messages:
            if message.get("role") == "tool":
                self._check_result(message)
            else:
                self._check_answered()
                self._check_turn(message)
        self._check_answered()

    def _check_answered(self) -> None:
        missing = ", ".join(self._pending)
        require(not self._pending, f"'tool_calls' must be followed by tool messages. Missing: {missing}")

    def _check_result(self, message: JsonObject) -> None:
        call_id = message.get("tool_call_id")
        answers = call_id in self._pending
        require(answers, "messages with role 'tool' must follow a message with 'tool_calls'.")
        self._pending.remove(call_id or "")
        known_fields(message, {"role", "tool_call_id", "content"}, "messages.")
        self._check_content(message.get("content"), {"text"})

    def _check_turn(self, message: JsonObject) -> None:
        role, content = message.get("role"), message.get("content")
        known = role in ("system", "developer", "user", "assistant")
        require(known, f"Invalid value: {role!r} for 'messages[0].role'.")
        self._check_content(content, _CONTENT if role == "user" else {"text"})
        if role != "assistant":
            require(content is not None, "Invalid value for 'content': expected a string, got null.")
            return
        for call in message.get("tool_calls", ()):
            long = len(call["id"]) > 64
            require(not long, "Invalid 'tool_calls[0].id': string too long. Expected maximum length 64.")
            self._pending.append(call["id"])
        empty = not self._pending and content is None and not message.get("refusal")
        require(not empty, "Invalid assistant message: empty.")

    def _check_content(self, content: Any, kinds: Collection[str]) -> None:
        if not isinstance(content, list):
            return
        require(content, "Invalid 'content': empty array.")
        for part in content:
            kind = part.get("type")
            require(kind in kinds, f"Invalid content part {kind!r}.")
            if kind == "input_audio":
                takes = self._card.capability("audio").state != "unsupported"
                require(takes, "This model does not support audio input.")
            if kind == "file":
                named = part["file"].keys() in ({"file_id"}, {"filename", "file_data"})
                require(named, "Invalid 'file': give a file_id, or file_data and filename.")
        check_breakpoints(content, self._card)

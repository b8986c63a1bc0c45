"""Writing a request for Chat Completions: ``POST /chat/completions``."""

from __future__ import annotations

from modelyard.provider import (
    JsonObject,
    ModelCard,
    Reporter,
    Request,
    UnsupportedFeatureError,
    WireRequest,
    merge_options,
)
from modelyard_openai.caching import Breakpoints
from modelyard_openai.chat.messages import chat_messages
from modelyard_openai.chat.tools import chat_tool_fields
from modelyard_openai.controls import Controls
from modelyard_openai.request import JSON_WORD, json_schema, wants_json_word

__all__ = ["build_chat_request"]


def build_chat_request(request: Request, card: ModelCard) -> WireRequest:
    """The wire request for a neutral one, with a report of what the model does not take.

    Raises ``UnsupportedFeatureError`` for a model that only the Responses API serves, and for tools where the
    model calls them through the Responses API only.
    """
    reporter = Reporter(request.on_unsupported, f"openai:{request.model}")
    controls = Controls(request, card, "chat", reporter)
    breakpoints = Breakpoints(card, reporter)
    messages = chat_messages(request.messages, request.model, card, breakpoints, reporter)
    if wants_json_word(request, request.messages, reporter):
        messages.insert(0, {"role": "system", "content": JSON_WORD})
    body: JsonObject = {"model": request.model, "messages": messages}
    limit = controls.limit()
    if limit is not None:
        body[card.rules.get("max_tokens", "max_completion_tokens")] = limit
    effort = _effort(controls)
    if effort is not None:
        body["reasoning_effort"] = effort
    controls.summary()  # there are none here; noted if asked for
    body.update(controls.common())
    body.update(_control_fields(controls))
    body.update(chat_tool_fields(request, card, reporter))
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    merge_options(body, request.options_for("openai"))
    return WireRequest("/chat/completions", body, reporter.report(), api="chat")


def _effort(controls: Controls) -> str | None:
    """The reasoning effort; ``none`` where the model calls tools here only without reasoning."""
    card, rule = controls.card, controls.card.rules.get("chat_tools")
    if not controls.request.tools or rule is None or not controls.reasons:
        return controls.effort
    if rule == "never":
        raise _no_tools(card, "always reasons, and Chat Completions calls no tools with reasoning")
    if controls.effort is not None:
        raise _no_tools(card, f"calls no tools through Chat Completions with reasoning effort {controls.effort}")
    if not controls.effort_given:
        controls.reporter.relax("reasoning", "Chat Completions calls this model's tools only without reasoning")
        controls.stop_reasoning()
    return controls.effort


def _no_tools(card: ModelCard, what: str) -> UnsupportedFeatureError:
    return UnsupportedFeatureError(
        f"{card.ref} {what}.",
        feature="tools",
        model=card.ref,
        hint="Use the Responses API (the option api), or reasoning effort 'none' where the model has it.",
    )


def _control_fields(controls: Controls) -> JsonObject:
    fields: JsonObject = {}
    stop, logprobs, verbosity = controls.stop(), controls.logprobs(), controls.verbosity()
    if stop is not None:
        fields["stop"] = stop
    if logprobs is not None:
        fields["logprobs"] = True
        fields["top_logprobs"] = logprobs
    if verbosity is not None:
        fields["verbosity"] = verbosity
    output = controls.request.output
    if output is not None:
        plain = output.json_schema is None
        fields["response_format"] = (
            {"type": "json_object"}
            if plain
            else {"type": "json_schema", "json_schema": json_schema(output, controls)}
        )
    return fields

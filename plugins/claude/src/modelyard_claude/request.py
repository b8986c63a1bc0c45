"""Writing a request for the Messages API: ``POST /v1/messages``."""

from __future__ import annotations

from typing import Any, Final

from modelyard.provider import (
    JsonObject,
    Message,
    ModelCard,
    OpaquePart,
    Reporter,
    Request,
    UnsupportedFeatureError,
    WireRequest,
    merge_options,
)
from modelyard_claude.caching import settle_markers
from modelyard_claude.content import BlockWriter
from modelyard_claude.controls import control_fields, output_fields, reasoning_fields, thinking_type
from modelyard_claude.messages import Conversation
from modelyard_claude.options import ClaudeOptions
from modelyard_claude.tools import tool_fields

__all__ = [
    "UNKNOWN_MODEL_TOKENS",
    "WHOLE_ANSWER_TOKENS",
    "answer_limit",
    "build_request",
    "check_request",
    "output_limit",
]

UNKNOWN_MODEL_TOKENS: Final = 32_000
"""The output limit for a model no card lists: every model Anthropic has served since Claude 4 takes as many."""

WHOLE_ANSWER_TOKENS: Final = 21_333
"""The longest answer asked for without streaming: what the SDK reckons ten minutes are enough for.

Connections that stay silent for longer are cut by networks on the way, so a longer answer is streamed and put
together here.
"""

_LONG_OUTPUT = "output-300k"
"""The beta under which models write more than their card says."""


def check_request(request: Request, card: ModelCard) -> None:
    """Refuse a conversation that ends in the model's own words where the model does not continue them.

    A turn that ends in a block of a server tool is no prefill but a paused turn to go on with.
    """
    last = next((message for message in reversed(request.messages) if message.role != "system"), None)
    if last is None or last.role != "assistant" or _is_paused(last):
        return
    prefill = card.capability("prefill")
    if prefill.state == "unsupported" or (
        prefill.state == "partial" and thinking_type(request, card) == "enabled"
    ):
        when = f": {prefill.limits}" if prefill.limits else ""
        raise _no_prefill(f"{card.ref} does not continue a turn of its own{when}", card)
    if request.output is not None and request.output.json_schema is not None:
        raise _no_prefill("An answer that must fit a schema cannot continue a turn of the model's own", card)


def _is_paused(message: Message) -> bool:
    part = message.content[-1] if message.content else None
    return isinstance(part, OpaquePart) and part.opaque.kind != "stop_details"


def _no_prefill(reason: str, card: ModelCard) -> UnsupportedFeatureError:
    return UnsupportedFeatureError(
        f"{reason}.", feature="messages", model=card.ref, hint="End the conversation with a user message."
    )


def output_limit(request: Request, card: ModelCard, options: ClaudeOptions) -> int:
    """The ``max_tokens`` of a request before ``provider_options``; the API requires one.

    Without one of the caller's or the host's it is the model's own limit, and for a whole answer no more than
    comes without streaming.
    """
    if request.max_output_tokens is not None:
        return request.max_output_tokens
    if options.default_max_tokens is not None:
        return options.default_max_tokens
    limit = card.limits.max_output_tokens or UNKNOWN_MODEL_TOKENS
    return limit if request.stream else min(limit, WHOLE_ANSWER_TOKENS)


def answer_limit(request: Request, card: ModelCard, options: ClaudeOptions) -> int:
    """The ``max_tokens`` a request will be sent with, room for a thinking budget included."""
    extra = request.options_for("claude")
    limit = output_limit(request, card, options)
    silent = Reporter("drop", card.ref)
    thinking = extra.get("thinking", reasoning_fields(request, card, limit, silent).get("thinking"))
    own = extra.get("max_tokens")
    return own if isinstance(own, int) else _room(limit, thinking, card, options, silent)


def build_request(request: Request, card: ModelCard, options: ClaudeOptions) -> WireRequest:
    """The wire request for a neutral one, with a report of what the model does not take.

    ``provider_options`` come last and untouched: objects are merged key by key, the rest replaces.
    """
    reporter = Reporter(request.on_unsupported, f"claude:{request.model}")
    extra = request.options_for("claude")
    limit = output_limit(request, card, options)
    reasoning = reasoning_fields(request, card, limit, reporter)
    output = output_fields(request, card, reporter)
    thinking = extra.get("thinking", reasoning.get("thinking"))
    writer = BlockWriter(reporter, thinking=_thinks(thinking, card), citations="output_config" not in output)
    conversation = Conversation(request.model, reporter, writer, system_turns=bool(card.rules.get("system_turns")))
    system, messages = conversation.write(request.messages)
    body: JsonObject = {"model": request.model, "max_tokens": _room(limit, thinking, card, options, reporter)}
    if system:
        body["system"] = system
    body["messages"] = messages
    body.update(tool_fields(request, card, reporter))
    body.update(control_fields(request, card, options, reporter))
    merge_options(body, reasoning)
    merge_options(body, output)
    if request.stream:
        body["stream"] = True
    if writer.marked or any(tool.cache for tool in request.tools):
        settle_markers(body, reporter, automatic="cache_control" in extra)
    merge_options(body, extra)
    return WireRequest("/v1/messages", body, reporter.report())


def _thinks(thinking: Any, card: ModelCard) -> bool:
    """Whether the model will think: as asked, else as it does by default; yes if nobody knows."""
    if isinstance(thinking, dict):
        return thinking.get("type") != "disabled"
    return bool(card.rules.get("thinking") != "off")


def _room(limit: int, thinking: Any, card: ModelCard, options: ClaudeOptions, reporter: Reporter) -> int:
    """An output limit the model takes, above the thinking budget, which it includes and must exceed."""
    most = card.limits.max_output_tokens
    if most is not None and limit > most and not any(name.startswith(_LONG_OUTPUT) for name in options.beta):
        reporter.clamp("max_output_tokens", f"the model writes at most {most} tokens")
        limit = most
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    if not isinstance(budget, int) or limit > budget or limit == 0:
        return limit  # 0 is a wish of its own, to fill the cache and answer nothing
    room = min(budget + limit, most or budget + limit)
    reporter.relax("max_output_tokens", f"raised to {room}: it must exceed the thinking budget of {budget}")
    return room

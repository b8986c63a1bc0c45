"""Writing a request for the Messages API: ``POST /v1/messages``."""

from __future__ import annotations

from typing import Any, Final

from modelyard.catalog.card import ModelCard
from modelyard.errors import UnsupportedFeatureError
from modelyard.http.session import WireRequest, merge_options
from modelyard.types.base import JsonObject
from modelyard.types.content import OpaquePart
from modelyard.types.reporter import Reporter
from modelyard.types.request import Request
from modelyard_claude.messages import Conversation
from modelyard_claude.options import SAMPLING_VERSION, ClaudeOptions
from modelyard_claude.tools import tool_fields

__all__ = ["UNKNOWN_MODEL_TOKENS", "WHOLE_ANSWER_TOKENS", "build_request", "check_request", "output_limit"]

UNKNOWN_MODEL_TOKENS: Final = 32_000
"""The output limit for a model no card lists: every model Anthropic has served since Claude 4 takes as many."""

WHOLE_ANSWER_TOKENS: Final = 21_333
"""The longest answer asked for without streaming: what the SDK reckons ten minutes are enough for.

Connections that stay silent for longer are cut by networks on the way, so a longer answer is streamed and put
together here.
"""

_SAMPLING = ("temperature", "top_p", "top_k")


def check_request(request: Request, card: ModelCard) -> None:
    """Refuse a conversation that ends in the model's own words where the model does not continue them.

    A turn that ends in a block of a server tool is no prefill but a paused turn to go on with.
    """
    last = next(message for message in reversed(request.messages) if message.role != "system")
    if last.role != "assistant" or card.capability("prefill").state != "unsupported":
        return
    if not last.content or not isinstance(last.content[-1], OpaquePart):
        raise UnsupportedFeatureError(
            f"{card.ref} does not continue a turn of its own.",
            feature="messages",
            model=card.ref,
            hint="End the conversation with a user message.",
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


def build_request(request: Request, card: ModelCard, options: ClaudeOptions) -> WireRequest:
    """The wire request for a neutral one, with a report of what the model does not take."""
    reporter = Reporter(request.on_unsupported, f"claude:{request.model}")
    extra = request.options_for("claude")
    thinking = extra.get("thinking")
    system, messages = Conversation.write(
        request.messages,
        request.model,
        reporter,
        system_turns=bool(card.rules.get("system_turns")),
        thinking=_thinks(thinking, card),
    )
    limit = output_limit(request, card, options)
    body: JsonObject = {"model": request.model, "max_tokens": _room(limit, thinking, card, reporter)}
    if system:
        body["system"] = system
    body["messages"] = messages
    body.update(tool_fields(request, card, reporter))
    body.update(_sampling_fields(request, card, options, reporter))
    body.update(_control_fields(request, reporter))
    if request.stream:
        body["stream"] = True
    merge_options(body, extra)
    return WireRequest("/v1/messages", body, reporter.report())


def _thinks(thinking: Any, card: ModelCard) -> bool:
    """Whether the model will think: as asked, else as it does by default; yes if nobody knows."""
    if isinstance(thinking, dict):
        return thinking.get("type") != "disabled"
    return bool(card.rules.get("thinking") != "off")


def _room(limit: int, thinking: Any, card: ModelCard, reporter: Reporter) -> int:
    """An output limit above the thinking budget, which it includes and must exceed."""
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    if not isinstance(budget, int) or limit > budget:
        return limit
    room = min(budget + limit, card.limits.max_output_tokens or budget + limit)
    reporter.note(
        "max_output_tokens", "relaxed", f"raised to {room}: it must exceed the thinking budget of {budget}"
    )
    return room


def _sampling_fields(request: Request, card: ModelCard, options: ClaudeOptions, reporter: Reporter) -> JsonObject:
    """Sampling parameters, which only the old API version and the models of its time take.

    From version 2026-10-21 on every model refuses them, even at their default values.
    """
    given = [field for field in _SAMPLING if getattr(request, field) is not None]
    capability = card.capability("sampling")
    if options.version != SAMPLING_VERSION or capability.state == "unsupported":
        reason = capability.limits or "the model takes no sampling parameters"
        for field in given:
            reporter.drop(field, reason)
        return {}
    fields: JsonObject = {field: getattr(request, field) for field in given}
    if fields.get("temperature", 0) > 1:
        reporter.clamp("temperature", "the highest temperature is 1")
        fields["temperature"] = 1
    if "temperature" in fields and fields.pop("top_p", None) is not None:
        reporter.drop("top_p", "the model takes temperature or top_p, not both")
    return fields


def _control_fields(request: Request, reporter: Reporter) -> JsonObject:
    fields: JsonObject = {}
    if request.stop is not None:
        fields["stop_sequences"] = [text for text in request.stop if text.strip()]
        if len(fields["stop_sequences"]) < len(request.stop):
            reporter.drop("stop", "a stop sequence of white space alone is refused")
    if request.seed is not None:
        reporter.drop("seed", "the Messages API has no seed")
    if request.metadata is not None:
        if "user_id" in request.metadata:
            fields["metadata"] = {"user_id": request.metadata["user_id"]}
        if set(request.metadata) - {"user_id"}:
            reporter.drop("metadata", "the Messages API takes nothing but user_id")
    return fields

"""Writing a request: ``POST /chat/completions``."""

from __future__ import annotations

from modelyard.catalog.capability import CapabilityName
from modelyard.catalog.card import ModelCard
from modelyard.http.session import WireRequest, merge_options
from modelyard.types.base import JsonObject
from modelyard.types.reporter import Reporter
from modelyard.types.request import Request
from modelyard_mistral.messages import chat_messages
from modelyard_mistral.tools import tool_fields

__all__ = ["build_chat_request"]

MAX_TEMPERATURE = 1.5
MIN_TOP_P = 0.0001
"""``top_p`` must be above 0; this is as good as greedy."""

_CONTROLS: tuple[tuple[str, str, CapabilityName], ...] = (
    ("temperature", "temperature", "sampling"),
    ("top_p", "top_p", "sampling"),
    ("top_k", "top_k", "sampling"),
    ("seed", "random_seed", "seed"),
    ("stop", "stop", "stop"),
)
"""Our field, Mistral's, and the capability a model needs to take it."""


def build_chat_request(request: Request, card: ModelCard) -> WireRequest:
    """The wire request for a neutral one, with a report of what was changed.

    Mistral's validator refuses every field it does not document (422), so nothing is sent on a guess: no
    ``stream_options`` (usage always comes), no ``store``, no ``user``.
    """
    reporter = Reporter(request.on_unsupported, f"mistral:{request.model}")
    messages = chat_messages(request.messages, request.model, reporter)
    body: JsonObject = {"model": request.model, "messages": messages}
    if request.max_output_tokens is not None:
        body["max_tokens"] = request.max_output_tokens
    body.update(_control_fields(request, card, reporter))
    if request.metadata is not None:
        body["metadata"] = dict(request.metadata)
    body.update(tool_fields(request))
    if request.stream:
        body["stream"] = True
    merge_options(body, request.options_for("mistral"))
    return WireRequest("/chat/completions", body, reporter.report())


def _control_fields(request: Request, card: ModelCard, reporter: Reporter) -> JsonObject:
    fields: JsonObject = {}
    for field, name, capability in _CONTROLS:
        value = getattr(request, field)
        if value is None:
            continue
        known = card.capability(capability)
        if known.state == "unsupported":
            reporter.drop(field, known.limits or f"the model does not take {field}")
        else:
            fields[name] = list(value) if field == "stop" else value
    _clamp(fields, reporter)
    return fields


def _clamp(fields: JsonObject, reporter: Reporter) -> None:
    """Move sampling values into the ranges Mistral documents: temperature 0 to 1.5, top_p above 0."""
    if fields.get("temperature", 0) > MAX_TEMPERATURE:
        reporter.clamp("temperature", f"Mistral takes at most {MAX_TEMPERATURE}")
        fields["temperature"] = MAX_TEMPERATURE
    if fields.get("top_p") == 0:
        reporter.clamp("top_p", "Mistral takes only values above 0")
        fields["top_p"] = MIN_TOP_P

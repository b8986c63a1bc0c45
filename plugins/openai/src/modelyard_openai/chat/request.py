"""Writing a request for Chat Completions: ``POST /chat/completions``."""

from __future__ import annotations

from modelyard.catalog.card import ModelCard
from modelyard.http.session import WireRequest, merge_options
from modelyard.types.base import JsonObject
from modelyard.types.reporter import Reporter
from modelyard.types.request import Request
from modelyard_openai.chat.messages import chat_messages
from modelyard_openai.chat.tools import chat_tool_fields
from modelyard_openai.request import sampling_fields

__all__ = ["build_chat_request"]


def build_chat_request(request: Request, card: ModelCard) -> WireRequest:
    """The wire request for a neutral one, with a report of what the model does not take."""
    reporter = Reporter(request.on_unsupported, f"openai:{request.model}")
    body: JsonObject = {"model": request.model, "messages": chat_messages(request.messages)}
    if request.max_output_tokens is not None:
        body["max_completion_tokens"] = request.max_output_tokens
    body.update(sampling_fields(request, card, reporter))
    body.update(_control_fields(request, card, reporter))
    if request.top_k is not None:
        reporter.drop("top_k", "OpenAI's models have no top_k")
    if request.metadata is not None:
        body["metadata"] = dict(request.metadata)
    body.update(chat_tool_fields(request))
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    merge_options(body, request.options_for("openai"))
    return WireRequest("/chat/completions", body, reporter.report(), api="chat")


def _control_fields(request: Request, card: ModelCard, reporter: Reporter) -> JsonObject:
    fields: JsonObject = {}
    if request.seed is not None:
        fields["seed"] = request.seed
    if request.stop is not None:
        if card.capability("stop").state == "unsupported":
            reporter.drop("stop", "reasoning models take no stop sequences")
        else:
            fields["stop"] = list(request.stop)
    return fields

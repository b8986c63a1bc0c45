"""Writing a request for the Responses API: ``POST /responses``."""

from __future__ import annotations

from modelyard.catalog.card import ModelCard
from modelyard.http.session import WireRequest, merge_options
from modelyard.types.base import JsonObject
from modelyard.types.reporter import Reporter
from modelyard.types.request import Request
from modelyard_openai.messages import input_items
from modelyard_openai.tools import tool_fields

__all__ = ["build_responses_request", "sampling_fields"]

_ABSENT = {
    "top_k": "OpenAI's models have no top_k",
    "seed": "the Responses API has no seed",
    "stop": "the Responses API has no stop sequences",
}


def build_responses_request(request: Request, card: ModelCard) -> WireRequest:
    """The wire request for a neutral one, with a report of what the model does not take.

    Nothing is stored: ``store`` is false, and a reasoning model's encrypted reasoning is asked for instead,
    to be sent back on later turns.
    """
    reporter = Reporter(request.on_unsupported, f"openai:{request.model}")
    instructions, items = input_items(request.messages, request.model)
    body: JsonObject = {"model": request.model, "input": items, "store": False}
    if instructions:
        body["instructions"] = instructions
    if card.capability("reasoning"):
        body["include"] = ["reasoning.encrypted_content"]
    if request.max_output_tokens is not None:
        body["max_output_tokens"] = request.max_output_tokens
    body.update(sampling_fields(request, card, reporter))
    for field, reason in _ABSENT.items():
        if getattr(request, field) is not None:
            reporter.drop(field, reason)
    if request.metadata is not None:
        body["metadata"] = dict(request.metadata)
    body.update(tool_fields(request))
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_obfuscation": False}
    merge_options(body, request.options_for("openai"))
    return WireRequest("/responses", body, reporter.report(), api="responses")


def sampling_fields(request: Request, card: ModelCard, reporter: Reporter) -> JsonObject:
    """``temperature`` and ``top_p``, left out with a note for models that refuse them."""
    fields: JsonObject = {}
    state = card.capability("sampling").state
    for field in ("temperature", "top_p"):
        value = getattr(request, field)
        if value is None:
            continue
        if state in ("unsupported", "partial"):
            reporter.drop(field, card.capability("sampling").limits or "the model takes no sampling parameters")
        else:
            fields[field] = value
    return fields

"""Writing a request for ``generateContent`` and ``streamGenerateContent``."""

from __future__ import annotations

from urllib.parse import quote

from modelyard.catalog.capability import CapabilityName
from modelyard.catalog.card import ModelCard
from modelyard.http.session import WireRequest, merge_options
from modelyard.types.base import JsonObject
from modelyard.types.reporter import Reporter
from modelyard.types.request import Request
from modelyard_gemini.messages import Rules, write_conversation
from modelyard_gemini.tools import tool_fields

__all__ = ["build_generate_request", "wire_model"]

_MOST_STOPS = 5
_CONFIG: tuple[tuple[str, str, CapabilityName], ...] = (
    ("temperature", "temperature", "sampling"),
    ("top_p", "topP", "sampling"),
    ("top_k", "topK", "sampling"),
    ("seed", "seed", "seed"),
    ("stop", "stopSequences", "stop"),
)


def wire_model(model: str) -> str:
    """The id of a model without the ``models/`` Google writes before it."""
    return model.removeprefix("models/")


def build_generate_request(request: Request, card: ModelCard, store: bool | None = False) -> WireRequest:
    """The wire request for a neutral one, with a report of what the model does not take.

    ``provider_options`` come last: objects are merged key by key, anything else replaces what was there.
    """
    reporter = Reporter(request.on_unsupported, f"gemini:{request.model}")
    model = wire_model(request.model)
    instruction, contents = write_conversation(request.messages, model, _rules(card), reporter)
    body: JsonObject = {"contents": contents}
    if instruction:
        body["systemInstruction"] = {"parts": [{"text": instruction}]}
    body.update(tool_fields(request, reporter))
    config = _generation_config(request, card, reporter)
    if config:
        body["generationConfig"] = config
    if store is not None:
        body["store"] = store
    if request.metadata is not None:
        reporter.drop("metadata", "Gemini has labels for billing instead, with rules of their own")
    merge_options(body, request.options_for("gemini"))
    method = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
    return WireRequest(f"/models/{quote(model, safe='')}:{method}", body, reporter.report())


def _rules(card: ModelCard) -> Rules:
    if not card.known:
        return Rules()
    return Rules(
        call_signatures=bool(card.rules.get("call_signatures")),
        media_in_results=bool(card.rules.get("media_in_results")),
    )


def _generation_config(request: Request, card: ModelCard, reporter: Reporter) -> JsonObject:
    config: JsonObject = {}
    if request.max_output_tokens is not None:
        config["maxOutputTokens"] = request.max_output_tokens
    for field, name, needed in _CONFIG:
        value = getattr(request, field)
        if value is None:
            continue
        capability = card.capability(needed)
        if capability.state == "unsupported":
            reporter.drop(field, capability.limits or f"the model takes no {field}")
        else:
            if capability.state == "partial":
                reporter.relax(field, capability.limits or "the model may ignore it")
            config[name] = list(value) if field == "stop" else value
    if len(config.get("stopSequences", ())) > _MOST_STOPS:
        config["stopSequences"] = config["stopSequences"][:_MOST_STOPS]
        reporter.clamp("stop", f"Gemini takes at most {_MOST_STOPS} stop sequences")
    return config

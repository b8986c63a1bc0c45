"""Writing a request for ``generateContent`` and ``streamGenerateContent``."""

from __future__ import annotations

import re
from urllib.parse import quote

from modelyard.provider import (
    InvalidRequestError,
    JsonObject,
    ModelCard,
    Reporter,
    Request,
    WireRequest,
    merge_options,
)
from modelyard_gemini.controls import generation_config
from modelyard_gemini.messages import Rules, write_conversation
from modelyard_gemini.tools import tool_fields

__all__ = ["build_generate_request", "model_path", "wire_model"]

_TIERS = {
    "flex": "flex",
    "standard": "standard",
    "priority": "priority",
    "default": "standard",
    "standard_only": "standard",
}
"""Google's tiers (google-genai 3.4.0, ``ServiceTier``), and other providers' words for the usual one."""
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_MOST_LABELS = 64
_IN_CACHE = ("systemInstruction", "tools", "toolConfig")


def wire_model(model: str) -> str:
    """The id of a model without the ``models/`` Google writes before it."""
    return model.removeprefix("models/")


def model_path(model: str) -> str:
    """The path of a model below the base URL; its id stays one step of it, whatever it holds."""
    return f"/models/{quote(wire_model(model), safe='')}"


def build_generate_request(request: Request, card: ModelCard, store: bool | None = False) -> WireRequest:
    """The wire request for a neutral one, with a report of what the model does not take.

    ``provider_options`` come last: objects are merged key by key, anything else replaces what was there. Raises
    ``InvalidRequestError`` and ``UnsupportedFeatureError`` for what Google would refuse.
    """
    reporter = Reporter(request.on_unsupported, f"gemini:{request.model}")
    instruction, contents = write_conversation(request.messages, wire_model(request.model), _rules(card), reporter)
    body: JsonObject = {"contents": contents}
    if instruction:
        body["systemInstruction"] = {"parts": [{"text": instruction}]}
    body.update(tool_fields(request, reporter))
    config = generation_config(request, card, reporter)
    if config:
        body["generationConfig"] = config
    if store is not None:
        body["store"] = store
    _set_service(request, reporter, body)
    options = request.options_for("gemini")
    if options:
        _check_cached(body, options)
        merge_options(body, options)
    method = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
    return WireRequest(f"{model_path(request.model)}:{method}", body, reporter.report())


def _rules(card: ModelCard) -> Rules:
    if not card.known:
        return Rules()
    return Rules(
        call_signatures=bool(card.rules.get("call_signatures")),
        media_in_results=bool(card.rules.get("media_in_results")),
        prefill=card.capability("prefill").state != "unsupported",
    )


def _set_service(request: Request, reporter: Reporter, body: JsonObject) -> None:
    """How the request is served and billed: its tier and its labels."""
    if request.service_tier is not None:
        _set_tier(request.service_tier, reporter, body)
    if request.metadata is not None:
        _set_labels(request.metadata, reporter, body)


def _set_tier(tier: str, reporter: Reporter, body: JsonObject) -> None:
    known = _TIERS.get(tier.lower())
    if known is not None:
        body["serviceTier"] = known
        if known != tier:
            reporter.note("service_tier", "renamed", f"Gemini calls it {known}")
    elif tier == "auto":
        reporter.note("service_tier", "dropped", "left out, Gemini decides")
    else:
        reporter.drop("service_tier", f"Gemini has no tier {tier!r}, only flex, standard and priority")


def _set_labels(metadata: dict[str, str], reporter: Reporter, body: JsonObject) -> None:
    """Metadata as labels, as far as Google's rules for labels allow.

    Lower-case letters, digits, ``_`` and ``-``, at most 63, keys beginning with a letter
    (https://cloud.google.com/resource-manager/docs/labels-overview#requirements).
    """
    labels: JsonObject = {}
    for key, value in metadata.items():
        fits = _LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value) and len(labels) < _MOST_LABELS
        if fits:
            labels[key] = value
        else:
            reporter.drop(f"metadata.{key}", "it is no label of Google's: lower-case letters, digits, _ and -")
    if labels:
        body["labels"] = labels
        reporter.note("metadata", "renamed", "Gemini calls it labels, and shows them on the bill")


def _check_cached(body: JsonObject, options: JsonObject) -> None:
    """Refuse what Google refuses beside ``cachedContent``, which holds instruction and tools itself."""
    doubled = [name for name in _IN_CACHE if name in body] if options.get("cachedContent") else []
    if doubled:
        raise InvalidRequestError(
            f"Gemini takes no {', '.join(doubled)} beside cachedContent.",
            hint="Put them into the cached content, and leave them out of the request.",
        )

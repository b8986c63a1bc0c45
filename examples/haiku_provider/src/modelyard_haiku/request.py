"""Writing a request: ``POST /poems``."""

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
from modelyard_haiku.messages import write_lines
from modelyard_haiku.tools import tool_fields

__all__ = ["build_request"]

_CONTROLS = {"max_output_tokens": "most", "temperature": "heat", "seed": "seed"}


def build_request(request: Request, card: ModelCard) -> WireRequest:
    """The wire request, with a report of what was left out."""
    reporter = Reporter(request.on_unsupported, card.ref)
    body: JsonObject = {"poet": request.model, "lines": write_lines(request.messages, card, reporter)}
    body.update(tool_fields(request, card))
    for field, name in _CONTROLS.items():
        value = getattr(request, field)
        if value is not None:
            body[name] = value
    _check_wishes(request, card, reporter)
    if request.stream:
        body["stream"] = True
    merge_options(body, request.options_for("haiku"))
    return WireRequest("/poems", body, reporter.report())


def _check_wishes(request: Request, card: ModelCard, reporter: Reporter) -> None:
    """Reasoning can be done without; an answer of another form than asked for cannot be used."""
    if request.reasoning is not None and request.reasoning.effort != "none":
        reporter.drop("reasoning", "the poet does not explain")
    if request.output is not None:
        hint = "Choose a model with structured output."
        raise UnsupportedFeatureError(
            f"{card.ref} writes verse, not JSON.", feature="output", model=card.ref, hint=hint
        )

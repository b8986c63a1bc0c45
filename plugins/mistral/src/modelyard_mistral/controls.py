"""The controls of a request: sampling, limits, log probabilities, reasoning effort, the form of the answer."""

from __future__ import annotations

import json

from modelyard.provider import (
    CapabilityName,
    JsonObject,
    ModelCard,
    OutputFormat,
    Reporter,
    Request,
    nearest_effort,
)
from modelyard_mistral.schema import fit_schema

__all__ = ["control_fields", "output_fields", "reasoning_fields"]

MIN_TOP_P = 0.0001
"""``top_p`` must be above 0; this is as good as greedy."""
_MAX_TEMPERATURE = 1.5
"""For models whose card states no other: the API reference's own limit."""

_CONTROLS: tuple[tuple[str, str, CapabilityName], ...] = (
    ("temperature", "temperature", "sampling"),
    ("top_p", "top_p", "sampling"),
    ("top_k", "top_k", "sampling"),
    ("frequency_penalty", "frequency_penalty", "sampling"),
    ("presence_penalty", "presence_penalty", "sampling"),
    ("seed", "random_seed", "seed"),
    ("stop", "stop", "stop"),
)
"""Our field, Mistral's, and the capability a model needs to take it."""

_TIERS = {
    "auto": "auto",
    "standard_only": "standard_only",
    "standard": "standard_only",
    "default": "standard_only",
}
"""Service tiers: Mistral has two, of which ``auto`` may use priority capacity."""


def control_fields(request: Request, card: ModelCard, reporter: Reporter) -> JsonObject:
    """Everything that steers an answer but its reasoning and its form."""
    fields: JsonObject = {}
    if request.max_output_tokens is not None:
        fields["max_tokens"] = _max_tokens(request, card, reporter)
    for field, name, capability in _CONTROLS:
        value = getattr(request, field)
        if value is not None and _takes(field, capability, card, reporter):
            fields[name] = list(value) if field == "stop" else value
    _clamp(fields, card, reporter)
    if request.top_logprobs is not None:
        fields["logprobs"] = True
        if request.top_logprobs:
            fields["top_logprobs"] = request.top_logprobs
    if request.service_tier is not None:
        fields.update(_service_tier(request.service_tier, reporter))
    if request.metadata is not None:
        fields["metadata"] = dict(request.metadata)
    return fields


def reasoning_fields(request: Request, card: ModelCard, reporter: Reporter) -> JsonObject:
    """``reasoning_effort``: an effort the card lists, else the nearest one; any for a model no card lists.

    The documentation names ``high`` and ``none``, for the models whose cards list them; the magistral models
    reason unasked and take no effort.
    """
    wanted = request.reasoning
    if wanted is None:
        return {}
    if wanted.summary is not None:
        reporter.drop("reasoning", "Mistral shows the thinking itself, and no summaries")
    effort = wanted.effort
    if wanted.budget_tokens is not None:
        effort = effort or ("high" if wanted.budget_tokens else "none")
        reporter.relax("reasoning", f"Mistral has no budget of tokens; the effort is {effort!r}")
    if effort is None:
        return {}
    known = card.reasoning.efforts
    if not known and card.known:
        if effort != "none" or card.capability("reasoning"):
            reporter.drop("reasoning", "the model takes no effort")
        return {}
    sent = effort if not known or effort in known else nearest_effort(effort, known)
    if sent != effort:
        reporter.clamp("reasoning", f"the model takes only {', '.join(known)}; {sent!r} is sent")
    return {"reasoning_effort": sent}


def output_fields(request: Request, card: ModelCard, reporter: Reporter) -> tuple[JsonObject, str | None]:
    """``response_format``, and an instruction to put before the conversation where one is needed.

    Mistral refuses a response format beside tools (400, code 3051), and wants its JSON mode asked for in words
    too. The card's rule ``output_with_tools`` says where the first is no longer so.
    """
    output = request.output
    if output is None:
        return {}, None
    if request.tools and not card.rules.get("output_with_tools", False):
        reporter.relax("output", "Mistral takes no response format beside tools; the instructions ask for it")
        return {}, _instruction(output)
    if output.json_schema is None:
        if card.capability("json_mode").state == "unsupported":
            reporter.relax("output", "the model has no JSON mode; the instructions ask for it")
            return {}, _instruction(output)
        return {"response_format": {"type": "json_object"}}, _unless_said(request, output, reporter)
    if card.capability("structured_output").state == "unsupported":
        reporter.relax("output", "the model cannot be held to a schema; the instructions ask for it")
        return {"response_format": {"type": "json_object"}}, _instruction(output)
    return {"response_format": {"type": "json_schema", "json_schema": _json_schema(output, reporter)}}, None


def _takes(field: str, capability: CapabilityName, card: ModelCard, reporter: Reporter) -> bool:
    known = card.capability(capability)
    if known.state == "unsupported":
        reporter.drop(field, known.limits or f"the model does not take {field}")
        return False
    if known.state == "partial":
        reporter.relax(field, known.limits or "the model may ignore it")
    return True


def _clamp(fields: JsonObject, card: ModelCard, reporter: Reporter) -> None:
    """Move sampling values into the ranges Mistral documents: temperature 0 to 1.5, top_p above 0."""
    most = card.rules.get("max_temperature", _MAX_TEMPERATURE)
    if fields.get("temperature", 0) > most:
        reporter.clamp("temperature", f"Mistral takes at most {most}")
        fields["temperature"] = most
    if fields.get("top_p") == 0:
        reporter.clamp("top_p", "Mistral takes only values above 0")
        fields["top_p"] = MIN_TOP_P


def _max_tokens(request: Request, card: ModelCard, reporter: Reporter) -> int:
    """The output limit: below the model's own, and, with the prompt, within its window (else 422 or 400)."""
    asked = request.max_output_tokens or 0
    limits = card.limits
    if limits.max_output_tokens is not None and asked > limits.max_output_tokens:
        reporter.clamp("max_output_tokens", f"the model writes at most {limits.max_output_tokens} tokens")
        asked = limits.max_output_tokens
    if limits.context_window is not None and asked >= limits.context_window:
        from modelyard.provider import estimate_tokens

        reporter.clamp("max_output_tokens", f"prompt and answer share {limits.context_window} tokens")
        asked = max(1, limits.context_window - 1 - 2 * estimate_tokens(request))
    return asked


def _service_tier(tier: str, reporter: Reporter) -> JsonObject:
    known = _TIERS.get(tier)
    if known is None:
        reporter.drop("service_tier", f"Mistral has no tier {tier!r}, only auto and standard_only")
        return {}
    if known != tier:
        reporter.note("service_tier", "renamed", f"Mistral's word for {tier} is {known}")
    return {"service_tier": known}


def _json_schema(output: OutputFormat, reporter: Reporter) -> JsonObject:
    assert output.json_schema is not None
    schema, changes = fit_schema(output.json_schema)
    changes.report(reporter, "output", checked=output.checked)
    described = {"description": output.description} if output.description is not None else {}
    return {"name": output.name, "schema": schema, "strict": output.strict, **described}


def _unless_said(request: Request, output: OutputFormat, reporter: Reporter) -> str | None:
    """The instruction JSON mode needs, unless the conversation speaks of JSON already."""
    if any("json" in message.text.lower() for message in request.messages):
        return None
    reporter.note("output", "converted", "JSON mode must be asked for in words too: an instruction was added")
    return _instruction(output)


def _instruction(output: OutputFormat) -> str:
    if output.json_schema is None:
        return "Answer with one JSON object and nothing else."
    described = f" ({output.description})" if output.description else ""
    schema = json.dumps(output.json_schema, ensure_ascii=False)
    return f"Give the final answer{described} as JSON and nothing else, valid by this JSON Schema: {schema}"

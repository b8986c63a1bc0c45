"""The controls of a request: reasoning, the form of the answer, sampling, and everything else that steers it."""

from __future__ import annotations

from typing import Final

from modelyard.provider import Effort, JsonObject, ModelCard, ReasoningOptions, Reporter, Request, nearest_effort
from modelyard_claude.options import SAMPLING_VERSION, ClaudeOptions
from modelyard_claude.schema import fit_schema

__all__ = ["MIN_BUDGET", "control_fields", "output_fields", "reasoning_fields", "thinking_type"]

MIN_BUDGET: Final = 1024
"""The smallest thinking budget the API takes."""

_WORDS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")
"""The API's own effort words: taken for those of a model whose card names none."""

_SAMPLING = ("temperature", "top_p", "top_k")
_TIERS = {
    "auto": "auto",
    "standard_only": "standard_only",
    "standard": "standard_only",
    "default": "standard_only",
}


def reasoning_fields(request: Request, card: ModelCard, limit: int, reporter: Reporter) -> JsonObject:
    """``thinking`` and ``output_config.effort`` for the reasoning a request wants, as the model's rules allow.

    An effort becomes the word the model knows, a budget of tokens (``rules.budgets``) where thinking goes by
    budget, or both; no thinking becomes ``disabled``, else ``between_tools``, else the lowest effort. ``limit`` is
    the output limit, which a budget made of an effort stays below.
    """
    wanted = request.reasoning
    if wanted is None:
        return {}
    if "thinking" in request.options_for("claude"):
        return _effort_alone(wanted, card, reporter)
    if limit == 0 and "enabled" in _types(card) and (wanted.budget_tokens or card.reasoning.control == "budget"):
        reporter.drop("reasoning", "an answer without any output has no room for thinking")
        return {}
    if _wants_none(wanted, card):
        off = _off(wanted, card, reporter)
        if off is not None:
            return {"thinking": off}
    thinking = _thinking(wanted, card, limit, reporter)
    effort = _effort(wanted, card, reporter)
    fields: JsonObject = {"thinking": thinking} if thinking else {}
    return {**fields, "output_config": {"effort": effort}} if effort is not None else fields


def thinking_type(request: Request, card: ModelCard) -> str | None:
    """The ``thinking.type`` a request will be sent with; ``None`` leaves it to the model."""
    own = request.options_for("claude").get("thinking")
    if not isinstance(own, dict):
        own = reasoning_fields(request, card, MIN_BUDGET, Reporter("drop", card.ref)).get("thinking", {})
    kind = own.get("type")
    return kind if isinstance(kind, str) else None


def output_fields(request: Request, card: ModelCard, reporter: Reporter) -> JsonObject:
    """``output_config.format`` for an answer that must fit a schema; there is no JSON mode without one."""
    output = request.output
    if output is None:
        return {}
    capability = card.capability("structured_output" if output.json_schema is not None else "json_mode")
    if output.json_schema is None or capability.state == "unsupported":
        reporter.drop("output", capability.limits or "the Messages API has no JSON mode; give a schema")
        return {}
    described = {"description": output.description} if output.description is not None else {}
    schema, changes = fit_schema({**described, **output.json_schema})
    changes.report(reporter, "output", checked=output.checked)
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def control_fields(request: Request, card: ModelCard, options: ClaudeOptions, reporter: Reporter) -> JsonObject:
    """Everything that steers an answer but its reasoning, its form and its tools."""
    fields = _sampling_fields(request, card, options, reporter)
    if request.stop is not None:
        fields["stop_sequences"] = [text for text in request.stop if text.strip()]
        if len(fields["stop_sequences"]) < len(request.stop):
            reporter.drop("stop", "a stop sequence of white space alone is refused")
    fields.update(_metadata(request, reporter))
    fields.update(_service_tier(request.service_tier, reporter))
    return fields


def _wants_none(wanted: ReasoningOptions, card: ModelCard) -> bool:
    """Whether thinking is to be off: by effort, or by an empty budget where budgets count."""
    if wanted.budget_tokens is not None and "enabled" in _types(card):
        return wanted.budget_tokens == 0
    return wanted.effort == "none"


def _off(wanted: ReasoningOptions, card: ModelCard, reporter: Reporter) -> JsonObject | None:
    """The ``thinking`` that turns thinking off; ``None`` where the model always thinks, or nobody knows."""
    types = _types(card)
    if "disabled" not in types and "between_tools" not in types:
        return None
    if wanted.summary not in (None, "none"):
        reporter.drop("reasoning.summary", "there is no thinking to show")
    if "disabled" in types:
        return {"type": "disabled"}
    reporter.note("reasoning.effort", "converted", "off is 'between_tools': notes between calls of tools remain")
    return {"type": "between_tools"}


def _thinking(wanted: ReasoningOptions, card: ModelCard, limit: int, reporter: Reporter) -> JsonObject:
    """The ``thinking`` of a model that is to think, empty where its default says the same."""
    asked = wanted.effort or wanted.budget_tokens or wanted.summary not in (None, "none")
    if not asked and card.rules.get("thinking") == "off":
        return {}
    display = _display(wanted, reporter)
    thinking: JsonObject = {}
    budget = _budget(wanted, card, limit, reporter)
    if budget is not None:
        thinking = {"type": "enabled", "budget_tokens": budget}
    elif card.reasoning.control != "budget" and (display is not None or card.rules.get("thinking") == "off"):
        thinking = {"type": "adaptive"}
    if thinking and display is not None:
        thinking["display"] = display
    return thinking


def _display(wanted: ReasoningOptions, reporter: Reporter) -> str | None:
    if wanted.summary in ("concise", "detailed"):
        reporter.relax("reasoning.summary", "Claude has summaries of one length")
    return {None: None, "none": "omitted"}.get(wanted.summary, "summarized")


def _budget(wanted: ReasoningOptions, card: ModelCard, limit: int, reporter: Reporter) -> int | None:
    """The thinking budget: the caller's own, or the one that stands for an effort; ``None`` without budgets."""
    if "enabled" not in _types(card):
        if wanted.budget_tokens is not None:
            reporter.drop("reasoning.budget_tokens", "the model takes no thinking budget; its effort guides it")
        return None
    most = (card.limits.max_output_tokens or limit) - 1
    if wanted.budget_tokens is not None:
        budget = min(max(wanted.budget_tokens, MIN_BUDGET), most)
        if budget != wanted.budget_tokens:
            reporter.clamp("reasoning.budget_tokens", f"a budget of the model is from {MIN_BUDGET} to {most}")
        return budget
    if card.reasoning.control != "budget":
        return None
    effort = wanted.effort or "medium"
    usual = int(card.rules["budgets"][effort])
    budget = min(usual, max(limit // 2, MIN_BUDGET), most)
    cut = ", cut to fit the output limit" if budget < usual else ""
    reporter.note("reasoning.effort", "converted", f"the effort {effort!r} is {budget} tokens of thinking{cut}")
    return budget


def _effort_alone(wanted: ReasoningOptions, card: ModelCard, reporter: Reporter) -> JsonObject:
    """The effort of a request whose own fields say how to think."""
    reporter.note("reasoning", "converted", "the 'thinking' of provider_options stands, beside the effort")
    effort = _effort(wanted, card, reporter) if wanted.effort != "none" else None
    return {"output_config": {"effort": effort}} if effort is not None else {}


def _effort(wanted: ReasoningOptions, card: ModelCard, reporter: Reporter) -> str | None:
    """The effort word the model takes: the one asked for, else the nearest."""
    known = card.reasoning.efforts
    budgeted = card.reasoning.control == "budget"
    if wanted.effort is None or (budgeted and not known):
        return None
    words = [word for word in known or _WORDS if word != "none"]
    effort = nearest_effort(wanted.effort, words)
    if effort != wanted.effort and not budgeted:
        always = "the model always thinks, and " if wanted.effort == "none" else ""
        reporter.clamp("reasoning.effort", f"{always}it takes {', '.join(words)}; {effort!r} is sent")
    return effort


def _types(card: ModelCard) -> tuple[str, ...]:
    return tuple(card.rules.get("thinking_types", ()))


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
    return _beside_thinking(fields, thinking_type(request, card), reporter)


def _beside_thinking(fields: JsonObject, thinking: str | None, reporter: Reporter) -> JsonObject:
    """What of the sampling parameters may stand beside thinking: ``top_p`` from 0.95 on, and nothing else."""
    if thinking not in ("enabled", "adaptive"):
        return fields
    for field in ("temperature", "top_k"):
        if fields.pop(field, None) is not None:
            reporter.drop(field, "the model takes it only with thinking off")
    if fields.get("top_p", 1) < 0.95:
        reporter.clamp("top_p", "with thinking on it is at least 0.95")
        fields["top_p"] = 0.95
    return fields


def _metadata(request: Request, reporter: Reporter) -> JsonObject:
    given = request.metadata or {}
    if set(given) - {"user_id"}:
        reporter.drop("metadata", "the Messages API takes nothing but user_id")
    user = request.user if request.user is not None else given.get("user_id")
    return {"metadata": {"user_id": user}} if user is not None else {}


def _service_tier(tier: str | None, reporter: Reporter) -> JsonObject:
    if tier is None:
        return {}
    if tier == "priority":
        reporter.relax("service_tier", "'auto' is sent: priority capacity is used where the organisation has it")
        return {"service_tier": "auto"}
    known = _TIERS.get(tier)
    if known is None:
        reporter.drop("service_tier", f"Claude has no tier {tier!r}, only auto and standard_only")
        return {}
    if known != tier:
        reporter.note("service_tier", "renamed", f"Claude's word for {tier} is {known}")
    return {"service_tier": known}

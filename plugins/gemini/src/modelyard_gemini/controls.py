"""The ``generationConfig`` of a request: how much, how freely, how thoughtfully and in what form to answer.

What a model takes is on its card. ``rules`` says ``penalties`` (``false``: refused), ``json_with_tools``
(``false``: a JSON answer and function calling exclude each other), ``continues`` (longer answers come in
segments) and ``thinking_budget`` (``min``, ``max``, ``off``: whether 0 is allowed).
"""

from __future__ import annotations

from modelyard.provider import (
    CapabilityName,
    Effort,
    InvalidRequestError,
    JsonObject,
    ModelCard,
    OutputFormat,
    ReasoningOptions,
    Reporter,
    Request,
    UnsupportedFeatureError,
    nearest_effort,
)
from modelyard_gemini.schema import fit_schema

__all__ = ["generation_config"]

_MOST_STOPS = 5
_HOTTEST = 2.0
_HIGHEST_PENALTY = 1.99
"""Google takes penalties below 2 (https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference)."""
_CONFIG: tuple[tuple[str, str, CapabilityName], ...] = (
    ("temperature", "temperature", "sampling"),
    ("top_p", "topP", "sampling"),
    ("top_k", "topK", "sampling"),
    ("seed", "seed", "seed"),
    ("stop", "stopSequences", "stop"),
)
_LEVELS: tuple[Effort, ...] = ("minimal", "low", "medium", "high", "xhigh")
"""The levels of the API (google-genai 3.4.0, ``ThinkingLevel``), for models whose own are not known."""
_BUDGETS: dict[Effort, int] = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
"""Google's own reading of an effort as a budget (https://ai.google.dev/gemini-api/docs/openai, "Thinking")."""


def generation_config(request: Request, card: ModelCard, reporter: Reporter) -> JsonObject:
    """The configuration, empty when the request asks for nothing.

    Raises ``InvalidRequestError`` for an output limit of 0, ``UnsupportedFeatureError`` for a JSON answer with
    tools where the model takes one of the two only.
    """
    config: JsonObject = {}
    _set_limit(request, card, reporter, config)
    _set_sampling(request, card, reporter, config)
    _set_penalties(request, card, reporter, config)
    if request.top_logprobs is not None:
        config["responseLogprobs"] = True
        if request.top_logprobs:
            config["logprobs"] = request.top_logprobs
    if request.reasoning is not None:
        thinking = _thinking(request.reasoning, card, reporter)
        if thinking:
            config["thinkingConfig"] = thinking
    if request.output is not None:
        _set_output(request, request.output, card, reporter, config)
    return config


def _set_limit(request: Request, card: ModelCard, reporter: Reporter, config: JsonObject) -> None:
    """The output limit; thoughts count towards it (https://ai.google.dev/gemini-api/docs/thinking)."""
    wanted = request.max_output_tokens
    if wanted is None:
        return
    if wanted == 0:
        raise InvalidRequestError(
            "Gemini takes no max_output_tokens of 0.", hint="Leave it out for the model's own."
        )
    limits = card.limits
    most = limits.context_window if card.rules.get("continues") else limits.max_output_tokens
    if most is not None and wanted > most:
        reporter.clamp("max_output_tokens", f"the model writes at most {most} tokens")
        wanted = most
    config["maxOutputTokens"] = wanted


def _set_sampling(request: Request, card: ModelCard, reporter: Reporter, config: JsonObject) -> None:
    for field, name, needed in _CONFIG:
        value = getattr(request, field)
        if value is None:
            continue
        capability = card.capability(needed)
        if capability.state == "unsupported":
            reporter.drop(field, capability.limits or f"the model takes no {field}")
            continue
        if capability.state == "partial":
            reporter.relax(field, capability.limits or "the model may ignore it")
        config[name] = list(value) if field == "stop" else value
    if len(config.get("stopSequences", ())) > _MOST_STOPS:
        config["stopSequences"] = config["stopSequences"][:_MOST_STOPS]
        reporter.clamp("stop", f"Gemini takes at most {_MOST_STOPS} stop sequences")
    if config.get("temperature", 0) > _HOTTEST:
        config["temperature"] = _HOTTEST
        reporter.clamp("temperature", f"Gemini takes at most {_HOTTEST:g}")


def _set_penalties(request: Request, card: ModelCard, reporter: Reporter, config: JsonObject) -> None:
    refused = card.rules.get("penalties") is False
    for field, name in (("frequency_penalty", "frequencyPenalty"), ("presence_penalty", "presencePenalty")):
        value = getattr(request, field)
        if value is None:
            continue
        if refused:
            reporter.drop(field, "Google refuses penalties on models since Gemini 3.6 and on 3.5 Flash-Lite")
        elif value > _HIGHEST_PENALTY:
            reporter.clamp(field, "Gemini takes penalties below 2")
            config[name] = _HIGHEST_PENALTY
        else:
            config[name] = value


def _thinking(asked: ReasoningOptions, card: ModelCard, reporter: Reporter) -> JsonObject:
    control = card.reasoning.control
    if card.known and control is None:
        reporter.drop("reasoning", "how the model is told to think is not documented")
        return {}
    config = _budget(asked, card, reporter) if control == "budget" else _level(asked, card, reporter)
    if asked.summary is not None:
        _set_summary(asked.summary, reporter, config)
    return config


def _level(asked: ReasoningOptions, card: ModelCard, reporter: Reporter) -> JsonObject:
    if asked.budget_tokens is not None:
        reporter.drop("reasoning.budget_tokens", "the model takes a level of thinking, not a budget")
    if asked.effort is None:
        return {}
    level = nearest_effort(asked.effort, card.reasoning.efforts or _LEVELS)
    if level != asked.effort:
        reporter.clamp("reasoning.effort", f"the nearest level the model takes is {level}")
    return {"thinkingLevel": level.upper()}


def _budget(asked: ReasoningOptions, card: ModelCard, reporter: Reporter) -> JsonObject:
    rule = card.rules.get("thinking_budget", {})
    least, most = rule.get("min", 1), rule.get("max", _BUDGETS["high"])
    if asked.budget_tokens is not None:
        field, wanted = "reasoning.budget_tokens", asked.budget_tokens
    elif asked.effort is not None:
        field, wanted = "reasoning.effort", _BUDGETS.get(asked.effort, most)
    else:
        return {}
    if wanted == 0 and rule.get("off"):
        return {"thinkingBudget": 0}
    budget = min(max(wanted, least), most)
    if budget != wanted:
        reporter.clamp(field, f"the model takes budgets from {least} to {most} tokens: {budget} is the nearest")
    elif asked.budget_tokens is None:
        reporter.note(field, "converted", f"the model takes a budget: {asked.effort} is {budget} tokens")
    return {"thinkingBudget": budget}


def _set_summary(summary: str, reporter: Reporter, config: JsonObject) -> None:
    """Ask for summaries of the thoughts, or not; thinking that is off has none, and Google refuses the wish."""
    if summary in ("concise", "detailed"):
        reporter.relax("reasoning.summary", "Gemini has one kind of summary")
    if summary == "none":
        config["includeThoughts"] = False
    elif config.get("thinkingBudget") == 0:
        reporter.drop("reasoning.summary", "thinking is off")
    else:
        config["includeThoughts"] = True


def _set_output(
    request: Request, output: OutputFormat, card: ModelCard, reporter: Reporter, config: JsonObject
) -> None:
    needed: CapabilityName = "json_mode" if output.json_schema is None else "structured_output"
    capability = card.capability(needed)
    if capability.state == "unsupported":
        reporter.drop("output", capability.limits or "the model answers in plain text only")
        return
    if request.tools and card.rules.get("json_with_tools") is False:
        raise UnsupportedFeatureError(
            f"{card.ref} answers in JSON or calls tools, not both.",
            feature="output",
            model=card.ref,
            hint="Leave out the tools or the output format, or use a model since Gemini 3.",
        )
    config["responseMimeType"] = "application/json"
    if output.json_schema is None:
        return
    described = {"description": output.description} if output.description else {}
    config["responseJsonSchema"], changes = fit_schema({**described, **output.json_schema})
    changes.report(reporter, "output", checked=output.checked)

"""Refusals of the Gemini API for the body of a request."""

from __future__ import annotations

import base64
import re
from typing import Any

from modelyard.provider import Definitions, JsonObject, ModelCard, find_cycle
from modelyard.testing import known_fields, require, tool_names
from modelyard_gemini.messages import MISSING_SIGNATURE

__all__ = ["check_body", "check_count", "make_signature", "signs"]

_FIELDS = frozenset(
    "contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent labels "
    "serviceTier store continuationToken".split()
)
_UNCOUNTED = frozenset({"serviceTier", "labels", "store", "continuationToken"})
_CONFIG = frozenset(
    "temperature topP topK candidateCount maxOutputTokens stopSequences seed presencePenalty frequencyPenalty "
    "responseMimeType responseSchema responseJsonSchema thinkingConfig mediaResolution responseModalities "
    "responseLogprobs logprobs speechConfig imageConfig".split()
)
_DATA = {
    "text": None,
    "inlineData": frozenset({"mimeType", "data", "displayName"}),
    "fileData": frozenset({"mimeType", "fileUri", "displayName"}),
    "functionCall": frozenset({"id", "name", "args"}),
    "functionResponse": frozenset({"id", "name", "response", "parts", "willContinue", "scheduling"}),
    "executableCode": frozenset({"id", "language", "code"}),
    "codeExecutionResult": frozenset({"id", "outcome", "output"}),
    "toolCall": None,
    "toolResponse": None,
}
_BESIDE = frozenset({"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"})
_DECLARATION = frozenset(
    "name description parameters parametersJsonSchema response responseJsonSchema behavior".split()
)
_KEYWORDS = frozenset(
    "$id $defs $ref $anchor type format title description enum items prefixItems minItems maxItems "
    "minimum maximum anyOf oneOf properties additionalProperties required propertyOrdering".split()
)
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_LABEL = re.compile(r"[a-z0-9_-]{0,63}")
_LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")


def signs(card: ModelCard) -> bool:
    """Return whether a model signs its calls and wants the signatures back: those since Gemini 3 do."""
    return not card.known or bool(card.rules.get("call_signatures"))


def make_signature(model: str, number: int) -> str:
    """A signature of a model's."""
    return base64.b64encode(f"{model}|{number}".encode()).decode("ascii")


def check_count(body: JsonObject, model: str, card: ModelCard) -> None:
    """Reject a request to count tokens that Google would refuse."""
    known_fields(body, {"generateContentRequest", "contents"})
    require(len(body) == 1, "Exactly one of contents and generateContentRequest must be set.")
    whole = {**body.get("generateContentRequest", body)}
    if "generateContentRequest" in body:
        require(whole.pop("model", None) == f"models/{model}", "The model of the request is another one.")
    known_fields(whole, _FIELDS - _UNCOUNTED, "generate_content_request.")
    check_body(whole, model, card)


def check_body(body: JsonObject, model: str, card: ModelCard) -> None:
    """Reject a request Google would answer with status 400."""
    known_fields(body, _FIELDS)
    _check_service(body)
    instruction = body.get("systemInstruction")
    if instruction is not None:
        require(all(part.get("text") for part in instruction["parts"]), "system_instruction must have text.")
    contents = body.get("contents")
    require(isinstance(contents, list) and contents, "contents is not specified")
    assert contents is not None
    for content in contents:
        _check_content(content, model)
    _check_order(contents)
    if card.capability("prefill").state == "unsupported":
        require(contents[-1]["role"] == "user", "Requests ending with a model turn are not supported.")
    if signs(card):
        _check_signatures(contents)
    _check_tools(body.get("tools"), body.get("toolConfig"))
    config = body.get("generationConfig", {})
    _check_config(config)
    _check_model_rules(config, card, tools=bool(body.get("tools")))


def _check_service(body: JsonObject) -> None:
    tier = body.get("serviceTier", "standard")
    require(tier in ("flex", "standard", "priority"), f"Invalid value at 'service_tier': {tier!r}.")
    for key, value in body.get("labels", {}).items():
        fits = key[:1].isalpha() and _LABEL.fullmatch(key) and _LABEL.fullmatch(value)
        require(fits, f"Invalid label {key!r}: {value!r}.")
    if body.get("cachedContent"):
        beside = body.keys() & {"systemInstruction", "tools", "toolConfig"}
        require(not beside, "CachedContent can not be used with system_instruction, tools or tool_config.")
    if "continuationToken" in body:
        _decode(body["continuationToken"], "Invalid continuation token.")


def _decode(data: Any, refusal: str) -> bytes:
    """The bytes of base64 in either alphabet, padded or not, as Google reads it."""
    try:
        text = data.replace("-", "+").replace("_", "/")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, TypeError, AttributeError):
        require(False, refusal)
    return b""


def _check_content(content: JsonObject, model: str) -> None:
    known_fields(content, {"role", "parts"}, "contents.")
    role, parts = content.get("role"), content.get("parts")
    require(role in ("user", "model"), "Please use a valid role: user, model.")
    require(isinstance(parts, list) and parts, "contents.parts must not be empty.")
    for part in parts or ():
        known_fields(part, _DATA.keys() | _BESIDE, "contents.parts.")
        kinds = [kind for kind in _DATA if kind in part]
        signature = part.get("thoughtSignature")
        require(len(kinds) == 1 or (signature and not kinds), "required oneof field 'data' must have one field")
        for kind in kinds:
            _check_part(kind, part, str(role))
        if signature is not None:
            _check_signature(signature, model)


def _check_part(kind: str, part: JsonObject, role: str) -> None:
    value, fields = part[kind], _DATA[kind]
    if fields is not None:
        known_fields(value, fields, f"contents.parts.{kind}.")
    if kind == "text":
        require(value or part.get("thoughtSignature"), "Unable to submit request: it has an empty text parameter.")
    elif kind == "functionCall":
        require(role == "model", "A function call must be in a turn of the model.")
        require(isinstance(value.get("args"), dict), "function_call.args: Proto field is not repeating.")
    elif kind == "functionResponse":
        require(role == "user", "A function response must be in a turn of the user.")
        require(value.get("name"), "function_response.name: Name cannot be empty.")
        require(isinstance(value.get("response"), dict), 'Invalid value at "response": expected an object.')
    elif kind == "inlineData":
        require(value.get("mimeType"), "inline_data.mime_type: must not be empty.")
        require(_decode(value.get("data"), "Base64 decoding failed."), "inline_data.data: must not be empty.")
    elif kind == "fileData":
        require(value.get("fileUri"), "file_data.file_uri: must not be empty.")


def _check_signature(signature: str, model: str) -> None:
    if signature == MISSING_SIGNATURE:
        return
    try:
        made_by = base64.b64decode(signature, validate=True).decode().rpartition("|")[0]
    except ValueError:
        made_by = ""
    require(made_by == model, "Corrupted thought signature.")


def _of_kind(content: JsonObject, kind: str) -> list[JsonObject]:
    return [part[kind] for part in content["parts"] if kind in part]


def _check_order(contents: list[JsonObject]) -> None:
    """Calls follow a user's turn, and results follow calls: one each, under its name and its id."""
    before: JsonObject | None = None
    for content, after in zip(contents, [*contents[1:], None], strict=True):
        calls, answered = _of_kind(content, "functionCall"), _of_kind(content, "functionResponse")
        if calls:
            message = "Please ensure that function call turn comes immediately after a user turn."
            require(before is not None and before["role"] == "user", message)
            results = _of_kind(after, "functionResponse") if after is not None else []
            _check_pairs(calls, results)
        if answered:
            asked = _of_kind(before, "functionCall") if before is not None else []
            message = "Please ensure that function response turn comes immediately after a function call turn."
            require(asked, message)
        before = content


def _check_pairs(calls: list[JsonObject], results: list[JsonObject]) -> None:
    message = (
        "Please ensure that the number of function response parts is equal to the number of function call parts "
        "of the function call turn."
    )
    require(len(calls) == len(results), message)
    for call, result in zip(calls, results, strict=True):
        require(call["name"] == result["name"], f"The function response {result['name']} answers no call.")
        require(call.get("id") == result.get("id"), "function_response.id must be that of the function call.")


def _check_signatures(contents: list[JsonObject]) -> None:
    """The first call of each step of the current turn must be signed; the turn begins where a user last spoke."""
    spoken = [
        place
        for place, content in enumerate(contents)
        if content["role"] == "user" and not _of_kind(content, "functionResponse")
    ]
    start = spoken[-1] if spoken else 0
    for place, content in enumerate(contents[start:], start):
        calls = [part for part in content["parts"] if "functionCall" in part]
        if calls:
            message = (
                "Function call is missing a thought_signature in functionCall parts. Additional data, function "
                f"call `default_api:{calls[0]['functionCall']['name']}`, position {place + 1}."
            )
            require(calls[0].get("thoughtSignature"), message)


def _check_tools(tools: Any, config: Any) -> None:
    declared = [entry for tool in tools or () for entry in tool.get("functionDeclarations", ())]
    require(tools is None or tools, "tools must not be empty.")
    for entry in declared:
        known_fields(entry, _DECLARATION, "tools.function_declarations.")
        require(
            "parameters" not in entry or "parametersJsonSchema" not in entry, "parameters: oneof is already set."
        )
        if "parametersJsonSchema" in entry:
            require(
                entry["parametersJsonSchema"].get("type", "object") == "object", "parameters must be an object."
            )
            _check_root(entry["parametersJsonSchema"], "parameters")
    names = [entry.get("name") for entry in declared]
    tool_names(names, _NAME)
    choice = (config or {}).get("functionCallingConfig")
    if choice is None:
        return
    require(declared, "Function calling config is set without function_declarations.")
    require(choice.get("mode") in ("AUTO", "ANY", "NONE", "VALIDATED"), "Invalid value at 'mode'.")
    allowed = choice.get("allowedFunctionNames", [])
    require(not allowed or choice["mode"] in ("ANY", "VALIDATED"), "allowed_function_names needs the mode ANY.")
    require(set(allowed) <= set(names), "allowed_function_names must be declared.")


def _check_root(schema: JsonObject, where: str) -> None:
    _check_schema(schema, where)
    cycle = find_cycle(schema, Definitions(schema), required_only=True)
    require(cycle is None, f"{where}: cyclic references are allowed in optional properties only, not at {cycle}.")


def _check_schema(schema: Any, where: str) -> None:
    if isinstance(schema, bool):
        return
    for keyword in schema:
        require(keyword in _KEYWORDS, f'Unknown name "{keyword}" at {where!r}: Cannot find field.')
    if "$ref" in schema:
        require(all(key.startswith("$") for key in schema), f"{where}: $ref must stand alone.")
    require("" not in schema.get("enum", ()), f"{where}.enum: cannot be empty")
    if "properties" in schema:
        require(schema["properties"], f"{where}.properties: should be non-empty for OBJECT type")
    for child in _children(schema):
        _check_schema(child, where)


def _children(schema: JsonObject) -> list[Any]:
    found = [schema[keyword] for keyword in ("items", "additionalProperties") if keyword in schema]
    for keyword in ("anyOf", "oneOf", "prefixItems"):
        found += schema.get(keyword, [])
    for keyword in ("properties", "$defs"):
        found += schema.get(keyword, {}).values()
    return found


def _check_config(config: JsonObject) -> None:
    known_fields(config, _CONFIG, "generation_config.")
    require(config.get("maxOutputTokens", 1) > 0, "max_output_tokens must be positive.")
    require(0 <= config.get("temperature", 1) <= 2, "temperature must be in the range [0.0, 2.0].")
    require(len(config.get("stopSequences", ())) <= 5, "The number of stop_sequences must be at most 5.")
    for name in ("frequencyPenalty", "presencePenalty"):
        require(-2 <= config.get(name, 0) < 2, f"{name} must be in the range [-2.0, 2.0).")
    if "logprobs" in config:
        require(config.get("responseLogprobs"), "logprobs needs response_logprobs.")
        require(0 <= config["logprobs"] <= 20, "logprobs must be in the range [0, 20].")
    schemas = [name for name in ("responseSchema", "responseJsonSchema") if name in config]
    require(len(schemas) < 2, "response_schema and response_json_schema are both set.")
    typed = config.get("responseMimeType") == "application/json"
    require(not schemas or typed, "response_schema needs response_mime_type application/json.")
    if "responseJsonSchema" in config:
        _check_root(config["responseJsonSchema"], "response_json_schema")


def _check_model_rules(config: JsonObject, card: ModelCard, *, tools: bool) -> None:
    """What the model itself refuses, by the facts on its card."""
    most = card.limits.context_window if card.rules.get("continues") else card.limits.max_output_tokens
    wanted = config.get("maxOutputTokens", 1)
    require(wanted <= (most or wanted), f"The supported range of max_output_tokens is from 1 to {most}.")
    if card.rules.get("penalties") is False:
        require(not config.keys() & {"frequencyPenalty", "presencePenalty"}, "Penalty is not enabled.")
    if tools and card.rules.get("json_with_tools") is False:
        typed = config.get("responseMimeType") == "application/json"
        require(not typed, "Function calling with a response mime type: 'application/json' is unsupported")
    thinking = config.get("thinkingConfig", {})
    known_fields(thinking, {"includeThoughts", "thinkingBudget", "thinkingLevel"}, "thinking_config.")
    require(len(thinking.keys() & {"thinkingBudget", "thinkingLevel"}) < 2, "Level and budget are both set.")
    control = card.reasoning.control
    if "thinkingLevel" in thinking:
        level = thinking["thinkingLevel"]
        require(control != "budget", "Thinking level is not supported for this model.")
        efforts = [effort.upper() for effort in card.reasoning.efforts] or _LEVELS
        require(level.upper() in efforts, f"Thinking level {level} is not supported for this model.")
    if "thinkingBudget" in thinking:
        require(control != "level", "Thinking budget is not supported for this model.")
        _check_budget(thinking, card.rules.get("thinking_budget", {}))


def _check_budget(thinking: JsonObject, rule: JsonObject) -> None:
    budget = thinking["thinkingBudget"]
    if budget == 0:
        require(rule.get("off", True), "Budget 0 is invalid. This model only works in thinking mode.")
        require(not thinking.get("includeThoughts"), "include_thoughts is only enabled when thinking is enabled.")
    elif budget != -1:
        fits = rule.get("min", 1) <= budget <= rule.get("max", budget)
        require(fits, f"The thinking budget {budget} is invalid.")

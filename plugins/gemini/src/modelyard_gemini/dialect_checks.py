"""What the Gemini API refuses in the body of a request."""

from __future__ import annotations

import base64
import re
from typing import Any

from modelyard.testing.checks import known_fields, require, tool_names
from modelyard.types.base import JsonObject
from modelyard_gemini.messages import MISSING_SIGNATURE

__all__ = ["check_body", "make_signature", "signs"]

_FIELDS = frozenset(
    "contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent labels "
    "serviceTier store continuationToken".split()
)
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
_UNSIGNED = ("gemini-2", "gemma-")


def signs(model: str) -> bool:
    """Whether a model signs its calls and wants the signatures back: those since Gemini 3 do."""
    return not model.startswith(_UNSIGNED)


def make_signature(model: str, number: int) -> str:
    """A signature of a model's."""
    return base64.b64encode(f"{model}|{number}".encode()).decode("ascii")


def check_body(body: JsonObject, model: str) -> None:
    """Reject a request Google would answer with status 400."""
    known_fields(body, _FIELDS)
    instruction = body.get("systemInstruction")
    if instruction is not None:
        require(all(part.get("text") for part in instruction["parts"]), "system_instruction must have text.")
    contents = body.get("contents")
    require(isinstance(contents, list) and contents, "contents is not specified")
    assert contents is not None
    for content in contents:
        _check_content(content, model)
    _check_order(contents)
    if signs(model):
        require(contents[-1]["role"] == "user", "Requests ending with a model turn are not supported.")
        _check_signatures(contents)
    _check_tools(body.get("tools"), body.get("toolConfig"))
    _check_config(body.get("generationConfig", {}))


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
    elif kind in ("inlineData", "fileData"):
        require(value.get("mimeType") or kind == "fileData", f"{kind}.mimeType: must not be empty.")


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
            _check_schema(entry["parametersJsonSchema"], "parameters")
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


def _check_schema(schema: Any, where: str) -> None:
    if isinstance(schema, bool):
        return
    for keyword in schema:
        require(keyword in _KEYWORDS, f'Unknown name "{keyword}" at {where!r}: Cannot find field.')
    if "$ref" in schema:
        require(all(key.startswith("$") for key in schema), f"{where}: $ref must stand alone.")
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
    schemas = [name for name in ("responseSchema", "responseJsonSchema") if name in config]
    require(len(schemas) < 2, "response_schema and response_json_schema are both set.")
    typed = config.get("responseMimeType") == "application/json"
    require(not schemas or typed, "response_schema needs response_mime_type application/json.")

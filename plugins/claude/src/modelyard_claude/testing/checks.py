"""Refusals of the Messages API, in its own words where they are known."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any
from urllib.parse import parse_qs

from modelyard.provider import JsonObject
from modelyard.testing import (
    Received,
    Rejection,
    bearer_key,
    json_body,
    known_fields,
    nonempty_text,
    require,
    tool_names,
)
from modelyard_claude.counting import COUNT_PATH
from modelyard_claude.testing.controls import (
    NAMED,
    SAMPLED,
    check_choice,
    check_held_schema,
    check_limits,
    check_markers,
    check_output,
    check_thinking,
)
from modelyard_claude.testing.types import SdkTypes

__all__ = ["MODELS_PATH", "check_headers", "check_list", "check_request", "sign"]

MODELS_PATH = "/v1/models"

_VERSIONS = ("2023-06-01", "2026-10-21")
_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
_FIELDS = frozenset(
    "model max_tokens messages system tools tool_choice thinking output_config stop_sequences stream metadata "
    "cache_control service_tier speed inference_geo container diagnostics user_profile_id".split()
)
_NO_SYSTEM_TURNS = (*SAMPLED, "claude-opus-4-7", "claude-sonnet-5")
_NO_PREFILL = tuple(
    f"claude-{name}"
    for name in "fable mythos-5 opus-5 sonnet-5 haiku-5 opus-4-6 opus-4-7 opus-4-8 sonnet-4-6".split()
)
_SYSTEM_TURNS = ("claude-sonnet-5-5",)
_COUNT_FIELDS = frozenset(
    "model messages system tools tool_choice thinking output_config cache_control speed user_profile_id".split()
)
_BLOCKS: dict[str, frozenset[str]] = {
    "text": frozenset({"type", "text", "cache_control", "citations"}),
    "image": frozenset({"type", "source", "cache_control", "transformations"}),
    "document": frozenset({"type", "source", "title", "context", "citations", "cache_control"}),
    "search_result": frozenset({"type", "source", "title", "content", "citations", "cache_control"}),
    "thinking": frozenset({"type", "thinking", "signature"}),
    "redacted_thinking": frozenset({"type", "data"}),
    "tool_use": frozenset({"type", "id", "name", "input", "caller", "toolset_name", "cache_control"}),
    "container_upload": frozenset({"type", "file_id", "cache_control"}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "toolset_name", "cache_control"}),
}
_TOOL = frozenset(
    "type name description input_schema strict cache_control defer_loading eager_input_streaming input_examples "
    "allowed_callers".split()
)
_USER = frozenset({"text", "image", "document", "search_result", "tool_result", "container_upload"})
_RESULT = frozenset({"text", "image", "document", "search_result", "tool_reference"})
_MODEL = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})
_THINKING = ("thinking", "redacted_thinking")
_SERVER_BLOCK = re.compile(r"server_tool_use|mcp_tool_use|compaction|fallback|\w+_tool_result")
_ID = re.compile(r"[a-zA-Z0-9_-]+")


def sign(model: str, thinking: str) -> str:
    """The signature the emulator gives to thinking: it holds for one model and one text."""
    return f"sig.{hashlib.sha256(f'{model}|{thinking}'.encode()).hexdigest()[:24]}"


def check_headers(received: Received) -> None:
    """Reject a wrong path, no key, or no version."""
    known = received.path in ("/v1/messages", COUNT_PATH, MODELS_PATH)
    require(known, "Not Found", status=404, kind="model_not_found")
    require(received.path == MODELS_PATH or not received.query, f"Unknown query {received.query!r}.")
    if "x-api-key" not in received.headers:
        bearer_key(received)
    version = received.headers.get("anthropic-version")
    require(version in _VERSIONS, f"anthropic-version: {version!r} is not a valid version.")


def check_list(received: Received) -> None:
    """Reject a question for models the API would refuse."""
    require(received.method == "GET", "Method not allowed.", status=405)
    limit = parse_qs(received.query).get("limit", ["20"])[0]
    require(limit.isdigit() and 1 <= int(limit) <= 1000, "limit: Input should be from 1 to 1000")


def check_request(received: Received, types: SdkTypes) -> None:
    """Reject a body the API would refuse, whether it asks for an answer or for a count."""
    body = json_body(received)
    model = body.get("model")
    require(isinstance(model, str) and model, "model: Field required")
    counting = received.path == COUNT_PATH
    beta = received.headers.get("anthropic-beta", "")
    sampling = _takes_sampling(received, body)
    _check_fields(body, model_takes_sampling=sampling, counting=counting, beta=beta)
    if not counting:
        check_limits(body, beta=beta)
    check_thinking(body)
    if "system" in body:
        _check_system(body["system"])
    _check_tools(body)
    _check_messages(body)
    blocks = _all_blocks(body)
    check_output(body, blocks)
    check_markers(body, blocks)
    kind = "count" if counting else "stream" if body.get("stream") else "create"
    fields = {name: value for name, value in body.items() if not (sampling and name in _SAMPLING)}
    types.check(kind, fields, beta=bool(beta))


def _all_blocks(body: JsonObject) -> list[JsonObject]:
    """The blocks of all messages, those inside results before the results themselves."""
    found: list[JsonObject] = []
    for number, message in enumerate(body["messages"]):
        for block in _blocks_of(message, number):
            inner = block.get("content") if block["type"] == "tool_result" else None
            found += inner if isinstance(inner, list) else ()
            found.append(block)
    return found


def _takes_sampling(received: Received, body: JsonObject) -> bool:
    model: str = body["model"]
    takes = model.startswith(SAMPLED) or not model.startswith(NAMED)
    return takes and received.headers["anthropic-version"] == "2023-06-01"


def _check_fields(body: JsonObject, *, model_takes_sampling: bool, counting: bool, beta: str) -> None:
    fields = _COUNT_FIELDS if counting else _FIELDS
    for name in body:
        known = name in fields or beta or (model_takes_sampling and name in _SAMPLING)
        require(known, f"{name}: Extra inputs are not permitted")
    require(not {"temperature", "top_p"} <= set(body), "`temperature` and `top_p` cannot both be specified")
    thinking = (body.get("thinking") or {}).get("type") in ("adaptive", "enabled")
    require(
        not thinking or body.get("temperature", 1) == 1, "`temperature` may only be 1 when thinking is enabled"
    )
    require(not thinking or "top_k" not in body, "`top_k` must be unset when thinking is enabled")
    require(not thinking or body.get("top_p", 1) >= 0.95, "`top_p` must be at least 0.95 when thinking is enabled")
    known_fields(body.get("metadata") or {}, {"user_id"}, "metadata.")
    for text in body.get("stop_sequences") or ():
        require(text.strip(), "stop_sequences: each stop sequence must contain non-whitespace")


def _check_system(system: Any) -> None:
    for block in [{"type": "text", "text": system}] if isinstance(system, str) else system:
        require(block.get("type") == "text", "system: only text blocks are allowed")
        nonempty_text(block.get("text"), "system: text content blocks")


def _check_tools(body: JsonObject) -> None:
    tools, choice = body.get("tools"), body.get("tool_choice")
    require(choice is None or tools, "tool_choice may only be specified while providing tools.")
    for number, tool in enumerate(tools or ()):
        if tool.get("type", "custom") != "custom":
            continue
        known_fields(tool, _TOOL, "tools.")
        schema = tool.get("input_schema")
        require(isinstance(schema, dict), f"tools.{number}.input_schema: Field required")
        require(schema.get("type") == "object", f"tools.{number}.input_schema.type: Field required")
        if tool.get("strict"):
            check_held_schema(schema, f"tools.{number}.input_schema")
    tool_names([tool.get("name") for tool in tools or ()])
    if choice is not None:
        check_choice(choice, body)


def _check_messages(body: JsonObject) -> None:
    messages: Any = body.get("messages")
    require(isinstance(messages, list) and messages, "messages: at least one message is required")
    require(messages[0].get("role") != "system", "messages.0: use the top-level 'system' parameter")
    seen: set[str] = set()
    expected: list[str] = []
    for number, message in enumerate(messages):
        known_fields(message, {"role", "content"}, f"messages.{number}.")
        blocks = _blocks_of(message, number)
        role = message["role"]
        if role == "system":
            _check_system_turn(messages, number, body)
        else:
            _check_content(blocks, role, body, f"messages.{number}")
        if expected or role == "user":
            _check_results(blocks, expected, number)
        expected = [block["id"] for block in blocks if block["type"] == "tool_use"]
        for call_id in expected:
            require(call_id not in seen, "messages: `tool_use` ids must be unique")
            seen.add(call_id)
    require(not expected, f"messages: `tool_use` ids without `tool_result` blocks: {', '.join(expected)}")
    _check_end(messages[-1], body)
    _check_citations(_all_blocks(body))


def _check_citations(blocks: list[JsonObject]) -> None:
    """Citations are on for all documents of a request or for none."""
    states = {
        bool((block.get("citations") or {}).get("enabled")) for block in blocks if block["type"] == "document"
    }
    require(len(states) < 2, "Citations must be enabled on all or none of the documents in a request.")


def _blocks_of(message: JsonObject, number: int) -> list[JsonObject]:
    role, content = message.get("role"), message.get("content")
    blocks: Any = [{"type": "text", "text": content}] if isinstance(content, str) else content
    require(role in ("user", "assistant", "system"), f"messages.{number}.role: Unexpected role {role!r}")
    require(isinstance(blocks, list) and blocks, f"messages.{number}: all messages must have non-empty content")
    return list(blocks)


def _check_system_turn(messages: list[JsonObject], number: int, body: JsonObject) -> None:
    model: str = body["model"]
    takes = model.startswith(_SYSTEM_TURNS) or not model.startswith(_NO_SYSTEM_TURNS)
    require(takes, "role 'system' is not supported on this model")
    require(messages[number - 1]["role"] in ("user", "system"), "a system message must follow a user message")
    follower = messages[number + 1]["role"] if number + 1 < len(messages) else "assistant"
    require(follower in ("assistant", "system"), "a system message must come last or before an assistant message")


def _check_content(blocks: list[JsonObject], role: str, body: JsonObject, where: str) -> None:
    for index, block in enumerate(blocks):
        kind = str(block.get("type"))
        if role == "assistant" and _SERVER_BLOCK.fullmatch(kind):
            continue
        allowed = _USER if role == "user" else _MODEL
        require(kind in allowed, f"{where}.content.{index}: a {kind} block is not allowed for role {role}")
        known_fields(block, _BLOCKS[kind], f"{where}.content.{index}.")
        _check_block(block, role, body, f"{where}.content.{index}")
    if role == "assistant":
        require(blocks[-1]["type"] not in _THINKING, f"{where}: The final block cannot be `thinking`.")
        _check_thought_first(blocks, where)


def _check_block(block: JsonObject, role: str, body: JsonObject, where: str) -> None:
    kind = block["type"]
    if kind == "text":
        nonempty_text(block.get("text"), f"{where}: text content blocks")
        require(role == "assistant" or not block.get("citations"), f"{where}.citations: not allowed here")
    elif kind in ("image", "document"):
        _check_source(block.get("source") or {}, kind, where)
    elif kind == "search_result":
        require(block.get("content"), f"{where}.content: at least one text block is required")
    elif kind == "tool_use":
        require(_ID.fullmatch(str(block.get("id"))), f"{where}.id: String should match pattern")
        require(isinstance(block.get("input"), dict), f"{where}.input: Input should be a valid dictionary")
    elif kind == "thinking":
        genuine = block.get("signature") == sign(body["model"], block.get("thinking", ""))
        require(genuine, f"{where}: Invalid `signature` in `thinking` block")
        require((body.get("thinking") or {}).get("type") != "disabled", f"{where}: thinking is disabled")
    elif kind == "redacted_thinking":
        require(block.get("data"), f"{where}.data: Field required")
    elif kind == "tool_result":
        _check_result(block, body, where)


def _check_source(source: JsonObject, kind: str, where: str) -> None:
    form: Any = source.get("type")
    fields = {"base64": "media_type data", "url": "url", "file": "file_id"}
    if kind == "document":
        fields |= {"text": "media_type data", "content": "content"}
    require(form in fields, f"{where}.source.type: {form!r}")
    known_fields(source, {"type", *fields[form].split()}, f"{where}.source.")
    if form == "text":
        require(source.get("media_type") == "text/plain" and source.get("data"), f"{where}.source: not text")
    if form != "base64":
        return
    images = ("image/jpeg", "image/png", "image/gif", "image/webp")
    types = images if kind == "image" else ("application/pdf",)
    require(source.get("media_type") in types, f"{where}.source.media_type: {source.get('media_type')!r}")
    try:
        base64.b64decode(source.get("data", ""), validate=True)
    except (binascii.Error, TypeError):
        raise Rejection(f"{where}.source.data: not base64") from None


def _check_result(block: JsonObject, body: JsonObject, where: str) -> None:
    content = block.get("content")
    require(content or not block.get("is_error"), f"{where}: content cannot be empty if `is_error` is true")
    if not isinstance(content, list):
        return
    for index, inner in enumerate(content):
        require(
            inner.get("type") in _RESULT,
            f"{where}.content.{index}: not allowed here",
        )
        _check_block(inner, "user", body, f"{where}.content.{index}")


def _check_thought_first(blocks: list[JsonObject], where: str) -> None:
    """A call the emulator made after thinking must come back with that thinking before it."""
    thought = False
    for block in blocks:
        thought = thought or block["type"] in _THINKING
        if block["type"] == "tool_use" and block["id"].startswith("toolu_thought_"):
            require(thought, f"{where}: Expected `thinking` or `redacted_thinking`, but found `tool_use`.")


def _check_results(blocks: list[JsonObject], expected: list[str], number: int) -> None:
    """Each call is answered in the very next message, and answers come before anything else."""
    kinds = [block["type"] for block in blocks]
    found = [block.get("tool_use_id") for block in blocks if block["type"] == "tool_result"]
    for call_id in expected:
        require(call_id in found, f"messages.{number}: `tool_use` ids without `tool_result` blocks: {call_id}")
    for answered in found:
        require(answered in expected, f"messages.{number}: unexpected `tool_use_id` in `tool_result`: {answered}")
    require("tool_result" not in kinds[len(found) :], f"messages.{number}: `tool_result` blocks must come first")


def _check_end(last: JsonObject, body: JsonObject) -> None:
    if last["role"] != "assistant" or _SERVER_BLOCK.fullmatch(str(_blocks_of(last, 0)[-1]["type"])):
        return
    require(
        not body["model"].startswith(_NO_PREFILL), "Prefilling assistant messages is not supported for this model."
    )
    text = _blocks_of(last, 0)[-1].get("text", "")
    require(not text or not text[-1].isspace(), "final assistant content cannot end with trailing whitespace")

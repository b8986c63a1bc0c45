"""How an outcome of ours is compared with what the official SDK decoded; stated apart from the plugins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import modelyard
from modelyard import Completion, ModelyardError, ProviderError
from modelyard.testing import Exchange

__all__ = ["differences"]

FINISH: dict[str, dict[str | None, str]] = {
    "anthropic": {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "tool_use": "tool_calls",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "refusal": "content_filter",
        "pause_turn": "unknown",
        "compaction": "unknown",
        None: "unknown",
    },
    "mistral": {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "model_length": "length"},
    "openai": {
        "stop": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "function_call": "tool_calls",
        "content_filter": "content_filter",
        "completed": "stop",
        "complete": "stop",
        "max_output_tokens": "length",
        "queued": "unknown",
        "in_progress": "unknown",
    },
    "gemini": {
        "STOP": "stop",
        "MAX_TOKENS": "length",
        "SAFETY": "content_filter",
        "PROHIBITED_CONTENT": "content_filter",
        "RECITATION": "content_filter",
        "IMAGE_SAFETY": "content_filter",
        "MODEL_ARMOR": "content_filter",
        "NO_IMAGE": "error",
        "MALFORMED_FUNCTION_CALL": "error",
        "UNEXPECTED_TOOL_CALL": "error",
        "OTHER": "unknown",
    },
}

ERROR_BY_CODE: dict[str | None, type[ProviderError]] = {
    "model_not_found": modelyard.ModelNotFoundError,
    "context_length_exceeded": modelyard.ContextWindowError,
}
ERROR_BY_STATUS: dict[int, type[ProviderError] | tuple[type[ProviderError], ...]] = {
    400: modelyard.InvalidRequestError,
    401: modelyard.AuthenticationError,
    404: modelyard.ModelNotFoundError,
    429: (modelyard.RateLimitError, modelyard.QuotaExceededError),
}


def differences(exchange: Exchange, outcome: Completion | ModelyardError) -> Iterator[str]:
    """Say in what an outcome differs from the expectation of its exchange; nothing when it does not."""
    expect = exchange.expect
    if expect is None:  # the SDK could not decode it; we must
        if not isinstance(outcome, Completion) or outcome.finish_reason == "unknown":
            yield f"expected a completion, found {outcome!r}"
        return
    if expect["error"]:
        yield from _compare_error(expect["error"], outcome)
        return
    if expect.get("block_reason"):
        yield from _compare_block(expect, outcome)
        return
    if isinstance(outcome, ModelyardError):
        yield f"raised {type(outcome).__name__}: {outcome}"
        return
    yield from _compare("text", expect["text"] or "", outcome.text)
    yield from _compare("reasoning", expect["reasoning_text"] or "", outcome.reasoning)
    yield from _compare("refusal", expect["refusal"] or "", outcome.refusal)
    yield from _compare("tool calls", _expected_calls(expect), _calls(outcome, expect))
    yield from _compare("finish", _expected_finish(exchange, expect, outcome), outcome.finish_reason)
    yield from _compare("raw finish", _native(expect), outcome.raw_finish_reason)
    yield from _compare("usage", _expected_usage(exchange.provider, expect["usage"]), _usage(outcome))
    yield from _compare("response id", expect.get("response_id"), outcome.response_id)
    yield from _compare("response model", expect.get("response_model"), outcome.response_model)


def _compare(what: str, expected: object, found: object) -> Iterator[str]:
    if expected != found:
        yield f"{what}: expected {expected!r}, found {found!r}"


def _compare_error(expected: Mapping[str, Any], outcome: Completion | ModelyardError) -> Iterator[str]:
    if not isinstance(outcome, ProviderError):
        yield f"expected an error, found {outcome!r}"
        return
    kind = ERROR_BY_CODE.get(expected["code"]) or ERROR_BY_STATUS[expected["status"]]
    if "API key not valid" in (expected["message"] or ""):  # Google says 400, and means the key
        kind = modelyard.AuthenticationError
    if not isinstance(outcome, kind):
        yield f"expected {kind}, found {type(outcome).__name__}: {outcome}"
    yield from _compare("status", expected["status"], outcome.status)
    message = (expected["message"] or "").replace("test-key", "[redacted]")
    if outcome.message not in message and message not in outcome.message:
        yield f"message: expected {message!r}, found {outcome.message!r}"


def _compare_block(expect: Mapping[str, Any], outcome: Completion | ModelyardError) -> Iterator[str]:
    if not isinstance(outcome, modelyard.ContentFilterError):
        yield f"expected a content filter error, found {outcome!r}"
    elif expect["block_reason"] not in (outcome.code or ""):
        yield f"block reason: expected {expect['block_reason']!r}, found {outcome.code!r}"


def _native(expect: Mapping[str, Any]) -> str | None:
    native: str | None = expect.get("incomplete_reason") or expect["finish_reason_native"]
    return native


def _expected_finish(exchange: Exchange, expect: Mapping[str, Any], outcome: Completion) -> str:
    native = _native(expect)
    if expect.get("refused"):
        return "content_filter"
    unified = FINISH[exchange.provider].get(native, f"no rule for {native!r}")
    return "tool_calls" if unified == "stop" and outcome.tool_calls else unified


def _expected_calls(expect: Mapping[str, Any]) -> list[tuple[str | None, str, object]]:
    calls: list[tuple[str | None, str, object]] = []
    for call in expect["tool_calls"] or []:
        text = call.get("arguments_unparsed", call.get("custom_input"))
        calls.append((call["id"], call["name"], text if text is not None else call["arguments"]))
    legacy = expect.get("legacy_function_call")
    if legacy:
        calls.append((None, legacy["name"], legacy["arguments"]))
    return calls


def _calls(outcome: Completion, expect: Mapping[str, Any]) -> list[tuple[str | None, str, object]]:
    """Our calls in the same form; ids we had to make up are compared as absent."""
    given = {call["id"] for call in expect["tool_calls"] or []}
    return [
        (
            call.id if call.id in given else None,
            call.name,
            call.arguments if call.arguments is not None else call.arguments_text,
        )
        for call in outcome.tool_calls
    ]


def _usage(outcome: Completion) -> dict[str, int | None]:
    usage = outcome.usage
    return {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cached_input": usage.cached_input_tokens,
        "cache_write": usage.cache_write_tokens,
        "reasoning": usage.reasoning_tokens,
    }


def _expected_usage(provider: str, native: Mapping[str, int | None] | None) -> dict[str, int | None]:
    """The provider's own numbers under our definition: input with cached tokens, output with reasoning."""
    empty = dict.fromkeys(("input", "output", "cached_input", "cache_write", "reasoning"))
    usage: dict[str, int | None] = {**empty, **(native or {})}
    if provider == "anthropic" and usage["input"] is not None:
        usage["input"] += (usage["cached_input"] or 0) + (usage["cache_write"] or 0)
    if provider == "gemini" and (usage["output"] is not None or usage["reasoning"] is not None):
        usage["output"] = (usage["output"] or 0) + (usage["reasoning"] or 0)
    return usage

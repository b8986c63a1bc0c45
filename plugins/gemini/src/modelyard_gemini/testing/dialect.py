"""Answers of Gemini to a script, and its refusals; for the emulator and for tests.

Rules follow Google's API reference, google-genai 3.4.0 and the requests and errors in public recordings, read
November 2026.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import parse_qs

from modelyard.provider import JsonObject, ModelCard
from modelyard.testing import (
    Call,
    Dialect,
    Failure,
    Received,
    Rejection,
    Reply,
    Script,
    Text,
    Think,
    json_body,
    require,
)
from modelyard_gemini.plugin import modelyard_models
from modelyard_gemini.testing.checks import check_body, check_count, make_signature, signs

__all__ = ["DIALECT", "GeminiDialect"]

_PATH = re.compile(r"/v1beta/models/([^/:]+):(generateContent|streamGenerateContent|countTokens)")
_MODELS = "/v1beta/models"
_GOOGLE = "type.googleapis.com/google.rpc."
_ERRORS: dict[str, tuple[int, str]] = {
    "authentication": (400, "INVALID_ARGUMENT"),
    "permission": (403, "PERMISSION_DENIED"),
    "quota": (429, "RESOURCE_EXHAUSTED"),
    "rate_limit": (429, "RESOURCE_EXHAUSTED"),
    "overloaded": (503, "UNAVAILABLE"),
    "server": (500, "INTERNAL"),
    "invalid_request": (400, "INVALID_ARGUMENT"),
    "context_window": (400, "INVALID_ARGUMENT"),
    "model_not_found": (404, "NOT_FOUND"),
}
_QUOTAS = {
    "quota": "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
    "rate_limit": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
}
_FINISH = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "error": "MALFORMED_FUNCTION_CALL",
}


class GeminiDialect(Dialect):
    """Serves ``/v1beta/models/{model}:generateContent`` and ``:streamGenerateContent?alt=sse``.

    Beside them ``:countTokens``, which answers with the script's input tokens, and the list of models. What a
    model refuses is read off its card.
    """

    provider = "gemini"
    model = "gemini-3.8-flash"

    def __init__(self) -> None:
        self._cards: dict[str, ModelCard] = {}

    def card(self, model: str) -> ModelCard:
        """The card of a model, all unknown for one that has none."""
        if not self._cards:
            self._cards = {card.id: card for card in modelyard_models()}
        return self._cards.get(model) or ModelCard.unknown("gemini", model)

    def check(self, received: Received) -> None:
        _check_key(received)
        if received.path == _MODELS and received.method == "GET":
            return
        body = json_body(received)
        found = _PATH.fullmatch(received.path)
        if found is None:
            raise Rejection(f"{received.path} is not found for API version v1beta.", 404, "model_not_found")
        if self.wants_stream(received):
            require(received.query == "alt=sse", "The answer would be a JSON array: ask for alt=sse.")
        card = self.card(found[1])
        if found[2] == "countTokens":
            check_count(body, found[1], card)
        else:
            check_body(body, found[1], card)

    def reply(self, script: Script, received: Received) -> Reply:
        if script.failure is None and received.path.endswith(":countTokens"):
            return Reply.json({"totalTokens": script.usage.input})
        if script.failure is None and received.path == _MODELS:
            self.card(self.model)
            return Reply.json(_page(list(self._cards.values()), received))
        return super().reply(script, received)

    def wants_stream(self, received: Received) -> bool:
        return received.path.endswith(":streamGenerateContent")

    def body(self, script: Script, received: Received) -> JsonObject:
        parts = [part for pieces in self._parts(script, received) for part in _joined(pieces)]
        return _response(script, received, parts, last=True)

    def events(self, script: Script, received: Received) -> list[bytes]:
        pieces = [piece for step in self._parts(script, received) for piece in step]
        # The last event has the finish reason, beside a last piece of text if only for a signature.
        tail = pieces.pop() if pieces and pieces[-1].get("text") == "" else {"text": ""}
        chunks = [_response(script, received, [piece], last=False) for piece in pieces]
        return [_event(chunk) for chunk in (*chunks, _response(script, received, [tail], last=True))]

    def _parts(self, script: Script, received: Received) -> list[list[JsonObject]]:
        """The parts of an answer, step by step, each in the pieces a stream sends.

        Models since Gemini 3 sign the first call of an answer, or its end where it calls nothing.
        """
        model, signed = _model(received), False
        signing = signs(self.card(model))
        steps: list[list[JsonObject]] = []
        for number, step in enumerate(script.steps):
            if isinstance(step, Text):
                steps.append([{"text": piece} for piece in step.pieces if piece])
            elif isinstance(step, Think):
                steps.append([{"text": piece, "thought": True} for piece in step.pieces if piece])
            elif step.cut_at is None:  # Gemini never sends half a call
                part = _call(step, number, received, signing=signing)
                if signing and not signed:
                    part["thoughtSignature"] = make_signature(model, number)
                    signed = True
                steps.append([part])
        if steps and signing and not signed:
            steps.append([{"text": "", "thoughtSignature": make_signature(model, len(steps))}])
        return steps

    def error(self, failure: Failure, received: Received) -> Reply:
        status = failure.status or _ERRORS[failure.kind][0]
        return Reply.json(_error(failure), status)

    def error_event(self, failure: Failure, received: Received) -> bytes:
        return _event(_error(failure))

    def headers(self) -> dict[str, str]:
        return {}  # Google sends no request id


def _check_key(received: Received) -> None:
    require("key=" not in received.query, "The key belongs into a header.")
    key = received.headers.get("x-goog-api-key", "")
    message = (
        "Method doesn't allow unregistered callers. Please use API Key or other form of API consumer identity."
    )
    require(key, message, status=403, kind="permission")
    message = "API key not valid. Please pass a valid API key."
    require("invalid" not in key, message, kind="authentication")


def _page(cards: list[ModelCard], received: Received) -> JsonObject:
    """A page of the list of models: two at a time, whatever is asked for, so that paging is seen to."""
    start = int(parse_qs(received.query).get("pageToken", ["0"])[0])
    models = [
        {
            "name": f"models/{card.id}",
            "displayName": card.label,
            "inputTokenLimit": card.limits.max_input_tokens or card.limits.context_window,
            "outputTokenLimit": card.limits.max_output_tokens,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
            "thinking": True,
        }
        for card in cards[start : start + 2]
    ]
    if not start:
        models.append({"name": "models/gemini-embedding-2", "supportedGenerationMethods": ["embedContent"]})
    more = start + 2 < len(cards)
    return {"models": models, **({"nextPageToken": str(start + 2)} if more else {})}


def _event(data: object) -> bytes:
    """Google ends its lines with CR and LF."""
    return b"data: %s\r\n\r\n" % json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _response(script: Script, received: Received, parts: list[JsonObject], *, last: bool) -> JsonObject:
    candidate: JsonObject = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if not parts:
        candidate["content"] = {"role": "model"}
    if last:
        candidate["finishReason"] = _FINISH.get(script.ends, "OTHER")
    return {
        "candidates": [candidate],
        "usageMetadata": _usage(script),
        "modelVersion": _model(received),
        "responseId": _response_id(received),
    }


def _usage(script: Script) -> JsonObject:
    """The counts of every event; figures that are 0 are left out, as Google does."""
    used = script.usage
    counts = {
        "promptTokenCount": used.input,
        "cachedContentTokenCount": used.cached,
        "candidatesTokenCount": used.output - used.reasoning,
        "thoughtsTokenCount": used.reasoning,
        "totalTokenCount": used.input + used.output,
    }
    return {name: value for name, value in counts.items() if value}


def _call(step: Call, number: int, received: Received, *, signing: bool) -> JsonObject:
    call: JsonObject = {"name": step.name, "args": step.arguments}
    if step.id is not None or signing:
        call["id"] = step.id or _digest(f"{_response_id(received)}:{number}")[:8]
    return {"functionCall": call}


def _joined(pieces: list[JsonObject]) -> list[JsonObject]:
    """The pieces of one step as a whole answer has them."""
    if len(pieces) < 2:
        return pieces
    return [{**pieces[0], "text": "".join(piece["text"] for piece in pieces)}]


def _model(received: Received) -> str:
    found = _PATH.fullmatch(received.path)
    return found[1] if found is not None else ""


def _response_id(received: Received) -> str:
    return _digest(received.body.decode("utf-8", "replace"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:20]


def _error(failure: Failure) -> JsonObject:
    status, word = _ERRORS[failure.kind]
    message = failure.message
    details: list[Any] = []
    if failure.kind == "authentication":
        details.append({"@type": f"{_GOOGLE}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"})
    elif failure.kind in _QUOTAS:
        details.append({"@type": f"{_GOOGLE}QuotaFailure", "violations": [{"quotaId": _QUOTAS[failure.kind]}]})
    elif failure.kind == "context_window":
        limit = "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576)."
        message = f"{message} {limit}"
    if failure.retry_after is not None:
        details.append({"@type": f"{_GOOGLE}RetryInfo", "retryDelay": f"{failure.retry_after:g}s"})
    error: JsonObject = {"code": failure.status or status, "message": message, "status": word}
    return {"error": {**error, "details": details} if details else error}


DIALECT = GeminiDialect()

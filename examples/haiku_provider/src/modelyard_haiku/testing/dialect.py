"""The poet's side of the wire, as strict as the poet."""

from __future__ import annotations

import json

from modelyard.provider import JsonObject
from modelyard.testing import (
    Dialect,
    Failure,
    FailureKind,
    Received,
    Reply,
    Script,
    Text,
    json_body,
    known_fields,
    nonempty_text,
    require,
    sse,
)

__all__ = ["DIALECT", "HaikuDialect"]

_FAILURES: dict[FailureKind, tuple[int, str]] = {
    "authentication": (401, "wrong key"),
    "permission": (403, "not for you"),
    "quota": (402, "unpaid"),
    "rate_limit": (429, "too many"),
    "overloaded": (503, "asleep"),
    "server": (500, "ink spilt"),
    "invalid_request": (400, "misread"),
    "context_window": (400, "too long"),
    "model_not_found": (404, "no such poet"),
}
_WHY = {"stop": "done", "length": "page full", "content_filter": "unfit to print"}


class HaikuDialect(Dialect):
    """Serves ``POST /v1/poems``."""

    provider = "haiku"
    model = "basho-1"

    def check(self, received: Received) -> None:
        key = received.headers.get("x-poet-key", "")
        require(key and "invalid" not in key, "This key opens no door.", status=401, kind="authentication")
        require(received.path == "/v1/poems", "There is nothing here.", status=404)
        body = json_body(received)
        known_fields(body, {"poet", "lines", "most", "heat", "seed", "stream"})
        lines = body.get("lines")
        require(isinstance(lines, list) and lines, "Nobody said anything.")
        for line in body["lines"]:
            known_fields(line, {"who", "text"}, "lines.")
            require(line.get("who") in ("publisher", "reader", "poet"), f"Who is {line.get('who')!r}?")
            nonempty_text(line.get("text"), "A line")
        require(body["lines"][-1]["who"] != "poet", "The poet speaks when spoken to.")

    def body(self, script: Script, received: Received) -> JsonObject:
        poem = "".join(step.text for step in script.steps if isinstance(step, Text))
        return {"id": "poem-7", "poem": poem, "end": _end(script)}

    def events(self, script: Script, received: Received) -> list[bytes]:
        said = [piece for step in script.steps if isinstance(step, Text) for piece in step.pieces]
        return [_event("open", "poem-7"), *(_event("say", piece) for piece in said), _event("end", _end(script))]

    def error(self, failure: Failure, received: Received) -> Reply:
        return Reply.json(_told(failure), failure.status or _FAILURES[failure.kind][0], self.headers())

    def error_event(self, failure: Failure, received: Received) -> bytes:
        return _event("fail", _told(failure))

    def headers(self) -> dict[str, str]:
        return {"x-poem-id": "req_emulated"}


def _event(word: str, value: object) -> bytes:
    return sse(f"{word} {json.dumps(value, ensure_ascii=False)}")


def _end(script: Script) -> JsonObject:
    used = script.usage
    why = _WHY.get(script.ends, script.ends)
    return {"why": why, "in": used.input, "remembered": used.cached, "out": used.output}


def _told(failure: Failure) -> JsonObject:
    told: JsonObject = {"what": _FAILURES[failure.kind][1], "said": failure.message}
    return told if failure.retry_after is None else {**told, "again_in": failure.retry_after}


DIALECT = HaikuDialect()

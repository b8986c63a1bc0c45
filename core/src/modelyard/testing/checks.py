"""Small checks dialects share: each raises ``Rejection`` in the words of an API that refuses a request."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from modelyard.testing.dialect import Rejection
from modelyard.testing.server import Received
from modelyard.types.base import JsonObject

__all__ = [
    "bearer_key",
    "json_body",
    "known_fields",
    "nonempty_text",
    "require",
    "tool_names",
]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def require(condition: object, message: str, *, status: int = 400, kind: str = "invalid_request") -> None:
    """Reject unless a condition holds."""
    if not condition:
        raise Rejection(message, status, kind)


def json_body(received: Received) -> JsonObject:
    """The request's JSON object."""
    require(received.method == "POST", "Method not allowed.", status=405)
    media_type = received.headers.get("content-type", "")
    require(media_type.startswith("application/json"), f"Unsupported content type {media_type!r}.", status=415)
    try:
        body: Any = json.loads(received.body)
    except ValueError:
        raise Rejection("The body is no JSON.") from None
    require(isinstance(body, dict), "The body is no JSON object.")
    checked: JsonObject = body
    return checked


def bearer_key(received: Received) -> None:
    """Reject a request without a bearer key, or with one that contains ``invalid``."""
    scheme, _, key = received.headers.get("authorization", "").partition(" ")
    require(scheme == "Bearer" and key, "No API key was given.", status=401, kind="authentication")
    require("invalid" not in key, f"Incorrect API key provided: {key}.", status=401, kind="authentication")


def known_fields(value: Mapping[str, Any], known: Collection[str], where: str = "") -> None:
    """Reject a field the API does not document."""
    for name in value:
        require(name in known, f"Unknown parameter: '{where}{name}'.")


def nonempty_text(value: object, where: str) -> None:
    """Reject anything but text with a visible character."""
    require(isinstance(value, str) and value.strip(), f"{where} must not be empty.")


def tool_names(names: Collection[object], pattern: re.Pattern[str] = _NAME) -> None:
    """Reject tool names an API does not take, and doubled ones."""
    for name in names:
        require(isinstance(name, str) and pattern.fullmatch(name), f"Invalid tool name: {name!r}.")
    require(len(set(names)) == len(names), "Tool names must be unique.")

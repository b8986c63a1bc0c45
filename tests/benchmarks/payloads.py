"""What the benchmark server answers: realistic payloads of each provider, rendered by its dialect."""

from __future__ import annotations

import json
from dataclasses import dataclass

from modelyard import Runtime
from modelyard.testing.dialect import Dialect, load_dialects
from modelyard.testing.script import Script
from modelyard.testing.server import Received

__all__ = ["CHUNKS", "PROVIDERS", "Payload", "load_payloads"]

CHUNKS = 500
PROVIDERS = ("claude", "mistral", "openai", "gemini")

_PATHS = {
    "claude": ("/v1/messages", "/v1/messages"),
    "mistral": ("/v1/chat/completions", "/v1/chat/completions"),
    "openai": ("/v1/responses", "/v1/responses"),
    "gemini": ("/v1beta/models/{}:generateContent", "/v1beta/models/{}:streamGenerateContent"),
}


@dataclass(frozen=True, slots=True)
class Payload:
    """One provider's paths and answers."""

    provider: str
    model: str
    path: str
    stream_path: str
    body: bytes
    events: tuple[bytes, ...]


def load_payloads() -> dict[str, Payload]:
    """The payloads of every provider whose plugin is installed."""
    usable = Runtime().catalog.providers
    return {name: _payload(name, dialect) for name, dialect in load_dialects(usable).items()}


def _payload(provider: str, dialect: Dialect) -> Payload:
    path, stream_path = (path.format(dialect.model) for path in _PATHS[provider])
    whole = Script().say("It is sunny in Paris today, with a light breeze from the west. " * 4)
    long = Script().say(*[" word"] * CHUNKS)
    return Payload(
        provider,
        dialect.model,
        path,
        stream_path,
        json.dumps(dialect.body(whole, _request(path, dialect.model, stream=False))).encode(),
        tuple(dialect.events(long, _request(stream_path, dialect.model, stream=True))),
    )


def _request(path: str, model: str, *, stream: bool) -> Received:
    body = {"model": model, "stream": stream, "messages": [], "input": []}
    return Received("POST", path, "alt=sse", {}, json.dumps(body).encode())

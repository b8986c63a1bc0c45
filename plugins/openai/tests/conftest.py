"""What the OpenAI tests share: the strict emulator, and a check of every request against the SDK's own types."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from pydantic import TypeAdapter

from modelyard import ModelCard, Runtime
from modelyard.deployments.field_filter import as_taken
from modelyard.history.opaque import ReplayTarget
from modelyard.http.session import WireRequest
from modelyard.testing import Emulator, Received
from modelyard.types.base import JsonObject
from modelyard.types.fields import taken_by
from modelyard.types.request import build_request
from modelyard_openai.chat.request import build_chat_request
from modelyard_openai.plugin import MODELYARD_API, modelyard_provider
from modelyard_openai.request import build_responses_request, check_request
from modelyard_openai.testing.checks import cards
from modelyard_openai.testing.dialect import OpenAIDialect

Wire: TypeAlias = Callable[..., WireRequest]


@functools.cache
def sdk_type(path: str, stream: bool) -> TypeAdapter[Any]:
    """The official SDK's own type of a request, which knows nothing of this plugin."""
    from openai.types.chat import completion_create_params as chat
    from openai.types.responses import input_token_count_params as count
    from openai.types.responses import response_create_params as responses

    kinds: dict[tuple[str, bool], Any] = {
        ("/chat/completions", False): chat.CompletionCreateParamsNonStreaming,
        ("/chat/completions", True): chat.CompletionCreateParamsStreaming,
        ("/responses", False): responses.ResponseCreateParamsNonStreaming,
        ("/responses", True): responses.ResponseCreateParamsStreaming,
        ("/responses/input_tokens", False): count.InputTokenCountParams,
    }
    return TypeAdapter(kinds[path, stream])


def check_sdk_type(path: str, body: JsonObject) -> None:
    """Fail unless the SDK's type takes a request and has a field for everything in it."""
    adapter = sdk_type(path.removeprefix("/v1"), bool(body.get("stream")))
    # Iterables are validated as they are read, and unknown fields are left out: so read all, and compare.
    assert _plain(adapter.validate_python(body)) == body, f"{path}: the SDK's types do not know all of {body}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (str, int, float)):
        return value
    return [_plain(item) for item in value]


class CheckedDialect(OpenAIDialect):
    """The dialect, which also shows every request it accepts to the SDK's types."""

    def check(self, received: Received) -> None:
        super().check(received)
        if received.body:
            check_sdk_type(received.path, received.json)


@pytest.fixture(scope="session")
def dialect() -> OpenAIDialect:
    return CheckedDialect()


@pytest.fixture(scope="session")
def wire(dialect: OpenAIDialect) -> Wire:
    """Builds the wire request of a call, which the dialect and the SDK's types have accepted."""

    def build(
        messages: Any = "Hi", *, model: str = "gpt-6-sol", api: str = "responses", **fields: Any
    ) -> WireRequest:
        card = cards().get(model) or ModelCard.unknown("openai", model)
        system, stream = fields.pop("system", None), fields.pop("stream", False)
        request = build_request("openai", model, messages, system, fields, stream=stream)
        check_request(request, card)
        info = modelyard_provider()
        target = ReplayTarget(info.history, "openai", model)
        request = as_taken(request, taken_by(info, MODELYARD_API), info, target)
        built = (build_chat_request if api == "chat" else build_responses_request)(request, card)
        if request.adaptation is not None:
            built = replace(built, report=request.adaptation.report(built.report))
        headers = {"authorization": "Bearer key", "content-type": "application/json"}
        dialect.check(Received("POST", f"/v1{built.path}", "", headers, json.dumps(built.body).encode()))
        return built

    return build


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and URLs of the developer's environment must not leak into a test."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "MODELYARD_")):
            monkeypatch.delenv(name)


@pytest.fixture
def emulator(dialect: OpenAIDialect) -> Iterator[Emulator]:
    with Emulator(dialect) as running:
        yield running


@pytest.fixture
async def runtime(emulator: Emulator) -> AsyncIterator[Runtime]:
    async with Runtime({"openai": emulator.settings()}, max_attempts=1, plugins=["openai"]) as running:
        yield running


@pytest.fixture
async def chat_runtime(emulator: Emulator) -> AsyncIterator[Runtime]:
    settings = {**emulator.settings(), "options": {"api": "chat"}}
    async with Runtime({"openai": settings}, max_attempts=1, plugins=["openai"]) as running:
        yield running

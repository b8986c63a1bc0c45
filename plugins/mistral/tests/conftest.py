"""What the Mistral tests share: an emulator, a runtime that calls it, and ways to look at one request.

Every request that a test writes, or that reaches the emulator, is held to the official client's request types.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from mistralai.client.models import (
    ChatCompletionRequest,
    ChatCompletionStreamRequest,
    CountResponseInputTokensRequest,
)
from mistralai.client.types.basemodel import UnrecognizedStr
from pydantic import BaseModel, ValidationError

from modelyard import Runtime
from modelyard.catalog.card import ModelCard
from modelyard.catalog.loader import load_cards
from modelyard.history.codec import adapt
from modelyard.history.opaque import Target
from modelyard.http.session import WireRequest
from modelyard.testing import Emulator, Received
from modelyard.types.request import build_request
from modelyard_mistral.dialect import DIALECT, MistralDialect
from modelyard_mistral.plugin import modelyard_provider
from modelyard_mistral.request import build_chat_request

Write = Callable[..., WireRequest]
SdkFaults = Callable[[Any], list[str]]


def find_sdk_faults(body: Any) -> list[str]:
    """What the official client's request types find wrong with the body of a request.

    They let unknown fields and kinds of content pass, so a body must also come out of them as it went in, and
    every word of a list must be one that they know.
    """
    kind: type[BaseModel] = ChatCompletionStreamRequest if body.get("stream") else ChatCompletionRequest
    if "input" in body:
        kind = CountResponseInputTokensRequest
    try:
        request = kind.model_validate(body, extra="forbid")
    except ValidationError as error:
        return [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    if "input" in body:  # of which the client's own writing leaves out fields
        return []
    read = request.model_dump(mode="json", by_alias=True, exclude_unset=True)
    faults = [f"{name} is read as {read.get(name)!r}" for name, value in body.items() if read.get(name) != value]
    return faults + [f"{word!r} is a word the client does not know" for word in _unknown_words(request)]


def _unknown_words(value: Any) -> Iterator[str]:
    if isinstance(value, UnrecognizedStr):
        yield str(value)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _unknown_words(getattr(value, name))
    elif isinstance(value, list):
        for item in value:
            yield from _unknown_words(item)


class CheckedDialect(MistralDialect):
    """The dialect, with every request it accepts held to the official client's types as well."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def check(self, received: Received) -> None:
        super().check(received)
        if received.method == "POST":
            self.faults += find_sdk_faults(received.json)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and URLs of the developer's environment must not leak into a test."""
    for name in list(os.environ):
        if name.startswith(("MISTRAL_", "MODELYARD_")):
            monkeypatch.delenv(name)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    dialect = CheckedDialect()
    with Emulator(dialect) as running:
        yield running
    assert dialect.faults == []


@pytest.fixture
async def runtime(emulator: Emulator) -> AsyncIterator[Runtime]:
    async with Runtime({"mistral": emulator.settings()}, plugins=["mistral"], max_attempts=1) as open_runtime:
        yield open_runtime


@pytest.fixture(scope="session")
def cards() -> dict[str, ModelCard]:
    return {card.id: card for card in load_cards("modelyard_mistral", "mistral")}


@pytest.fixture(scope="session")
def sdk_faults() -> SdkFaults:
    return find_sdk_faults


@pytest.fixture
def write(cards: dict[str, ModelCard]) -> Write:
    """Write a request as the core and the plugin would; hold it to what Mistral and its official client accept."""

    def write_request(
        messages: Any,
        *,
        model: str = "mistral-medium-3-5",
        card: ModelCard | None = None,
        system: str | None = None,
        stream: bool = False,
        strict: bool = True,
        **fields: Any,
    ) -> WireRequest:
        neutral = build_request("mistral", model, messages, system, fields, stream=stream)
        request = adapt(neutral, Target(modelyard_provider().history, "mistral", model))
        wire = build_chat_request(request, card or cards[model])
        if request.adaptation is not None:
            wire = replace(wire, report=request.adaptation.report(wire.report))
        if strict:
            DIALECT.check(received(wire.body))
            assert find_sdk_faults(wire.body) == []
        return wire

    return write_request


def received(body: Any) -> Received:
    headers = {"authorization": "Bearer test-key", "content-type": "application/json"}
    return Received("POST", "/v1/chat/completions", "", headers, json.dumps(body).encode())

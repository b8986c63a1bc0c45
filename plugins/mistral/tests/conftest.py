"""What the Mistral tests share: an emulator, a runtime that calls it, and ways to look at one request.

The dialect holds every request that a test writes, or that reaches the emulator, to the official client's types.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from modelyard import Runtime
from modelyard.catalog.card import ModelCard
from modelyard.catalog.loader import load_cards
from modelyard.deployments.field_filter import as_taken
from modelyard.history.opaque import ReplayTarget
from modelyard.http.session import WireRequest
from modelyard.testing import Emulator, Received
from modelyard.types.fields import taken_by
from modelyard.types.request import build_request
from modelyard_mistral.plugin import MODELYARD_API, modelyard_provider
from modelyard_mistral.request import build_chat_request
from modelyard_mistral.testing.dialect import DIALECT

Write = Callable[..., WireRequest]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and URLs of the developer's environment must not leak into a test."""
    for name in list(os.environ):
        if name.startswith(("MISTRAL_", "MODELYARD_")):
            monkeypatch.delenv(name)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(DIALECT) as running:
        yield running


@pytest.fixture
async def runtime(emulator: Emulator) -> AsyncIterator[Runtime]:
    async with Runtime({"mistral": emulator.settings()}, plugins=["mistral"], max_attempts=1) as open_runtime:
        yield open_runtime


@pytest.fixture(scope="session")
def cards() -> dict[str, ModelCard]:
    return {card.id: card for card in load_cards("modelyard_mistral", "mistral")}


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
        info = modelyard_provider()
        target = ReplayTarget(info.history, "mistral", model)
        request = as_taken(neutral, taken_by(info, MODELYARD_API), info, target)
        wire = build_chat_request(request, card or cards[model])
        if request.adaptation is not None:
            wire = replace(wire, report=request.adaptation.report(wire.report))
        if strict:
            DIALECT.check(received(wire.body))
        return wire

    return write_request


def received(body: Any) -> Received:
    headers = {"authorization": "Bearer test-key", "content-type": "application/json"}
    return Received("POST", "/v1/chat/completions", "", headers, json.dumps(body).encode())

"""What the tests of this plugin share."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from modelyard import ModelCard, Runtime
from modelyard.catalog.loader import load_cards
from modelyard.deployments.field_filter import as_taken
from modelyard.history.opaque import ReplayTarget
from modelyard.http.session import WireRequest
from modelyard.testing import Emulator, Received
from modelyard.types.fields import taken_by
from modelyard.types.history_rules import rules_for
from modelyard.types.request import build_request as neutral_request
from modelyard_claude.options import ClaudeOptions
from modelyard_claude.plugin import MODELYARD_API, modelyard_provider
from modelyard_claude.request import build_request, check_request
from modelyard_claude.testing.dialect import DIALECT

Write = Callable[..., WireRequest]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and URLs of the developer's environment must not leak into a test."""
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "AWS_", "MODELYARD_")):
            monkeypatch.delenv(name)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """The Messages API on loopback, as strict as the real one."""
    with Emulator(DIALECT) as running:
        yield running


@pytest.fixture
async def runtime(emulator: Emulator) -> AsyncIterator[Runtime]:
    """A runtime that knows the emulator only, and tries once."""
    async with Runtime({"claude": emulator.settings()}, plugins=["claude"], max_attempts=1) as opened:
        yield opened


@pytest.fixture(scope="session")
def cards() -> dict[str, ModelCard]:
    """The plugin's cards by id."""
    return {card.id: card for card in load_cards("modelyard_claude", "claude")}


@pytest.fixture
def write(cards: dict[str, ModelCard]) -> Write:
    """Write a request as the plugin would, and hold it to what the API and the SDK's types accept."""

    def write_request(
        messages: Any = "Hi",
        *,
        model: str = "claude-sonnet-5-5",
        options: ClaudeOptions | None = None,
        system: str | None = None,
        stream: bool = False,
        **fields: Any,
    ) -> WireRequest:
        options = options or ClaudeOptions()
        card = cards.get(model) or ModelCard.unknown("claude", model)
        request = neutral_request("claude", model, messages, system, fields, stream=stream)
        check_request(request, card)
        info = modelyard_provider()
        target = ReplayTarget(rules_for(info.history, card), "claude", request.model)
        request = as_taken(request, taken_by(info, MODELYARD_API), info, target)
        built = build_request(request, card, options)
        if request.adaptation is not None:
            built = replace(built, report=request.adaptation.report(built.report))
        headers = {"authorization": "Bearer key", "content-type": "application/json"}
        headers |= {"anthropic-version": "2026-10-21", **options.headers}
        DIALECT.check(Received("POST", built.path, "", headers, json.dumps(built.body).encode()))
        return built

    return write_request

"""Listing models through the official client, laid over the cards the plugin ships."""

from __future__ import annotations

from datetime import date

import pytest
from mistralai.client.models import BaseModelCard, FTModelCard

from modelyard import Runtime
from modelyard.errors import AuthenticationError
from modelyard.testing import Emulator
from modelyard_mistral.listing import card_of

ABLE = {"completion_chat": True, "function_calling": True, "vision": False}


async def test_each_chat_model_has_one_card_whatever_its_names(emulator: Emulator, runtime: Runtime) -> None:
    cards = {card.id: card for card in await runtime.list_models("mistral")}
    received = emulator.requests[-1]
    assert (received.method, received.path) == ("GET", "/v1/models")
    assert received.headers["authorization"] == "Bearer test-key"
    assert list(cards) == ["mistral-medium-3-5", "mistral-next-2611", "mistral-large-2512"]


async def test_what_the_provider_says_is_laid_over_the_card(runtime: Runtime) -> None:
    cards = {card.id: card for card in await runtime.list_models("mistral")}
    known, new, ending = cards["mistral-medium-3-5"], cards["mistral-next-2611"], cards["mistral-large-2512"]
    assert known.reasoning.efforts == ("none", "high")
    assert known.prices
    assert {"mistral-medium-latest", "mistral-medium-2604"} <= set(known.aliases)
    assert (new.label, new.limits.context_window, new.aliases) == (
        "Mistral Next",
        524_288,
        ("mistral-next-latest",),
    )
    assert new.capability("tools").state == new.capability("images").state == "supported"
    assert new.capability("seed").state == "unknown"
    assert (ending.lifecycle.retires, ending.lifecycle.replacement) == (date(2027, 3, 31), "mistral-large-4")


def test_what_is_not_said_is_not_made_up() -> None:
    card = card_of(BaseModelCard.model_validate({"id": "m-1", "capabilities": ABLE}), None)
    assert (card.label, card.limits.context_window, card.aliases) == ("m-1", None, ())
    assert card.lifecycle.retires is None
    assert card.capability("images").state == "unsupported"


def test_a_fine_tuned_model_is_a_model() -> None:
    entry = {"id": "ft:mistral-small:a", "capabilities": ABLE, "job": "j", "root": "r", "type": "fine-tuned"}
    assert card_of(FTModelCard.model_validate(entry), None).ref == "mistral:ft:mistral-small:a"


async def test_a_refused_list_is_a_typed_error(emulator: Emulator) -> None:
    settings = {"mistral": emulator.settings("invalid")}
    async with Runtime(settings, plugins=["mistral"], max_attempts=1) as runtime:
        with pytest.raises(AuthenticationError):
            await runtime.list_models("mistral")

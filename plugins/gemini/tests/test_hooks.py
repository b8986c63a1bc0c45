"""Counting tokens and listing models through Google's own endpoints."""

from __future__ import annotations

import math
from datetime import date

import pytest

from modelyard import AuthenticationError, InvalidResponseError, Message, OverloadedError, Runtime
from modelyard.testing import Emulator, LoopbackServer, Received, Reply, Script
from modelyard.types.content import ImagePart
from modelyard_gemini.plugin import modelyard_models

from .conftest import sent

FLASH = "gemini:gemini-3.8-flash"
TOOLS = [{"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}]


async def test_tokens_are_counted_of_the_whole_request(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().using(input=123))
    messages = [Message.user(["Look:", ImagePart(data=b"\x89PNG\r\n\x1a\n00")])]
    counted = await runtime.count_tokens(
        FLASH,
        messages,
        system="Be kind.",
        tools=TOOLS,
        output="json",
        service_tier="flex",
        metadata={"team": "x"},
        max_output_tokens=5,
    )
    assert (counted.tokens, counted.estimated) == (123, False)
    assert emulator.requests[-1].path == "/v1beta/models/gemini-3.8-flash:countTokens"
    whole = sent(emulator)["generateContentRequest"]
    assert whole.keys() == {"model", "contents", "systemInstruction", "tools", "generationConfig"}
    assert whole["model"] == "models/gemini-3.8-flash"


@pytest.mark.parametrize("body", [{}, {"totalTokens": "many"}, {"totalTokens": -1}])
async def test_a_count_that_is_none_is_an_invalid_response(body: dict[str, object]) -> None:
    with LoopbackServer(lambda _: Reply.json(body)) as server:
        settings = {"api_key": "test-key", "base_url": server.url}
        async with Runtime({"gemini": settings}, plugins=["gemini"]) as runtime:
            with pytest.raises(InvalidResponseError, match="totalTokens"):
                await runtime.count_tokens(FLASH, "Hi")


async def test_the_list_has_every_page_and_only_what_generates_content(
    runtime: Runtime, emulator: Emulator
) -> None:
    cards = await runtime.list_models("gemini")
    known = {card.id: card for card in modelyard_models()}
    assert [card.id for card in cards] == list(known)
    assert len(emulator.requests) == math.ceil(len(known) / 2)
    assert {received.headers["x-goog-api-key"] for received in emulator.requests} == {"test-key"}
    flash = next(card for card in cards if card.id == "gemini-3.8-flash")
    assert flash.label == "Gemini 3.8 Flash"
    assert flash.limits.max_input_tokens == 1048576
    assert flash.limits.max_output_tokens == 65536
    assert flash.capability("reasoning").state == "supported"
    assert flash.capability("tools").state == "unknown"
    assert flash.sources["limits"].as_of == date.today()


async def test_a_list_with_holes_is_read_as_far_as_it_goes() -> None:
    entries = [
        {"name": "models/new", "supportedGenerationMethods": ["generateContent"]},
        {"name": "models/other", "supportedGenerationMethods": None},
        {"supportedGenerationMethods": ["generateContent"]},
        "nonsense",
    ]
    with LoopbackServer(lambda _: Reply.json({"models": entries})) as server:
        settings = {"api_key": "test-key", "base_url": server.url}
        async with Runtime({"gemini": settings}, plugins=["gemini"]) as runtime:
            (card,) = await runtime.list_models("gemini")
    assert (card.id, card.label, card.limits.max_output_tokens) == ("new", "new", None)


async def test_a_list_without_end_is_given_up() -> None:
    def handle(received: Received) -> Reply:
        return Reply.json({"models": [], "nextPageToken": "again&again"})

    with LoopbackServer(handle) as server:
        settings = {"api_key": "test-key", "base_url": server.url}
        async with Runtime({"gemini": settings}, plugins=["gemini"]) as runtime:
            with pytest.raises(InvalidResponseError, match="circle"):
                await runtime.list_models("gemini")
        assert server.requests[-1].query == "pageSize=1000&pageToken=again%26again"


async def test_failures_of_both_are_typed_errors(emulator: Emulator) -> None:
    async with Runtime({"gemini": emulator.settings("invalid")}, plugins=["gemini"]) as runtime:
        with pytest.raises(AuthenticationError):
            await runtime.list_models("gemini")
        with pytest.raises(AuthenticationError):
            await runtime.count_tokens(FLASH, "Hi")
    emulator.add(*[Script().fail("overloaded", retry_after=0)] * 3)
    async with Runtime({"gemini": emulator.settings()}, plugins=["gemini"]) as runtime:
        with pytest.raises(OverloadedError):
            await runtime.count_tokens(FLASH, "Hi")

"""Counting tokens, listing models, and the official client."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import anthropic
import httpx2
import pytest

from modelyard import (
    InvalidResponseError,
    ModelCard,
    OverloadedError,
    RateLimitError,
    Runtime,
    UnsupportedFeatureError,
)
from modelyard.testing import Emulator, Reply, Script
from modelyard.types.request import build_request
from modelyard_claude.listing import card_of
from modelyard_claude.session import ClaudeSession

MODEL = "claude-haiku-4-5"
REFERENCE = f"claude:{MODEL}"
TOOLS = [{"name": "now"}]


async def session_of(runtime: Runtime) -> ClaudeSession:
    session = await runtime.session("claude")
    assert isinstance(session, ClaudeSession)
    return session


async def test_the_count_asks_with_the_request_but_for_what_shapes_the_answer(
    runtime: Runtime, emulator: Emulator, cards: dict[str, ModelCard]
) -> None:
    emulator.add(Script().using(input=37))
    fields = {
        "tools": TOOLS,
        "tool_choice": "auto",
        "reasoning": {"budget_tokens": 2000},
        "stop": ["END"],
        "user": "u",
        "service_tier": "auto",
        "max_output_tokens": 9,
        "output": {"type": "object", "properties": {}},
    }
    request = build_request("claude", MODEL, "Hi", "Be brief.", fields)
    assert await (await session_of(runtime)).count_tokens(request, cards[MODEL]) == 37
    (sent,) = emulator.requests
    assert (sent.method, sent.path) == ("POST", "/v1/messages/count_tokens")
    assert set(sent.json) == {
        "model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"
    }  # fmt: skip


async def test_the_runtime_counts_through_the_provider(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().using(input=12))
    counted = await runtime.count_tokens(REFERENCE, "Hi")
    assert counted.tokens == 12
    assert not counted.estimated


@pytest.mark.parametrize(
    "body", [{}, {"input_tokens": None}, {"input_tokens": "7"}, {"input_tokens": -1}, [], "x"], ids=repr
)
async def test_a_count_that_is_none_is_an_invalid_response(
    runtime: Runtime, emulator: Emulator, body: Any
) -> None:
    emulator.add(Reply.json(body))
    with pytest.raises(InvalidResponseError):
        await runtime.count_tokens(REFERENCE, "Hi")


async def test_a_count_fails_as_an_answer_does(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().fail("rate_limit", retry_after=2))
    with pytest.raises(RateLimitError) as caught:
        await runtime.count_tokens(REFERENCE, "Hi")
    assert (caught.value.retry_after, len(emulator.requests)) == (2.0, 1)


# Listing


async def test_the_list_says_what_the_endpoint_says_and_nothing_more(runtime: Runtime, emulator: Emulator) -> None:
    cards = {card.id: card for card in await runtime.list_models("claude")}
    (asked,) = emulator.requests
    assert (asked.method, asked.path, asked.query) == ("GET", "/v1/models", "limit=1000")
    sonnet, old = cards["claude-sonnet-5-5"], cards["claude-sonnet-4-5-20250929"]
    assert (sonnet.label, sonnet.limits.context_window) == ("Claude Sonnet 5.5", 1_000_000)
    assert sonnet.limits.max_output_tokens == 128_000
    assert (sonnet.reasoning.control, sonnet.reasoning.efforts[-1]) == ("adaptive", "max")
    assert sonnet.rules == {"thinking_types": ["adaptive", "between_tools"]}
    assert sonnet.capability("images").state == "supported"
    assert sonnet.capability("forced_tool_choice").state == "unknown"
    assert sonnet.lifecycle.released == date(2026, 9, 28)
    assert (old.reasoning.control, old.reasoning.efforts) == ("budget", ())
    assert (old.lifecycle.released, old.lifecycle.retires) == (None, date(2026, 11, 30))
    assert sonnet.sources["limits"].title == "Anthropic, GET /v1/models"


async def test_the_list_is_read_to_its_last_page(runtime: Runtime, emulator: Emulator) -> None:
    def page(model: str, *, more: bool) -> Reply:
        entry = {"id": model, "display_name": model, "type": "model"}
        return Reply.json({"data": [entry], "has_more": more, "first_id": model, "last_id": model})

    emulator.add(page("claude-a", more=True), page("claude-b", more=False))
    assert [card.id for card in await runtime.list_models("claude")] == ["claude-a", "claude-b"]
    assert emulator.requests[1].query == "limit=1000&after_id=claude-a"


async def test_listing_fails_as_an_answer_does(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().fail("overloaded"))
    with pytest.raises(OverloadedError):
        await runtime.list_models("claude")
    assert len(emulator.requests) == 1


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "m"},
        {"id": "m", "capabilities": None, "display_name": None, "created_at": "soon"},
        {"id": "m", "capabilities": {"thinking": [], "effort": 5, "image_input": None}, "max_tokens": "many"},
    ],
)
def test_an_entry_that_says_little_makes_a_card_that_says_little(entry: dict[str, Any]) -> None:
    card = card_of(entry)
    assert (card.id, card.label, card.limits.max_output_tokens) == ("m", "m", None)
    assert card.reasoning.control is None


@pytest.mark.parametrize("entry", [{}, {"id": None}, {"id": ""}, {"id": 5}])
def test_an_entry_without_an_id_is_an_invalid_response(entry: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError):
        card_of(entry)


# The official client


async def test_the_client_has_the_key_the_base_url_and_the_http_client_of_the_session(emulator: Emulator) -> None:
    async with httpx2.AsyncClient(headers={"x-mine": "1"}) as http_client:
        settings = {**emulator.settings("the-key"), "http_client": http_client}
        async with Runtime({"claude": settings}, plugins=["claude"]) as runtime:
            client = await (await session_of(runtime)).client()
            assert isinstance(client, anthropic.AsyncAnthropic)
            answer = await client.messages.create(
                model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
            )
        assert not http_client.is_closed
    (sent,) = emulator.requests
    assert answer.content[0].type == "text"
    assert (sent.headers["authorization"], sent.headers["x-mine"]) == ("Bearer the-key", "1")


async def test_the_client_of_a_host_is_the_hosts_own(emulator: Emulator) -> None:
    async with anthropic.AsyncAnthropic(api_key="k", base_url=emulator.url) as own:
        async with Runtime({"claude": {"client": own}}, plugins=["claude"]) as runtime:
            session = await session_of(runtime)
            assert await session.client() is own
            assert "claude-opus-5-5" in [card.id for card in await session.list_models()]
            assert (await runtime.count_tokens(REFERENCE, "Hi")).tokens == 10
        assert not own.is_closed()


async def test_a_client_that_cannot_list_says_so_and_its_counts_are_estimates() -> None:
    async with (
        anthropic.AsyncAnthropicBedrock(aws_region="eu-central-1", api_key="k") as client,
        Runtime({"claude": {"client": client}}, plugins=["claude"]) as runtime,
    ):
        with pytest.raises(UnsupportedFeatureError, match="cannot list"):
            await runtime.list_models("claude")
        assert (await runtime.count_tokens(REFERENCE, "Hi")).estimated


async def test_the_official_clients_stream_helper_works_too(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().say("Hello there."))
    client = await (await session_of(runtime)).client()
    messages: Any = json.loads('[{"role": "user", "content": "Hi"}]')
    async with client.messages.stream(model=MODEL, max_tokens=9, messages=messages) as stream:
        assert await stream.get_final_text() == "Hello there."

"""Counting tokens, listing models and reading rate limits, with a provider that can and one that cannot."""

from __future__ import annotations

import pytest

from modelyard import Message, ModelCard, Request, Runtime, Tool, UnsupportedFeatureError, hookimpl
from modelyard.http.limits import rate_limits
from modelyard.testing import ScriptedProvider


class Counting(ScriptedProvider):
    @hookimpl
    async def modelyard_count_tokens(self, request: Request) -> int:
        return 41 + len(request.messages)

    @hookimpl
    async def modelyard_list_models(self) -> list[ModelCard]:
        return [ModelCard.unknown(self.provider, "newest")]


async def test_a_provider_that_counts_is_asked() -> None:
    async with Runtime(plugins=[Counting()]) as runtime:
        count = await runtime.count_tokens("scripted:any", "Hello")
    assert (count.tokens, count.estimated) == (42, False)


async def test_where_no_provider_counts_the_estimate_says_it_is_one() -> None:
    tool = Tool(name="look", description="Looks a word up.")
    async with Runtime(plugins=[ScriptedProvider()]) as runtime:
        short = await runtime.count_tokens("scripted:any", "Hello")
        long = await runtime.count_tokens("scripted:any", [Message.user("Hello " * 700)], tools=[tool])
    assert short.estimated
    assert long.estimated
    assert 1 <= short.tokens <= 20
    assert 800 <= long.tokens <= 1_600


async def test_models_are_listed_where_the_plugin_can_and_refused_where_not() -> None:
    async with Runtime(plugins=[Counting()]) as runtime:
        assert [card.ref for card in await runtime.list_models("scripted")] == ["scripted:newest"]
    async with Runtime(plugins=[ScriptedProvider()]) as runtime:
        with pytest.raises(UnsupportedFeatureError, match="list the models"):
            await runtime.list_models("scripted")


async def test_the_session_of_a_provider_can_be_had() -> None:
    async with Runtime(plugins=[ScriptedProvider()]) as runtime:
        assert await runtime.session("scripted") is await runtime.session("scripted")


def test_rate_limits_are_read_in_both_spellings() -> None:
    found = rate_limits(
        [
            (b"x-ratelimit-limit-requests", b"500"),
            (b"X-RateLimit-Remaining-Requests", b"499"),
            (b"x-ratelimit-reset-requests", b"6m0.5s"),
            (b"anthropic-ratelimit-input-tokens-remaining", b"1000"),
            (b"anthropic-ratelimit-input-tokens-reset", b"1970-01-01T00:01:40Z"),
            (b"x-ratelimit-reset-tokens", b"whenever"),
            (b"content-type", b"application/json"),
        ],
        now=40.0,
    )
    assert found["requests"].model_dump() == {"limit": 500, "remaining": 499, "reset": 360.5}
    assert found["input_tokens"].model_dump() == {"limit": None, "remaining": 1000, "reset": 60.0}
    assert set(found) == {"requests", "input_tokens"}

"""Every recorded exchange goes through the real HTTP path of its plugin and must decode as the SDKs do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from modelyard import Completion, ModelyardError, Runtime
from modelyard.testing import Exchange, ReplayServer, load_exchanges

from .conftest import CORPUS
from .corpus_compare import differences

LEFT_OUT = {
    "openai-responses-840324116f6f": "two streams in one body: ours ends with the first, the SDK's with the last",
}
"""Exchanges not compared, by id, each with the reason."""

ENDPOINTS = [
    ("anthropic", "messages"),
    ("gemini", "generateContent"),
    ("gemini", "streamGenerateContent"),
    ("mistral", "chat.completions"),
    ("openai", "chat.completions"),
    ("openai", "responses"),
]
PROVIDERS = {"anthropic": "claude"}


@pytest.fixture(scope="module")
def server() -> Iterator[ReplayServer]:
    with ReplayServer() as running:
        yield running


@pytest.mark.parametrize(("vendor", "endpoint"), ENDPOINTS)
async def test_recorded_traffic_decodes_as_the_official_sdk_does(
    vendor: str, endpoint: str, server: ReplayServer, record_property: Callable[[str, object], None]
) -> None:
    if not (CORPUS / vendor).is_dir():
        record_property(f"corpus {vendor} {endpoint}", "absent, nothing compared")
        pytest.skip(f"no recorded traffic at {CORPUS}")
    provider = PROVIDERS.get(vendor, vendor)
    exchanges = [entry for entry in load_exchanges(CORPUS / vendor) if entry.endpoint == endpoint]
    problems: dict[str, list[str]] = {}
    options = {"api": "chat"} if (vendor, endpoint) == ("openai", "chat.completions") else {}
    settings = {"api_key": "test-key", "base_url": server.url, "options": options}
    compared = 0
    async with Runtime({provider: settings}, max_attempts=1, plugins=[provider]) as runtime:
        for exchange in exchanges:
            if exchange.id in LEFT_OUT:
                continue
            server.play(exchange)
            outcome = await _ask(runtime, provider, exchange)
            found = list(differences(exchange, outcome))
            compared += 1
            if found:
                problems[exchange.id] = found
    record_property(f"corpus {vendor} {endpoint}", f"{compared} compared, {len(exchanges) - compared} left out")
    assert not problems, json.dumps(problems, indent=1, ensure_ascii=False)


async def _ask(runtime: Runtime, provider: str, exchange: Exchange) -> Completion | ModelyardError:
    reference = f"{provider}:{exchange.model}"
    try:
        if not exchange.stream:
            return await runtime.complete(reference, "Hello")
        return await runtime.stream(reference, "Hello").collect()
    except ModelyardError as error:
        return error

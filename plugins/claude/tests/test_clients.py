"""Clients of the host: for HTTP, of the SDK, and for the clouds that serve Claude too."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import anthropic
import httpx
import httpx2
import pytest

from modelyard import (
    ConfigurationError,
    InvalidResponseError,
    ProviderError,
    RateLimitError,
    Runtime,
    StreamInterruptedError,
)
from modelyard.testing import Emulator, LoopbackServer, Received, Reply, Script
from modelyard.types.base import JsonObject
from modelyard_claude.eventstream import EventStreamResponse
from modelyard_claude.testing.dialect import DIALECT

MODEL = "claude:claude-sonnet-5-5"
KEY = "sk-ant-sentinel-0123456789"
WEATHER: JsonObject = {
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
NOW: JsonObject = {"name": "now"}


def runtime_for(server: LoopbackServer, **settings: Any) -> Runtime:
    return Runtime(
        {"claude": {"api_key": KEY, "base_url": server.url, **settings}}, plugins=["claude"], max_attempts=1
    )


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
async def test_both_transports(emulator: Emulator, transport: str) -> None:
    async with runtime_for(emulator, transport=transport) as runtime:
        assert (await runtime.complete(MODEL, "Hi")).text
        assert (await runtime.stream(MODEL, "Hi").collect()).text


async def test_the_hosts_http_client_is_used_and_left_open(emulator: Emulator) -> None:
    async with httpx2.AsyncClient(headers={"x-mine": "1"}) as client:
        async with runtime_for(emulator, http_client=client) as runtime:
            await runtime.complete(MODEL, "Hi")
        assert not client.is_closed
    assert emulator.requests[0].headers["x-mine"] == "1"


async def test_an_http_client_of_the_wrong_family_is_refused(emulator: Emulator) -> None:
    async with httpx.AsyncClient() as client, runtime_for(emulator, http_client=client) as runtime:
        with pytest.raises(ConfigurationError, match="httpx2"):
            await runtime.complete(MODEL, "Hi")


async def test_the_hosts_sdk_client_is_used_and_left_open(emulator: Emulator) -> None:
    client = anthropic.AsyncAnthropic(api_key="hosts-key", base_url=emulator.url)
    settings = {"client": client, "options": {"beta": "a-2026-01-01"}}
    emulator.add(Script().fail("server"))
    async with Runtime({"claude": settings}, plugins=["claude"], max_attempts=1) as runtime:
        with pytest.raises(ProviderError):
            await runtime.complete(MODEL, "Hi")
        assert len(emulator.requests) == 1
        answer = await runtime.stream(MODEL, "Hi").collect()
    assert answer.text == "Hello from the emulator."
    assert emulator.requests[1].headers["authorization"] == "Bearer hosts-key"
    assert emulator.requests[1].headers["anthropic-beta"] == "a-2026-01-01"
    assert not client.is_closed()
    await client.close()


async def test_a_client_that_is_none_of_the_sdks_is_refused() -> None:
    with anthropic.Anthropic(api_key="key") as client:
        async with Runtime({"claude": {"client": client}}, plugins=["claude"]) as runtime:
            with pytest.raises(ConfigurationError, match=r"is a anthropic\.Anthropic"):
                await runtime.complete(MODEL, "Hi")


async def test_vertex_rewrites_the_body_and_the_path() -> None:
    with cloud() as server:
        async with (
            anthropic.AsyncAnthropicVertex(
                region="europe-west1", project_id="p", access_token="t", base_url=server.url
            ) as client,
            Runtime({"claude": {"client": client}}, plugins=["claude"]) as runtime,
        ):
            assert (await runtime.complete(MODEL, "Hi")).text == "Hi there"
            assert (await runtime.stream(MODEL, "Hi").collect()).text == "Hi there"
    whole, stream = server.requests
    assert (
        whole.path == "/projects/p/locations/europe-west1/publishers/anthropic/models/claude-sonnet-5-5:rawPredict"
    )
    assert stream.path.endswith(":streamRawPredict")
    assert "model" not in whole.json
    assert whole.json["anthropic_version"]


async def test_bedrock_streams_in_its_own_framing() -> None:
    with cloud() as server:
        async with (
            anthropic.AsyncAnthropicBedrock(aws_region="eu-central-1", api_key="k", base_url=server.url) as client,
            Runtime({"claude": {"client": client}}, plugins=["claude"], max_attempts=1) as runtime,
        ):
            assert (await runtime.complete(MODEL, "Hi")).text == "Hi there"
            assert (await runtime.stream(MODEL, "Hi").collect()).text == "Hi there"
            with pytest.raises(RateLimitError, match="Slow down") as caught:
                await runtime.stream(MODEL, "fail").collect()
            assert caught.value.partial is not None
            with pytest.raises(StreamInterruptedError):
                await runtime.stream(MODEL, "cut").collect()
    assert [request.path for request in server.requests[:2]] == [
        "/model/claude-sonnet-5-5/invoke",
        "/model/claude-sonnet-5-5/invoke-with-response-stream",
    ]


def cloud() -> LoopbackServer:
    """A server that answers as Vertex AI or Bedrock would; asked to fail or be cut, its stream does."""
    script = Script().say("Hi there")

    def answer(request: Received) -> Reply:
        asked = Received("POST", "/v1/messages", "", {}, json.dumps({**request.json, "model": "m"}).encode())
        if request.path.endswith(("rawPredict", "/invoke")):
            return Reply.json(DIALECT.body(script, asked))
        events = DIALECT.events(script, asked)
        if request.path.endswith("streamRawPredict"):
            return Reply.sse(events)
        frames = [
            frame({"bytes": base64.b64encode(data(event)).decode()}, ":event-type", "chunk") for event in events
        ]
        prompt = request.json["messages"][0]["content"][0]["text"]
        if prompt == "fail":
            frames[5:] = [frame({"message": "Slow down."}, ":exception-type", "throttlingException")]
        if prompt == "cut":
            frames[-1] = frames[-1][:-3]
        body = b"".join(frames)
        pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
        return Reply(200, {"content-type": "application/vnd.amazon.eventstream"}, pieces, chunked=True)

    return LoopbackServer(answer)


def data(event: bytes) -> bytes:
    return event.partition(b"data: ")[2].strip()


def frame(payload: Any, header: str, value: str) -> bytes:
    """A message of Amazon's event-stream framing."""
    kind = "exception" if "exception" in header else "event"
    pairs = ((":message-type", kind), (header, value), (":content-type", "application/json"))
    headers = b"\x05:flag\x00" + b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + len(text).to_bytes(2, "big") + text.encode()
        for name, text in pairs
    )
    body = json.dumps(payload).encode()
    head = (16 + len(headers) + len(body)).to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    message = head + zlib.crc32(head).to_bytes(4, "big") + headers + body
    return message + zlib.crc32(message).to_bytes(4, "big")


@pytest.mark.parametrize(
    "broken",
    [
        frame({"bytes": ""}, ":event-type", "chunk")[:-1] + b"x",
        frame({"other": 1}, ":event-type", "chunk"),
        frame([], ":event-type", "chunk"),
        b"\xff\xff\xff\xff" + b"0" * 20,
        b"\x00\x00\x00\x01" + b"0" * 20,
    ],
)
async def test_a_broken_frame_is_an_invalid_response(broken: bytes) -> None:
    response = EventStreamResponse(httpx2.Response(200, content=broken), 1024)
    with pytest.raises(InvalidResponseError):
        async for _ in response.aiter_bytes():
            pass

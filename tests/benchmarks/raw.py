"""The baselines: plain HTTP clients that parse the JSON and add up the text, as a careful author would."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import httpx

from tests.benchmarks.payloads import Payload

__all__ = ["RawAiohttp", "RawHttpx", "delta_text"]


def delta_text(provider: str, event: Any) -> str:
    """The text a stream event brings, read the shortest way."""
    if provider == "claude":
        return event["delta"]["text"] if event["type"] == "content_block_delta" else ""
    if provider == "openai":
        return event["delta"] if event["type"] == "response.output_text.delta" else ""
    if provider == "mistral":
        return event["choices"][0]["delta"].get("content") or ""
    parts = event["candidates"][0].get("content", {}).get("parts", ())
    return "".join(part.get("text", "") for part in parts)


def _events(provider: str, buffer: bytes) -> tuple[list[Any], bytes]:
    *blocks, rest = buffer.replace(b"\r\n", b"\n").split(b"\n\n")
    found = []
    for block in blocks:
        data = block[block.index(b"data:") + 5 :]
        if b"[DONE]" not in data[:10]:
            found.append(json.loads(data))
    return found, rest


class RawHttpx:
    """httpx and json."""

    def __init__(self, root: str, payload: Payload, body: dict[str, Any]) -> None:
        self.payload = payload
        self.root = root
        self.body = body
        self.client = httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=1000))

    async def call(self) -> Any:
        """One whole answer."""
        url = f"{self.root}/call/{self.payload.provider}{self.payload.path}"
        response = await self.client.post(url, json=self.body, headers={"authorization": "Bearer key"})
        return json.loads(response.content)

    async def stream(self, mode: str) -> str:
        """One stream, its text joined."""
        url = f"{self.root}/{mode}/{self.payload.provider}{self.payload.stream_path}"
        text: list[str] = []
        rest = b""
        async with self.client.stream("POST", url, json=self.body) as response:
            async for chunk in response.aiter_bytes():
                events, rest = _events(self.payload.provider, rest + chunk)
                text += [delta_text(self.payload.provider, event) for event in events]
        return "".join(text)

    async def first(self) -> None:
        """A stream up to its first event."""
        url = f"{self.root}/paced/{self.payload.provider}{self.payload.stream_path}"
        async with self.client.stream("POST", url, json=self.body) as response:
            rest = b""
            async for chunk in response.aiter_bytes():
                events, rest = _events(self.payload.provider, rest + chunk)
                if any(delta_text(self.payload.provider, event) for event in events):
                    return

    async def aclose(self) -> None:
        """Close the client."""
        await self.client.aclose()


class RawAiohttp:
    """aiohttp and json."""

    def __init__(self, root: str, payload: Payload, body: dict[str, Any]) -> None:
        self.payload = payload
        self.root = root
        self.body = body
        self.client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1000))

    async def call(self) -> Any:
        """One whole answer."""
        url = f"{self.root}/call/{self.payload.provider}{self.payload.path}"
        async with self.client.post(url, json=self.body, headers={"authorization": "Bearer key"}) as response:
            return json.loads(await response.read())

    async def stream(self, mode: str) -> str:
        """One stream, its text joined."""
        url = f"{self.root}/{mode}/{self.payload.provider}{self.payload.stream_path}"
        text: list[str] = []
        rest = b""
        async with self.client.post(url, json=self.body) as response:
            async for chunk in response.content.iter_any():
                events, rest = _events(self.payload.provider, rest + chunk)
                text += [delta_text(self.payload.provider, event) for event in events]
        return "".join(text)

    async def aclose(self) -> None:
        """Close the client."""
        await self.client.close()

"""What is measured, one function for each row of the report."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

from modelyard import Message, Runtime, Tool
from tests.benchmarks.measure import Result, compare
from tests.benchmarks.payloads import CHUNKS, Payload
from tests.benchmarks.raw import RawAiohttp, RawHttpx

__all__ = ["Bench"]

_TOOL = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}


class Bench:
    """One provider against the baselines, on the server at ``root``."""

    def __init__(self, root: str, payload: Payload, rounds: int) -> None:
        self.root = root
        self.payload = payload
        self.rounds = rounds
        self.reference = f"{payload.provider}:{payload.model}"
        body = {"model": payload.model, "messages": [{"role": "user", "content": "Hello"}], "stream": True}
        self.httpx = RawHttpx(root, payload, body)
        self.aiohttp = RawAiohttp(root, payload, body)
        self.runtimes = {mode: self._runtime(mode) for mode in ("call", "burst", "paced", "slow", "idle")}

    async def aclose(self) -> None:
        """Close every client."""
        await self.httpx.aclose()
        await self.aiohttp.aclose()
        for runtime in self.runtimes.values():
            await runtime.aclose()

    async def call(self) -> Result:
        """CPU of one whole answer."""
        runtime = self.runtimes["call"]
        return await compare(
            {
                "httpx": self.httpx.call,
                "aiohttp": self.aiohttp.call,
                "modelyard": lambda: runtime.complete(self.reference, "Hello"),
            },
            rounds=self.rounds,
            repeat=30,
        )

    async def chunks(self, mode: str) -> Result:
        """CPU of one event of a stream, events many or one at a time."""
        expected = " word" * CHUNKS
        jobs: dict[str, Callable[[], Awaitable[str]]] = {
            "httpx": lambda: self.httpx.stream(mode),
            "aiohttp": lambda: self.aiohttp.stream(mode),
            "modelyard": lambda: self._stream(mode),
        }
        for name, job in jobs.items():
            found = await job()
            assert found == expected, f"{name} on {self.payload.provider} decoded {found[:50]!r}"
        result = await compare(jobs, rounds=self.rounds, repeat=4 if mode == "burst" else 1)
        return {name: (seconds / CHUNKS, ratio) for name, (seconds, ratio) in result.items()}

    async def first_delta(self) -> Result:
        """Wall time to the first text."""
        runtime = self.runtimes["paced"]

        async def ours() -> None:
            async with runtime.stream(self.reference, "Hello") as stream:
                async for event in stream:
                    if event.type == "content_delta":
                        return

        jobs = {"httpx": self.httpx.first, "modelyard": ours}
        return await compare(jobs, rounds=self.rounds, repeat=10, clock=time.perf_counter)

    async def concurrent(self, clients: int = 100, calls: int = 10) -> Result:
        """CPU of one call when many run at once."""
        runtime = self.runtimes["call"]

        def crowd(job: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
            async def one() -> None:
                for _ in range(calls):
                    await job()

            async def run() -> None:
                await asyncio.gather(*(one() for _ in range(clients)))

            return run

        jobs = {
            "aiohttp": crowd(self.aiohttp.call),
            "httpx": crowd(self.httpx.call),
            "modelyard": crowd(lambda: runtime.complete(self.reference, "Hello")),
        }
        result = await compare(jobs, rounds=max(self.rounds // 2, 3), repeat=1)
        return {name: (seconds / clients / calls, ratio) for name, (seconds, ratio) in result.items()}

    async def history(self) -> Result:
        """CPU of a call with 1,000 messages and 20 tools; the baseline sends the same content ready-made."""
        runtime = self.runtimes["call"]
        text = "The quick brown fox jumps over the lazy dog, and the dog does not mind. " * 3
        messages = [Message.user(text) if n % 2 == 0 else Message.assistant(text) for n in range(999)]
        tools = [Tool(name=f"tool_{n}", description="A tool", parameters=_TOOL) for n in range(20)]
        body: dict[str, Any] = {
            "model": self.payload.model,
            "messages": [{"role": message.role, "content": message.text} for message in messages],
            "tools": [{"name": tool.name, "parameters": tool.parameters} for tool in tools],
        }
        raw = RawHttpx(self.root, self.payload, body)
        try:
            return await compare(
                {"httpx": raw.call, "modelyard": lambda: runtime.complete(self.reference, messages, tools=tools)},
                rounds=self.rounds,
                repeat=5,
            )
        finally:
            await raw.aclose()

    async def many_streams(self, streams: int = 200) -> dict[str, float]:
        """Wall time of many slow streams at once, over the ideal time of one."""
        ideal = 200 * 0.005
        jobs: dict[str, Callable[[], Awaitable[object]]] = {
            "aiohttp": lambda: self.aiohttp.stream("slow"),
            "httpx": lambda: self.httpx.stream("slow"),
            "modelyard": lambda: self._stream("slow"),
        }
        found: dict[str, float] = {}
        for name, job in jobs.items():
            walls = []
            for _ in range(3):
                begun = time.perf_counter()
                await asyncio.gather(*(job() for _ in range(streams)))
                walls.append(time.perf_counter() - begun)
            found[name] = statistics.median(walls) / ideal
        return found

    async def _stream(self, mode: str) -> str:
        text: list[str] = []
        async with self.runtimes[mode].stream(self.reference, "Hello") as stream:
            async for event in stream:
                if event.type == "content_delta":
                    text.append(event.text)
        return "".join(text)

    def _runtime(self, mode: str) -> Runtime:
        provider = self.payload.provider
        settings = {"api_key": "bench-key", "base_url": f"{self.root}/{mode}/{provider}"}
        return Runtime({provider: settings}, plugins=[provider])

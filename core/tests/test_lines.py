"""Requests over a concurrency limit wait in line: first come, first served, whoever gives up on the way."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from modelyard import CompletionStream, Limits, LocalState, RateLimit, RateLimitError, Runtime, SyncRuntime
from modelyard.health.clock import SystemClock
from modelyard.health.lines import Lines
from modelyard.health.state import Refusal, Verdict
from modelyard.testing import ScriptedProvider


class Busy(ScriptedProvider):
    """Takes its time over each answer; notes what was asked in which order, and how many it served at once."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__("acme")
        self.seconds = seconds
        self.asked: list[str] = []
        self.under_way = 0
        self.most = 0
        self._counting = threading.Lock()

    async def _events(self, request: Any) -> Any:
        self.asked.append(request.messages[-1].text)
        with self._counting:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self.seconds)
            async for event in super()._events(request):
                yield event
        finally:
            with self._counting:
                self.under_way -= 1


async def first_word(stream: CompletionStream) -> None:
    async for event in stream:
        if event.type == "content_delta":
            return


def limited(provider: ScriptedProvider, most: int, **settings: Any) -> Runtime:
    return Runtime(plugins=[provider], limits={"acme": {"concurrency": most}}, max_attempts=1, **settings)


async def test_places_are_given_in_the_order_of_arrival() -> None:
    provider = Busy()
    async with limited(provider, 2) as runtime:
        await asyncio.gather(*(runtime.complete("acme:m", str(number)) for number in range(40)))
    assert provider.asked == [str(number) for number in range(40)]
    assert provider.most == 2


async def test_streams_and_whole_answers_wait_in_one_line() -> None:
    provider = Busy()
    async with limited(provider, 1) as runtime:
        ways = (runtime.complete, lambda model, text: runtime.stream(model, text).collect())
        await asyncio.gather(*(ways[number % 2]("acme:m", str(number)) for number in range(20)))
    assert provider.asked == [str(number) for number in range(20)]


async def test_who_has_just_been_served_goes_to_the_end_of_the_line() -> None:
    """Group 1 of transport: 32 callers in a loop, a limit of 5."""
    provider, served = Busy(0.002), Counter[int]()

    async def caller(number: int) -> None:
        for _ in range(10):
            await runtime.complete("acme:m", str(number))
            served[number] += 1
            assert max(served.values()) - min(served[each] for each in range(32)) <= 2

    async with limited(provider, 5) as runtime:
        await asyncio.gather(*map(caller, range(32)))
    assert provider.most == 5


@pytest.mark.parametrize("seed", range(20))
async def test_callers_that_give_up_lose_nobodys_turn_and_no_place(seed: int) -> None:
    chance, provider, state = random.Random(seed), Busy(), LocalState()
    async with limited(provider, 3, state=state) as runtime:
        await runtime.complete("acme:m", "-1")  # opens the session
        tasks = []
        for number in range(60):
            tasks.append(asyncio.ensure_future(runtime.complete("acme:m", str(number))))
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            if chance.random() < 0.5:
                chance.choice(tasks).cancel()
        async with asyncio.timeout(5):
            await asyncio.wait(tasks)
    assert provider.asked == sorted(provider.asked, key=int)
    assert provider.most <= 3
    assert state.lines._lines == {}
    assert [health.in_flight for health in state._windows.known.values()] == [0]


async def test_a_place_that_its_taker_gives_up_in_the_same_turn_goes_to_the_next() -> None:
    provider = Busy()
    async with limited(provider, 1) as runtime:
        async with runtime.stream("acme:m", "first") as stream:
            await first_word(stream)
            second = asyncio.ensure_future(runtime.complete("acme:m", "second"))
            third = asyncio.ensure_future(runtime.complete("acme:m", "third"))
            for _ in range(5):
                await asyncio.sleep(0)
        second.cancel()  # woken by the end of the stream, and gone before it could ask
        assert (await asyncio.wait_for(third, 0.5)).text == "Hello from a script."
    assert provider.asked == ["first", "third"]


async def test_one_whose_deadline_passes_in_line_is_told_of_the_limit() -> None:
    provider = Busy()
    async with limited(provider, 1) as runtime, runtime.stream("acme:m", "first") as stream:
        await first_word(stream)
        with pytest.raises(RateLimitError, match="as many requests as allowed"):
            await runtime.complete("acme:m", "second", deadlines=0.1)


def test_threads_and_event_loops_share_one_line() -> None:
    provider, state = Busy(0.001), LocalState()
    runtimes = [limited(provider, 2, state=state) for _ in range(3)]
    answers: list[str] = []

    async def several(runtime: Runtime) -> None:
        done = await asyncio.gather(*(runtime.complete("acme:m", "Hi") for _ in range(20)))
        answers.extend(answer.text for answer in done)
        await runtime.aclose()

    threads = [threading.Thread(target=asyncio.run, args=(several(runtime),)) for runtime in runtimes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == ["Hello from a script."] * 60
    assert provider.most <= 2


def test_threads_of_a_synchronous_runtime_are_served_in_turn() -> None:
    provider = Busy(0.001)
    with SyncRuntime(plugins=[provider], limits={"acme": {"concurrency": 1}}) as runtime:
        threads = [threading.Thread(target=runtime.complete, args=("acme:m", "Hi")) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert len(provider.asked) == 12
    assert provider.most == 1


def test_one_in_line_whose_event_loop_was_closed_holds_nobody_up() -> None:
    lines = Lines()

    async def come_and_never_ask() -> None:
        lines._join("a deployment")

    async def ask() -> None:
        return None

    asyncio.run(come_and_never_ask())
    assert asyncio.run(lines.admit("a deployment", ask, SystemClock(), patience=0.0)) is None


class Foreign:
    """A state of somebody else's: it knows the protocol and nothing of lines."""

    def __init__(self) -> None:
        self._state = LocalState()

    async def admit(
        self, key: str, limits: Limits | None = None, tokens: int = 0, *, last_resort: bool = True
    ) -> Refusal | None:
        return await self._state.admit(key, limits, tokens, last_resort=last_resort)

    async def report(
        self,
        key: str,
        verdict: Verdict,
        *,
        delay: float | None = None,
        latency: float | None = None,
        rate_limits: Mapping[str, RateLimit] | None = None,
    ) -> None:
        await self._state.report(key, verdict, delay=delay, latency=latency, rate_limits=rate_limits)

    async def take_retry(self, key: str) -> bool:
        return await self._state.take_retry(key)

    def available_in(self, key: str) -> float:
        return self._state.available_in(key)

    def latency(self, key: str) -> float | None:
        return self._state.latency(key)

    def in_flight(self, key: str) -> int:
        return self._state.in_flight(key)

    async def aclose(self) -> None:
        await self._state.aclose()


async def test_a_state_that_knows_no_lines_is_asked_by_the_first_in_line() -> None:
    provider = Busy()
    async with limited(provider, 2, state=Foreign()) as runtime:
        await asyncio.gather(*(runtime.complete("acme:m", str(number)) for number in range(12)))
    assert provider.asked == [str(number) for number in range(12)]
    assert provider.most == 2

"""The shared state in a real Redis: what processes agree on, and what happens while the server is away."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard import ConfigurationError, Limits, LocalState, RateLimit, RedisState, Runtime
from modelyard.health.state import Verdict
from modelyard.testing import FakeClock, Script, ScriptedProvider
from tests.redis_server import RedisServer

KEY = "acme:one#12345678@https://user:password@host.invalid"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """A server that the test may kill."""
    with RedisServer() as running:
        yield running


@pytest.fixture
async def two(server: RedisServer, request: pytest.FixtureRequest) -> AsyncIterator[tuple[RedisState, RedisState]]:
    """Two states that share one server, as two processes would."""
    clock, prefix = FakeClock(), request.node.name
    states = RedisState(server.url, prefix=prefix, clock=clock), RedisState(server.url, prefix=prefix, clock=clock)
    yield states
    for state in states:
        await state.aclose()


async def fail(state: RedisState, times: int = 1, **report: Any) -> None:
    for _ in range(times):
        await state.admit(KEY)
        await state.report(KEY, "failed", **report)


async def test_a_breaker_opened_by_one_is_honoured_by_the_other(two: tuple[RedisState, RedisState]) -> None:
    one, other = two
    assert await other.admit(KEY, last_resort=False) is None
    await other.report(KEY, "neutral")
    await fail(one, 5)
    refusal = await other.admit(KEY, last_resort=False)
    assert refusal is not None
    assert (refusal.reason, refusal.wait) == ("breaker", 5.0)
    assert one.available_in(KEY) == other.available_in(KEY) == 5.0
    await other.admit(KEY)
    await other.report(KEY, "ok", latency=0.1)
    assert await one.admit(KEY, last_resort=False) is None
    assert one.available_in(KEY) == 0.0


async def test_every_answer_tells_of_the_other_deployments_too(two: tuple[RedisState, RedisState]) -> None:
    one, other = two
    await other.admit(KEY)
    await fail(one, 1, delay=40.0)
    await other.admit("acme:two#-@")
    assert other.available_in(KEY) == 40.0


async def test_e14_of_all_processes_one_request_is_the_probe(two: tuple[RedisState, RedisState]) -> None:
    one, other = two
    await fail(one, 1, delay=3.0)
    clock = one._clock
    assert isinstance(clock, FakeClock)
    clock.advance(3.0)
    asked = [state.admit(KEY, last_resort=False) for state in two for _ in range(25)]
    assert [refusal is None for refusal in await asyncio.gather(*asked)].count(True) == 1
    await other.report(KEY, "ok")
    assert await one.admit(KEY, last_resort=False) is None


async def test_e24_the_later_of_two_delays_wins_whoever_reports_it(two: tuple[RedisState, RedisState]) -> None:
    one, other = two
    await fail(one, 1, delay=90.0)
    await fail(other, 1, delay=2.0)
    assert one.available_in(KEY) == other.available_in(KEY) == 90.0


async def test_the_retry_budget_is_one_for_all(two: tuple[RedisState, RedisState]) -> None:
    taken = [await state.take_retry(KEY) for _ in range(15) for state in two]
    assert taken.count(True) == 20


async def test_a_limit_the_headers_tell_of_is_known_to_all(two: tuple[RedisState, RedisState]) -> None:
    one, other = two
    await one.admit(KEY)
    await one.report(KEY, "ok", rate_limits={"requests": RateLimit(limit=10, remaining=0, reset=30.0)})
    refusal = await other.admit(KEY, last_resort=False)
    assert refusal is not None
    assert (refusal.reason, refusal.wait) == ("limit", 30.0)


async def test_requests_and_tokens_of_a_minute_are_counted_together(two: tuple[RedisState, RedisState]) -> None:
    limits = Limits(requests_per_minute=7)
    passed = [await state.admit(KEY, limits) for _ in range(10) for state in two]
    assert passed.count(None) == 7
    clock = two[0]._clock
    assert isinstance(clock, FakeClock)
    clock.advance(61.0)
    assert await two[0].admit(KEY, limits) is None

    tokens = Limits(tokens_per_minute=1_000)
    assert await two[0].admit("b", tokens, 900) is None
    refusal = await two[1].admit("b", tokens, 200)
    assert refusal is not None
    assert (refusal.reason, refusal.wait) == ("limit", 61.0)
    assert await two[1].admit("b", tokens, 100) is None


async def test_places_under_a_concurrency_limit_are_shared_and_come_back(
    two: tuple[RedisState, RedisState],
) -> None:
    one, other = two
    limits = Limits(concurrency=3)
    passed = await asyncio.gather(*(state.admit(KEY, limits) for _ in range(5) for state in two))
    assert passed.count(None) == 3
    assert one.in_flight(KEY) + other.in_flight(KEY) == 3
    giver = one if one.in_flight(KEY) else other
    await giver.report(KEY, "ok")
    assert await other.admit(KEY, limits) is None


async def test_a_cancelled_admission_gives_its_place_back(two: tuple[RedisState, RedisState]) -> None:
    state, other = two
    limits = Limits(concurrency=1)
    for turns in range(8):
        task = asyncio.ensure_future(state.admit(KEY, limits))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        if not (await asyncio.gather(task, return_exceptions=True))[0]:
            await state.report(KEY, "neutral")
        assert state.in_flight(KEY) == 0
        assert await other.admit(KEY, limits) is None
        await other.report(KEY, "neutral")


async def test_redis_holds_no_credential_and_no_address(server: RedisServer) -> None:
    from redis.asyncio import Redis

    state = RedisState(server.url, prefix="names")
    await state.admit(KEY, Limits(1, 1, 1), 5)
    async with Redis.from_url(server.url) as redis:
        names = [name.decode() async for name in redis.scan_iter("{names}*")]
        assert len(names) == 2
        assert await redis.ttl(names[0]) > 0
        assert await redis.ttl(names[1]) > 0
    assert all(name.startswith("{names}:acme:one:") for name in names)
    assert not any(word in name for name in names for word in ("password", "host.invalid"))
    await state.aclose()


async def test_a_client_of_the_host_is_used_and_left_open(server: RedisServer) -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(server.url) as redis:
        state = RedisState(redis, prefix="own")
        assert await state.admit(KEY) is None
        await state.aclose()
        assert await redis.ping()


def test_each_event_loop_has_its_own_connections(server: RedisServer) -> None:
    state = RedisState(server.url, prefix="loops")

    async def once() -> None:
        assert await state.admit(KEY, Limits(concurrency=5)) is None
        await state.report(KEY, "ok")
        await state.aclose()

    for _ in range(3):
        asyncio.run(once())


def test_what_is_no_redis_url_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisState("http://user:secret@host")
    assert "secret" not in str(caught.value)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["admit", "last", "ok", "failed", "late", "delay", "neutral", "retry"]),
        st.sampled_from([0.0, 0.1, 1.0, 6.0, 61.0]),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_redis_decides_as_the_state_of_one_process_does(
    server: RedisServer, steps: list[tuple[str, float]]
) -> None:
    async def play() -> None:
        from redis.asyncio import Redis

        async with Redis.from_url(server.url) as redis:
            await redis.flushdb()
        clock = FakeClock()
        shared, local = RedisState(server.url, clock=clock), LocalState(clock=clock)
        for what, pause in steps:
            assert await step(shared, what) == await step(local, what)
            if what != "retry":
                assert shared.available_in(KEY) == pytest.approx(local.available_in(KEY), abs=1e-5)
            clock.advance(pause)
        await shared.aclose()

    asyncio.run(play())


async def step(state: RedisState | LocalState, what: str) -> object:
    if what == "retry":
        return await state.take_retry(KEY)
    if what in ("admit", "last"):
        refusal = await state.admit(KEY, last_resort=what == "last")
        return None if refusal is None else (refusal.reason, round(refusal.wait, 4))
    verdicts: dict[str, Verdict] = {"ok": "ok", "neutral": "neutral"}
    latency, delay = 0.5 if what == "late" else None, 3.0 if what == "delay" else None
    await state.report(KEY, verdicts.get(what, "failed"), latency=latency, delay=delay)
    return None


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again; every condition is itself a use of the state."""
    for _ in range(1_000):
        if await condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def back(runtime: Runtime, state: RedisState) -> None:
    """Make calls until the state has found that Redis is back."""

    async def call() -> bool:
        await runtime.complete("acme:one", "Hi")
        return not state._link.away

    await until(call)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message.partition(" (")[0].partition(":")[0] for record in caplog.records]


async def test_with_redis_away_calls_go_on_and_it_is_said_once_and_again_when_it_is_back(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "modelyard.state")
    provider = ScriptedProvider("acme")
    state = RedisState(own_server.url)
    async with Runtime(plugins=[provider], state=state) as runtime:
        for _ in range(3):
            await runtime.complete("acme:one", "Hi")
        own_server.kill()
        answers = [runtime.complete("acme:one", "Hi") for _ in range(20)]
        assert {answer.text for answer in await asyncio.gather(*answers)} == {"Hello from a script."}
        assert told(caplog) == ["Redis is away"]
        own_server.start()
        await back(runtime, state)
        await runtime.complete("acme:one", "Hi")
        assert told(caplog) == ["Redis is away", "Redis is back"]


async def test_a_redis_that_hangs_holds_up_no_call(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    state = RedisState(own_server.url, timeout=0.1)
    async with Runtime(plugins=[ScriptedProvider("acme")], state=state) as runtime:
        own_server.freeze()
        for _ in range(20):
            await runtime.complete("acme:one", "Hi")
        own_server.thaw()
        await back(runtime, state)
    assert told(caplog) == ["Redis is away", "Redis is back"]


async def test_redis_that_was_never_there_is_no_obstacle(caplog: pytest.LogCaptureFixture) -> None:
    down = ScriptedProvider("acme", default=Script().fail("overloaded"))
    async with Runtime(plugins=[down], state="redis://127.0.0.1:1/0", max_attempts=1) as runtime:
        for _ in range(5):
            with pytest.raises(Exception, match="scripted"):
                await runtime.complete("acme:one", "Hi")
    assert told(caplog) == ["Redis is away"]


async def test_places_held_while_redis_was_away_are_known_to_it_afterwards(own_server: RedisServer) -> None:
    limits = Limits(concurrency=2)
    one, other = RedisState(own_server.url, lease=0.6), RedisState(own_server.url, lease=0.6)
    assert await one.admit(KEY, limits) is None
    own_server.kill()
    assert await one.admit(KEY, limits) is None
    own_server.start()

    async def full() -> bool:
        """The renewal of the leases finds out that Redis is back, and tells it of them."""
        refusal = await other.admit(KEY, limits)
        if refusal is None:
            await other.report(KEY, "neutral")
        return refusal is not None and refusal.reason == "concurrency"

    await until(full)
    for _ in range(2):
        await one.report(KEY, "ok")
    assert await other.admit(KEY, limits) is None
    await one.aclose()
    await other.aclose()


CHILD = """
import asyncio, sys
from modelyard import Limits, RedisState

async def main():
    what, url = sys.argv[1:]
    state = RedisState(url, lease=0.6)
    if what == "open":
        for _ in range(5):
            await state.admit("acme:one#1@")
            await state.report("acme:one#1@", "failed")
        print("opened", flush=True)
    if what == "count":
        limits = Limits(requests_per_minute=40, concurrency=4)
        passed, most = 0, 0

        async def one():
            nonlocal passed, most
            for _ in range(25):
                if await state.admit("acme:one#2@", limits) is None:
                    passed, most = passed + 1, max(most, state.in_flight("acme:one#2@"))
                    await asyncio.sleep(0.002)
                    await state.report("acme:one#2@", "ok")
                else:
                    await asyncio.sleep(0.01)

        await asyncio.gather(*(one() for _ in range(8)))
        print(passed, most, flush=True)
    if what == "hold":
        for _ in range(3):
            await state.admit("acme:one#3@", Limits(concurrency=3))
        print("held", flush=True)
        await asyncio.sleep(60)
    await state.aclose()

asyncio.run(main())
"""


async def child(what: str, server: RedisServer) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", CHILD, what, server.url, stdout=asyncio.subprocess.PIPE
    )


async def test_a_breaker_opened_by_another_process_is_honoured(server: RedisServer) -> None:
    state = RedisState(server.url)
    process = await child("open", server)
    assert (await process.communicate())[0] == b"opened\n"
    refusal = await state.admit("acme:one#1@", last_resort=False)
    assert refusal is not None
    assert refusal.reason == "breaker"
    await state.aclose()


async def test_two_processes_together_keep_a_limit(server: RedisServer) -> None:
    processes = [await child("count", server) for _ in range(2)]
    counts = [(await process.communicate())[0].split() for process in processes]
    assert sum(int(passed) for passed, _ in counts) == 40
    assert all(int(most) <= 4 for _, most in counts)


async def test_the_places_of_a_killed_process_come_back(server: RedisServer) -> None:
    state, limits = RedisState(server.url), Limits(concurrency=3)
    process = await child("hold", server)
    assert process.stdout is not None
    await process.stdout.readline()
    await asyncio.sleep(1.5)  # longer than a lease, which is renewed
    refusal = await state.admit("acme:one#3@", limits)
    assert refusal is not None
    process.kill()
    await process.wait()

    async def free() -> bool:
        return await state.admit("acme:one#3@", limits) is None

    await until(free)
    await state.aclose()

"""Sessions are shared, bounded, closed when idle, and never closed while somebody uses one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from modelyard import Bounds, ConfigurationError, ModelyardError, Runtime, hookimpl
from modelyard.credentials.resolve import CredentialQuery
from modelyard.deployments.session_pool import SessionPool
from modelyard.testing import ScriptedProvider
from modelyard.testing.scripted import ScriptedSession


def open_sessions(provider: ScriptedProvider) -> int:
    return sum(not session.closed for session in provider.sessions)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.slow
async def test_callers_with_keys_of_their_own_leave_a_bounded_number_of_sessions_open() -> None:
    """A26."""
    provider = ScriptedProvider("acme")
    async with Runtime(plugins=[provider]) as runtime:
        for number in range(2_000):
            await runtime.complete("acme:m", "Hi", credential=f"key-of-user-{number:05}")
        await settled()
        assert len(provider.sessions) == 2_000
        assert open_sessions(provider) == Bounds().sessions // 2
    assert open_sessions(provider) == 0


async def test_keys_of_a_resolver_are_bounded_as_well() -> None:
    """A26."""

    def resolve(scope: str, query: CredentialQuery) -> str | None:
        return f"key-of-{query.user}" if scope == "user" else None

    provider = ScriptedProvider("acme")
    async with Runtime(plugins=[provider], credentials=resolve, bounds={"sessions": 8}) as runtime:
        for number in range(30):
            await runtime.complete("acme:m", "Hi", user=f"user-{number}")
        await settled()
        assert open_sessions(provider) == 4


async def test_a_session_is_shared_by_all_who_have_its_key_and_opened_once() -> None:
    provider = ScriptedProvider("acme")
    async with Runtime(plugins=[provider], bounds={"sessions": 4}) as runtime:
        await asyncio.gather(*(runtime.complete("acme:m", "Hi", credential="key-one") for _ in range(50)))
        assert len(provider.sessions) == 1


async def test_the_session_unused_for_longest_is_closed_first() -> None:
    provider = ScriptedProvider("acme")
    async with Runtime(plugins=[provider], bounds={"sessions": 4}) as runtime:
        for key in ("key-one", "key-two", "key-one", "key-three"):
            await runtime.complete("acme:m", "Hi", credential=key)
        await settled()
        assert [session.closed for session in provider.sessions] == [False, True, False]


async def test_no_session_is_closed_under_a_stream_however_many_there_are() -> None:
    """A26."""
    provider = ScriptedProvider("acme")
    async with Runtime(plugins=[provider], bounds={"sessions": 4}) as runtime:
        streams = [runtime.stream("acme:m", "Hi", credential=f"key-{number}") for number in range(20)]
        for stream in streams:
            await anext(aiter(stream))
            await anext(aiter(stream))
        for number in range(20):
            await runtime.complete("acme:m", "Hi", credential=f"other-{number}")
        await settled()
        assert [session.closed for session in provider.sessions[:20]] == [False] * 20
        for stream in streams:
            assert (await stream.collect()).text == "Hello from a script."
        await settled()
        assert open_sessions(provider) <= 4


async def test_a_session_of_a_callers_key_is_closed_when_nobody_used_it_for_a_while() -> None:
    provider = ScriptedProvider("acme")
    settings = {"acme": {"api_key": "key-of-the-host"}}
    async with Runtime(settings, plugins=[provider], bounds={"session_idle": 0.05}) as runtime:
        await runtime.complete("acme:m", "Hi")
        await runtime.complete("acme:m", "Hi", credential="key-of-a-caller")
        kept = await runtime.session("acme", credential="key-in-hand")
        await asyncio.sleep(0.15)
        hosts, callers, in_hand = provider.sessions
        assert callers.closed
        assert not hosts.closed, "the host's own keys are few"
        assert not in_hand.closed, "it was handed out"
        assert kept is in_hand
    assert open_sessions(provider) == 0


async def test_a_session_that_could_not_be_opened_is_opened_anew_by_the_next_call() -> None:
    provider = Reluctant("acme")
    async with Runtime(plugins=[provider], max_attempts=1) as runtime:
        answers = [runtime.complete("acme:m", "Hi", credential="key-one") for _ in range(3)]
        failed = await asyncio.gather(*answers, return_exceptions=True)
        assert [type(error) for error in failed] == [ConfigurationError] * 3
        provider.willing = True
        assert (await runtime.complete("acme:m", "Hi", credential="key-one")).text == "Hello from a script."


class Reluctant(ScriptedProvider):
    """Opens no session until it is willing."""

    willing = False

    @hookimpl
    async def modelyard_open(self, settings: Any) -> ScriptedSession:
        """Open a session, or refuse."""
        await asyncio.sleep(0)
        if not self.willing:
            raise ConfigurationError("not today")
        return await super().modelyard_open(settings)


class Door:
    """A session that takes a while to open and to close."""

    def __init__(self, opened: list[Door]) -> None:
        self.closed = False
        opened.append(self)

    async def aclose(self) -> None:
        """Close it, in two steps."""
        await asyncio.sleep(0.01)
        self.closed = True


@pytest.fixture
async def doors() -> AsyncIterator[tuple[SessionPool, list[Door]]]:
    """A pool that keeps one idle session, and what was opened."""
    pool = SessionPool(Bounds(sessions=2))
    yield pool, []
    await pool.aclose()


async def test_closing_waits_for_sessions_that_are_being_closed(doors: tuple[SessionPool, list[Door]]) -> None:
    pool, opened = doors

    async def opener() -> Door:
        await asyncio.sleep(0)
        return Door(opened)

    for way in range(5):
        with pool.use("acme", way, opener) as use:
            await use.session()
    await pool.aclose()
    assert [door.closed for door in opened] == [True] * 5


async def test_a_use_that_outlives_its_pool_ends_quietly(doors: tuple[SessionPool, list[Door]]) -> None:
    pool, opened = doors

    async def opener() -> Door:
        return Door(opened)

    use = pool.use("acme", "way", opener)
    first = await use.session()
    await pool.aclose()
    use.release()
    with pool.use("acme", "way", opener) as again:
        assert await again.session() is not first


async def test_a_caller_that_gives_up_while_a_session_opens_leaves_it_to_be_closed(
    doors: tuple[SessionPool, list[Door]],
) -> None:
    pool, opened = doors
    go = asyncio.Event()

    async def opener() -> Door:
        await go.wait()
        return Door(opened)

    async def call() -> None:
        with pool.use("acme", "way", opener) as use:
            await use.session()

    task = asyncio.ensure_future(call())
    await settled()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    await pool.aclose()
    assert [door.closed for door in opened] == [True]


def test_each_event_loop_has_sessions_of_its_own() -> None:
    provider = ScriptedProvider("acme")
    runtime = Runtime(plugins=[provider])

    async def once() -> None:
        for number in range(3):
            await runtime.complete("acme:m", "Hi", credential=f"key-{number}")

    for _ in range(2):
        asyncio.run(once())
    assert len(provider.sessions) == 6
    assert open_sessions(provider) == 0


def test_bounds_of_sessions_are_whole_and_positive() -> None:
    with pytest.raises(ModelyardError, match="sessions"):
        Runtime(bounds={"sessions": 0})

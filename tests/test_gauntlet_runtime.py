"""Rows of the bug gauntlet about the runtime itself: loops, threads, hooks, addresses, pools."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from modelyard import (
    ConnectionFailedError,
    LocalState,
    ProviderError,
    Runtime,
    SyncRuntime,
    hookimpl,
)
from modelyard.testing import Emulator, LoopbackServer, Received, Reply, Script, faults, load_dialects

from .conftest import PROVIDERS, Emulated, ask

ANSWER = "Hello from the emulator."


def test_g05_event_loops_one_after_another_each_get_connections_that_work(emulated: Emulated) -> None:
    runtime = emulated.runtime()

    async def once(close: bool) -> str:
        answers = [(await ask(runtime, emulated.reference, stream=stream)).text for stream in (True, False)]
        if close:
            await runtime.aclose()
        return " ".join(answers)

    for _ in range(3):
        assert asyncio.run(once(close=True)) == f"{ANSWER} {ANSWER}"


def test_g05_event_loops_in_several_threads_at_once_share_a_runtime(emulated: Emulated) -> None:
    runtime, answers, together = emulated.runtime(), list[str](), threading.Barrier(4)

    async def once() -> None:
        together.wait()
        for _ in range(5):
            answers.append((await runtime.complete(emulated.reference, "Hi")).text)
        await runtime.aclose()

    threads = [threading.Thread(target=asyncio.run, args=(once(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [ANSWER] * 20


def test_g06_threads_with_keys_of_their_own_never_send_another_s() -> None:
    emulators = {name: Emulator(load_dialects([name])[name]) for name in PROVIDERS}
    try:
        for emulator in emulators.values():
            emulator.start()
        providers: dict[str, Any] = {name: emulator.settings() for name, emulator in emulators.items()}
        with SyncRuntime(providers, max_attempts=1) as runtime:
            work = [threading.Thread(target=_ask_with_own_key, args=(runtime, emulators, n)) for n in range(32)]
            for thread in work:
                thread.start()
            for thread in work:
                thread.join()
        for emulator in emulators.values():
            pairs = [_key_and_name(received) for received in emulator.requests]
            assert len(pairs) == 32
            assert all(key == f"key-of-{name}" for key, name in pairs)
    finally:
        for emulator in emulators.values():
            emulator.stop()


def _ask_with_own_key(runtime: SyncRuntime, emulators: dict[str, Emulator], number: int) -> None:
    for name, emulator in emulators.items():
        model = f"{name}:{emulator.dialect.model}"
        runtime.complete(model, f"I am thread-{number}", credential=f"key-of-thread-{number}")


def _key_and_name(received: Received) -> tuple[str, str]:
    key = next(word for text in received.headers.values() for word in text.split() if word.startswith("key-of-"))
    name = received.body.partition(b"I am ")[2].partition(b'"')[0].decode()
    return key, name


class Raising:
    """A host object all of whose hooks raise."""

    def __init__(self) -> None:
        self.called = 0

    @hookimpl
    def modelyard_attempt_started(self) -> None:
        self.called += 1
        raise ValueError("the first hook is broken")

    @hookimpl
    def modelyard_attempt_finished(self) -> None:
        self.called += 1
        raise ValueError("the second hook is broken")


@pytest.mark.parametrize("stream", [True, False])
async def test_g17_g19_an_observer_that_raises_is_named_and_the_answer_arrives(
    emulated: Emulated, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    raising = Raising()
    async with emulated.runtime(hooks=[raising]) as runtime:
        assert (await ask(runtime, emulated.reference, stream=stream)).text == ANSWER
    assert raising.called == 2
    assert "modelyard_attempt_started raised ValueError: the first hook is broken" in caplog.text
    assert "modelyard_attempt_finished raised ValueError: the second hook is broken" in caplog.text


async def test_g17_a_wrapper_that_raises_is_a_typed_error_of_that_call_only(emulated: Emulated) -> None:
    class Once:
        raised = False

        @hookimpl(wrapper=True)
        def modelyard_complete(self) -> Any:
            if not self.raised:
                self.raised = True
                raise KeyError("the wrapper is broken")
            return (yield)

    async with emulated.runtime(hooks=[Once()]) as runtime:
        with pytest.raises(ProviderError, match="the wrapper is broken"):
            await runtime.complete(emulated.reference, "Hi")
        assert (await runtime.complete(emulated.reference, "Hi")).text == ANSWER


@pytest.mark.parametrize("ending", ["", "/", "//", "/VERSION", "/VERSION/", "/proxy/VERSION"])
async def test_g18_every_way_to_write_a_base_url_leads_to_the_same_path(emulated: Emulated, ending: str) -> None:
    version = "v1beta" if emulated.provider == "gemini" else "v1"
    paths: list[str] = []

    def answer(received: Received) -> Reply:
        paths.append(received.path)
        return emulated.emulator.dialect.reply(Script().say(ANSWER), received)

    with LoopbackServer(answer) as server:
        settings = {**emulated.settings, "base_url": server.url + ending.replace("VERSION", version)}
        async with Runtime({emulated.provider: settings}, max_attempts=1) as runtime:
            assert (await runtime.complete(emulated.reference, "Hi")).text == ANSWER
    prefix = "/proxy" if "proxy" in ending else ""
    assert paths[0].startswith(f"{prefix}/{version}/")
    assert paths[0].count(version) == 1
    assert "//" not in paths[0]


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_g18_the_proxy_of_the_environment_is_used(
    emulated: Emulated, variable: str, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    asked: list[str] = []

    def forward(received: Received) -> Reply:
        asked.append(received.headers["host"])
        return emulated.emulator.dialect.reply(Script().say(ANSWER), received)

    with LoopbackServer(forward) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        settings = {**emulated.settings, "base_url": "http://provider.invalid", "transport": transport}
        async with Runtime({emulated.provider: settings}, max_attempts=1) as runtime:
            assert (await runtime.complete(emulated.reference, "Hi")).text == ANSWER
        assert asked == ["provider.invalid"]
        async with Runtime({emulated.provider: {**settings, "proxy": ""}}, max_attempts=1) as runtime:
            with pytest.raises(ConnectionFailedError):
                await runtime.complete(emulated.reference, "Hi")
        monkeypatch.setenv("NO_PROXY", "provider.invalid")
        async with Runtime({emulated.provider: settings}, max_attempts=1) as runtime:
            with pytest.raises(ConnectionFailedError):
                await runtime.complete(emulated.reference, "Hi")
    assert len(asked) == 1


@contextmanager
def crowded(emulated: Emulated, transport: str) -> Iterator[tuple[Runtime, LocalState]]:
    """A runtime with two connections, and a provider that answers nobody."""
    state = LocalState()
    settings = {**emulated.settings, "transport": transport, "max_connections": 2}
    emulated.emulator.fault = faults.hang_before_head()
    yield (
        Runtime({emulated.provider: settings}, state=state, max_attempts=1, deadlines={"connect": 0.2}),
        state,
    )


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
async def test_g20_a_full_pool_is_no_fault_of_the_provider(emulated: Emulated, transport: str) -> None:
    with crowded(emulated, transport) as (runtime, state):
        async with runtime:
            calls = [asyncio.ensure_future(runtime.complete(emulated.reference, "Hi")) for _ in range(12)]
            waiting = set(calls)
            while len(waiting) > 2:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for call in waiting:
                call.cancel()
            await asyncio.wait(calls)
    errors = [call.exception() for call in calls if not call.cancelled()]
    assert len(errors) == 10
    for error in errors:
        assert isinstance(error, ConnectionFailedError)
        assert error.code == "pool_timeout"
        assert "max_connections" in str(error)
        assert not error.attempts[0].maybe_billed
    assert [state.available_in(key) for key in state._windows.known] == [0.0]
    assert [health.breaker.failures for health in state._windows.known.values()] == [0]


async def test_g20_five_hundred_streams_at_once_all_arrive(emulated: Emulated) -> None:
    settings = {**emulated.settings, "max_connections": 100}
    async with Runtime({emulated.provider: settings}, max_attempts=1) as runtime:
        streams = (runtime.stream(emulated.reference, "Hi").collect() for _ in range(500))
        assert {answer.text for answer in await asyncio.gather(*streams)} == {ANSWER}
    assert len(emulated.emulator.requests) == 500

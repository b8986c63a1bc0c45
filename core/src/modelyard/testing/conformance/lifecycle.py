"""Sessions: several loops and threads, a loop that is never blocked, and connections that end."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from modelyard.runtime import Runtime
from modelyard.testing.conformance.bench import Bench, comparable
from modelyard.testing.conformance.rules import Violation, case, require
from modelyard.testing.script import Script
from modelyard.testing.server import LoopbackServer, Received, Reply
from modelyard.types.completion import Completion

__all__ = ["LifecycleCases"]

THREADS = 8
LONGEST_HOLD = 5.0


class LifecycleCases:
    """Cases about time and place."""

    @case
    def test_one_runtime_serves_one_loop_after_another(self, wire: Bench) -> None:
        """Scripts, notebooks and test suites start a loop for each call; clients cling to their first."""
        runtime = wire.runtime()
        for said in ("one", "two", "three"):
            answer = asyncio.run(_ask_and_close(wire, runtime, said))
            require(
                answer == said, "each event loop gets its own session", answer, "keep nothing global in modules"
            )

    @case
    def test_one_runtime_serves_many_threads(self, wire: Bench) -> None:
        """Web servers with thread pools run many loops at once."""
        wire.emulator.default = _echo
        runtime = wire.runtime()
        wire.subject.binding()
        with ThreadPoolExecutor(THREADS) as pool:
            said = [f"thread {number}" for number in range(THREADS * 2)]
            answers = list(pool.map(lambda word: asyncio.run(_converse(runtime, wire.reference, word)), said))
        require(
            answers == said, "many threads get each their own answer", answers, "share no state between sessions"
        )

    @case
    async def test_simultaneous_streams_do_not_mix(self, wire: Bench) -> None:
        """State of one answer kept on the session turns up in another's."""
        wire.emulator.default = _echo
        said = [f"stream {number} of many" for number in range(20)]
        async with wire.runtime() as runtime:
            streams = [runtime.stream(wire.reference, word).collect() for word in said]
            answers = [answer.text for answer in await asyncio.gather(*streams)]
        require(answers == said, "simultaneous streams do not mix", answers, "make a decoder for each stream")

    @case
    async def test_closing_the_runtime_closes_all_connections(self, wire: Bench) -> None:
        """A process that makes runtimes must not gather connections."""
        await wire.ask(Script().say("Hi."))
        for _ in range(200):
            if not wire.emulator.open_connections:
                return
            await asyncio.sleep(0.01)
        require(
            False,
            "closing the runtime closes all connections",
            f"{wire.emulator.open_connections} stay open",
            "close the HTTP client in Session.aclose",
        )

    @case
    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    async def test_waiting_never_blocks_the_event_loop(
        self, wire: Bench, stream: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One blocking call stops every other request of the process.

        The server holds its answer until another task of the same loop has run: a call that blocks the loop waits
        in vain. ``time.sleep`` on the loop's thread is caught by itself.
        """
        ran, arrived = threading.Event(), threading.Event()
        held: list[bool] = []

        def hold(received: Received) -> Reply:
            arrived.set()
            held.append(ran.wait(LONGEST_HOLD))
            wire.subject.dialect.check(received)
            return wire.subject.dialect.reply(Script().say("Hi."), received)

        monkeypatch.setattr(time, "sleep", _sleep_off_the_loop(time.sleep))
        with LoopbackServer(hold) as server:
            async with wire.runtime(base_url=server.url) as runtime:
                asked = asyncio.ensure_future(_call(runtime, wire.reference, stream=stream))
                while not arrived.is_set() and not asked.done():
                    await asyncio.sleep(0.005)
                ran.set()
                answer = await asked
        require(
            all(held),
            "waiting never blocks the event loop",
            "no other task ran while the plugin waited for the answer",
            "use an asynchronous HTTP client, and asyncio.to_thread for what blocks",
        )
        require(answer.text == "Hi.", "the answer arrives", answer.text, "")

    @case
    async def test_answers_can_be_pickled(self, wire: Bench) -> None:
        """Caches and work queues keep answers."""
        answer = await wire.ask(Script().say("Hi."), stream=True)
        again = pickle.loads(pickle.dumps(answer))
        require(comparable(again) == comparable(answer), "answers can be pickled", again, "put plain data on them")


def _sleep_off_the_loop(sleep: Any) -> Any:
    def guarded(seconds: float) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            sleep(seconds)
            return
        raise Violation(
            "\n  rule: waiting never blocks the event loop\n  found: time.sleep on the loop's thread"
            "\n  fix: await asyncio.sleep"
        )

    return guarded


def _echo(received: Received) -> Script:
    """Say what the message says: found between the marks of the JSON text that holds it."""
    body = received.body.decode()
    for word in ("thread ", "stream "):
        if word in body:
            rest = body[body.rindex(word) :]
            return Script().say(rest[: rest.index('"')])
    return Script().say("nobody")


async def _call(runtime: Runtime, reference: str, *, stream: bool) -> Completion:
    if stream:
        return await runtime.stream(reference, "Hi").collect()
    return await runtime.complete(reference, "Hi")


async def _ask_and_close(wire: Bench, runtime: Runtime, said: str) -> str:
    wire.emulator.add(Script().say(said))
    async with runtime:
        answer = await runtime.complete(wire.reference, "Hi")
    return str(answer.text)


async def _converse(runtime: Runtime, reference: str, said: str) -> str:
    async with runtime:
        answer = await runtime.stream(reference, said).collect()
    return str(answer.text)

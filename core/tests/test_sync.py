"""The synchronous face: the same methods and answers, from scripts, threads, running loops and forks."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from modelyard import ConfigurationError, OverloadedError, Runtime, SyncRuntime
from modelyard.testing import Emulator, Script, ScriptedProvider, load_dialects
from modelyard.testing.faults import hang_after

STORY = Script().think("Hm.").say("One two three four five.")


def sync_runtime(*scripts: Script, **settings: Any) -> SyncRuntime:
    return SyncRuntime(plugins=[ScriptedProvider("acme", scripts, **settings)])


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_it_has_every_method_of_the_runtime() -> None:
    assert public(Runtime) - public(SyncRuntime) == {"aclose"}
    assert public(SyncRuntime) - public(Runtime) == {"close"}


def test_a_whole_answer_and_a_stream_say_the_same() -> None:
    with sync_runtime(STORY, STORY) as runtime:
        whole = runtime.complete("acme:one", "Hi")
        with runtime.stream("acme:one", "Hi") as stream:
            types = [event.type for event in stream]
        assert types[0] == "status"
        assert types[-1] == "done"
        assert stream.completion.message == whole.message
        assert runtime.count_tokens("acme:one", "Hi").estimated


def test_text_collect_and_sse_are_there_too() -> None:
    with sync_runtime(STORY, STORY, STORY) as runtime:
        assert "".join(runtime.stream("acme:one", "Hi").text()) == "One two three four five."
        assert runtime.stream("acme:one", "Hi").collect().reasoning == "Hm."
        assert list(runtime.stream("acme:one", "Hi").to_sse())[-1].startswith("event: done\n")


def test_a_failure_is_raised_where_it_is_waited_for() -> None:
    with sync_runtime(Script().say("Hel").fail("overloaded")) as runtime:
        with pytest.raises(OverloadedError) as caught:
            list(runtime.stream("acme:one", "Hi"))
        assert caught.value.partial is not None
        assert caught.value.partial.text == "Hel"


def test_more_events_than_the_buffer_holds_all_arrive_in_order() -> None:
    pieces = [f"{number} " for number in range(2_000)]
    with sync_runtime(Script().say(*pieces)) as runtime:
        assert "".join(runtime.stream("acme:one", "Hi").text()) == "".join(pieces)


def test_leaving_a_stream_early_closes_its_connection() -> None:
    pytest.importorskip("modelyard_mistral", reason="needs a provider with a socket")
    dialect = load_dialects(["mistral"])["mistral"]
    with (
        Emulator(dialect, default=STORY, fault=hang_after(4)) as emulator,
        SyncRuntime(providers={"mistral": emulator.settings()}) as runtime,
    ):
        with runtime.stream(f"mistral:{dialect.model}", "Hi") as stream:
            for event in stream:
                if event.type == "reasoning_delta":
                    break
        emulator.wait_for_disconnect(5)


def test_many_threads_share_one() -> None:
    provider = ScriptedProvider("acme", default=Script().say("Hello."))
    with SyncRuntime(plugins=[provider]) as runtime, ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: runtime.complete("acme:one", "Hi").text, range(100)))
    assert answers == ["Hello."] * 100
    assert len(provider.sessions) == 1


async def test_g07_it_works_inside_a_running_loop() -> None:
    with sync_runtime(STORY) as runtime:
        assert runtime.complete("acme:one", "Hi").text == "One two three four five."


def test_g07_from_its_own_loop_it_says_so_instead_of_waiting_for_itself() -> None:
    with sync_runtime(STORY) as runtime:
        inner: list[BaseException] = []

        async def call_again() -> None:
            try:
                runtime.complete("acme:one", "Hi")
            except ConfigurationError as error:
                inner.append(error)

        runtime._loop.run(call_again())
    assert "its own event loop" in str(inner[0])


def test_after_close_it_says_so() -> None:
    runtime = sync_runtime(STORY)
    runtime.complete("acme:one", "Hi")
    runtime.close()
    with pytest.raises(ConfigurationError, match="closed"):
        runtime.complete("acme:one", "Hi")
    runtime.close()


def test_closing_ends_the_thread_and_what_is_under_way() -> None:
    class Waiting(ScriptedProvider):
        async def _events(self, request: Any) -> Any:
            await asyncio.sleep(60)
            yield

    runtime = SyncRuntime(plugins=[Waiting("acme")])
    errors: list[BaseException] = []

    def call() -> None:
        try:
            runtime.complete("acme:one", "Hi")
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    while not any(other.name == "modelyard-sync" for other in threading.enumerate()):
        thread.join(0.01)
    runtime.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(errors) == 1
    assert not any(other.name == "modelyard-sync" for other in threading.enumerate())


SCRIPT = """
import os
from modelyard import ConfigurationError, SyncRuntime
from modelyard.testing import ScriptedProvider
runtime = SyncRuntime(plugins=[ScriptedProvider("acme")])
print(runtime.complete("acme:one", "Hi").text, flush=True)
stream = runtime.stream("acme:one", "Hi")
next(stream)
if os.fork() == 0:
    try:
        runtime.complete("acme:one", "Hi")
    except ConfigurationError as error:
        print("child:", error.hint, flush=True)
    with SyncRuntime(plugins=[ScriptedProvider("acme")]) as own:
        print("child:", own.complete("acme:one", "Hi").text, flush=True)
else:
    os.wait()
    print("parent:", runtime.complete("acme:one", "Hi").text, flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_g07_a_fork_gets_a_clear_error_and_leaving_without_close_is_clean() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "Hello from a script.",
        "child: Make a new SyncRuntime in the child process.",
        "child: Hello from a script.",
        "parent: Hello from a script.",
    ]

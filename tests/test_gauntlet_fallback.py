"""Rows of the bug gauntlet about what a retry or a fallback sends, and what is known of a lost request."""

from __future__ import annotations

import itertools
import socket
from typing import Any

import pytest

from modelyard import (
    ConnectionFailedError,
    ImagePart,
    Message,
    OverloadedError,
    Runtime,
    StreamInterruptedError,
    Tool,
    ToolResult,
)
from modelyard.testing import Emulator, FakeClock, Script, ScriptedProvider, faults, load_dialects

from .conftest import PROVIDERS, Emulated, ask

WEATHER = Tool(
    name="get_weather",
    description="The weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Several:
    """Emulators of all four providers, and one runtime for them."""

    def __init__(self, emulators: dict[str, Emulator]) -> None:
        self.emulators = emulators

    def model(self, name: str) -> str:
        return f"{name}:{self.emulators[name].dialect.model}"

    def runtime(self, **arguments: Any) -> Runtime:
        providers: dict[str, Any] = {name: emulator.settings() for name, emulator in self.emulators.items()}
        return Runtime(providers, plugins=[*PROVIDERS, ScriptedProvider("own")], clock=FakeClock(), **arguments)


@pytest.fixture
def several() -> Any:
    emulators = {name: Emulator(load_dialects([name])[name]) for name in PROVIDERS}
    for emulator in emulators.values():
        emulator.start()
    yield Several(emulators)
    for emulator in emulators.values():
        emulator.stop()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(PROVIDERS, 2)))
async def test_e17_what_falls_back_is_the_request_a_direct_call_would_have_sent(
    several: Several, first: str, second: str, stream: bool
) -> None:
    asked: dict[str, Any] = {
        "messages": [Message.user(["What is this?", ImagePart(data=PIXEL, media_type="image/png")])],
        "system": "Be brief.",
        "tools": [WEATHER],
        "max_output_tokens": 500,
    }
    down = Script().fail("overloaded")
    async with several.runtime(max_attempts=1) as runtime:
        await ask(runtime, several.model(second), stream=stream, **asked)
        several.emulators[first].add(down)
        route: Any = [several.model(first), several.model(second)]
        answer = await ask(runtime, route, stream=stream, fallback="before_output", **asked)
    assert answer.provider == second
    direct, fallen = several.emulators[second].requests
    assert fallen.json == direct.json
    assert several.emulators[second].rejected == []


@pytest.mark.parametrize("first", PROVIDERS)
async def test_e18_a_conversation_full_of_one_provider_s_own_data_falls_back_to_each_other(
    several: Several, first: str
) -> None:
    several.emulators[first].add(Script().think("Hm.").say("Let me see.").call("get_weather", city="Paris"))
    others = [name for name in PROVIDERS if name != first]
    async with several.runtime(max_attempts=1, fallback="before_output") as runtime:
        question = Message.user("How is the weather in Paris?")
        turn = await runtime.complete(several.model(first), [question], tools=[WEATHER])
        history = [
            question,
            turn.message,
            Message.tool(ToolResult(tool_call_id=call.id, content="Sunny.") for call in turn.tool_calls),
        ]
        for other in others:
            several.emulators[first].add(Script().fail("overloaded"))
            route = [several.model(first), several.model(other)]
            answer = await runtime.complete(route, history, tools=[WEATHER])
            assert answer.provider == other
            assert several.emulators[other].rejected == []


@pytest.mark.parametrize("first", PROVIDERS)
async def test_e19_a_stream_falls_back_to_a_provider_of_the_host_s_own_and_back(
    several: Several, first: str
) -> None:
    several.emulators[first].add(Script().fail("overloaded"))
    async with several.runtime(max_attempts=1, fallback="before_output") as runtime:
        there = await runtime.stream([several.model(first), "own:one"], "Hi").collect()
    assert (there.provider, there.text) == ("own", "Hello from a script.")
    own = ScriptedProvider("own", default=Script().fail("overloaded"))
    providers: dict[str, Any] = {first: several.emulators[first].settings()}
    async with Runtime(providers, plugins=[first, own], fallback="before_output", max_attempts=1) as runtime:
        back = await runtime.stream(["own:one", several.model(first)], "Hi").collect()
    assert (back.provider, back.text) == (first, "Hello from the emulator.")


@pytest.mark.parametrize("stream", [True, False])
async def test_e21_a_request_lost_after_it_was_sent_may_have_been_billed_and_is_counted(
    emulated: Emulated, stream: bool
) -> None:
    emulated.emulator.fault = faults.reset_before_head()
    async with emulated.runtime(max_attempts=3, clock=FakeClock()) as runtime:
        with pytest.raises(ConnectionFailedError) as caught:
            await ask(runtime, emulated.reference, stream=stream)
    assert caught.value.code == "connection_lost"
    assert [attempt.maybe_billed for attempt in caught.value.attempts] == [True] * 3
    assert len(emulated.emulator.requests) == 3


@pytest.mark.parametrize("stream", [True, False])
async def test_e21_a_request_that_never_left_was_not_billed(emulated: Emulated, stream: bool) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings = {**emulated.settings, "base_url": f"http://127.0.0.1:{closed.getsockname()[1]}"}
        async with Runtime({emulated.provider: settings}, max_attempts=2, clock=FakeClock()) as runtime:
            with pytest.raises(ConnectionFailedError) as caught:
                await ask(runtime, emulated.reference, stream=stream)
    assert [attempt.maybe_billed for attempt in caught.value.attempts] == [False] * 2


@pytest.mark.parametrize("kind", ["overloaded", "server", "rate_limit"])
async def test_e21_a_request_that_was_refused_was_not_billed(emulated: Emulated, kind: Any) -> None:
    emulated.emulator.add(Script().fail(kind))
    async with emulated.runtime(max_attempts=2, clock=FakeClock()) as runtime:
        answer = await runtime.complete(emulated.reference, "Hi")
    assert [attempt.maybe_billed for attempt in answer.record.attempts] == [False, False]


async def test_e21_a_stream_that_broke_off_may_have_been_billed(emulated: Emulated) -> None:
    emulated.emulator.fault = faults.crash_after(4)
    async with emulated.runtime() as runtime:
        with pytest.raises(StreamInterruptedError) as caught:
            await runtime.stream(emulated.reference, "Hi").collect()
    assert [attempt.maybe_billed for attempt in caught.value.attempts] == [True]


@pytest.mark.parametrize("stream", [True, False])
async def test_e13_a_host_that_is_not_there_is_left_alone_after_some_failures(
    emulated: Emulated, stream: bool
) -> None:
    clock, own = FakeClock(), ScriptedProvider("own")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings = {**emulated.settings, "base_url": f"http://127.0.0.1:{closed.getsockname()[1]}"}
        runtime = Runtime(
            {emulated.provider: settings}, plugins=[emulated.provider, own], clock=clock, max_attempts=1
        )
        route: Any = [emulated.reference, "own:one"]
        async with runtime:
            attempts = [
                (await ask(runtime, route, stream=stream, fallback="before_output")).record.attempts
                for _ in range(7)
            ]
    assert [len(each) for each in attempts] == [2] * 5 + [1] * 2


@pytest.mark.parametrize("stream", [True, False])
async def test_b08_b09_without_a_policy_one_failure_is_one_error_after_as_many_requests_as_allowed(
    emulated: Emulated, stream: bool
) -> None:
    emulated.emulator.default = Script().fail("overloaded")
    async with emulated.runtime(max_attempts=2, clock=FakeClock()) as runtime:
        with pytest.raises(OverloadedError):
            await ask(runtime, emulated.reference, stream=stream)
    assert len(emulated.emulator.requests) == 2

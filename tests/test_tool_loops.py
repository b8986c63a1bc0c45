"""Runs of model and tools on every wire format, against emulators as strict as the real APIs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from modelyard import Event, ImagePart, RunResult, RunState, Runtime, Tool, ToolResult, tool
from modelyard.runs.run_grammar import check_run
from modelyard.testing import Emulator, Script, faults, load_dialects
from modelyard.testing.script import Call

from .conftest import PROVIDERS, Emulated

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


@tool
async def get_weather(city: str, days: int = 1) -> dict[str, Any]:
    """Look up the weather.

    Args:
        city: Where.
        days: For how many days.
    """
    if city == "Atlantis":
        raise LookupError(f"{city} is not on the map")
    return {"city": city, "days": days, "sunny": True}


@tool
def now() -> str:
    """Say the time."""
    return "noon"


@tool
def nothing() -> None:
    """Do nothing."""


@tool
def picture() -> list[str | ImagePart]:
    """Take a picture."""
    return ["Here:", ImagePart(data=PNG)]


ask_user = Tool(name="ask_user", parameters={"type": "object", "properties": {"question": {"type": "string"}}})
TOOLS = [get_weather, now, nothing, picture, ask_user]


async def run(emulated: Emulated, *scripts: Script, stream: bool = True, **options: Any) -> RunResult:
    """Run through scripts; the events must keep to the grammar, and the API must accept every request."""
    emulated.emulator.add(*scripts)
    async with emulated.runtime() as runtime:
        if not stream:
            result = await runtime.run(emulated.reference, "Where is it sunny?", tools=TOOLS, **options)
        else:
            async with runtime.run_stream(
                emulated.reference, "Where is it sunny?", tools=TOOLS, **options
            ) as events:
                check_run([event async for event in events])
            result = events.result
    assert emulated.emulator.rejected == []
    return result


def told(result: RunResult, message: int = 2) -> list[tuple[str | None, str, bool]]:
    return [
        (part.name, part.text, part.is_error)
        for part in result.messages[message].content
        if isinstance(part, ToolResult)
    ]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_parallel_calls_are_answered_and_the_model_goes_on(emulated: Emulated, stream: bool) -> None:
    script = (
        Script()
        .think("I need the weather.")
        .say("One moment.")
        .call("get_weather", city="Paris")
        .call("get_weather", city="São Paulo 😀", days=3)
    )
    result = await run(emulated, script, Script().say("Sunny in both."), stream=stream)
    assert (result.status, result.text, result.turns, result.tool_calls) == ("completed", "Sunny in both.", 2, 2)
    assert told(result) == [
        ("get_weather", '{"city":"Paris","days":1,"sunny":true}', False),
        ("get_weather", '{"city":"São Paulo 😀","days":3,"sunny":true}', False),
    ]
    assert (result.usage.input_tokens, result.usage.output_tokens) == (20, 10)


async def test_errors_are_told_to_the_model(emulated: Emulated) -> None:
    script = Script().call("get_weather", city="Atlantis").call("get_weather", days="x").call("now")
    result = await run(emulated, script, Script().say("Sorry."))
    failed, invalid, fine = told(result)
    assert failed == ("get_weather", "LookupError: Atlantis is not on the map", True)
    assert invalid[2]
    assert "city: " in invalid[1]
    assert fine == ("now", "noon", False)


async def test_a18_tools_without_parameters_are_declared_called_and_answered(emulated: Emulated) -> None:
    result = await run(emulated, Script().call("now").call("nothing"), Script().say("Noon."))
    assert told(result) == [("now", "noon", False), ("nothing", "", False)]
    assert result.text == "Noon."


async def test_a19_a_call_cut_off_by_the_output_limit_is_not_executed(emulated: Emulated) -> None:
    cut = Script(steps=(Call("get_weather", {"city": "Paris"}, cut_at=9),)).finish("length")
    result = await run(emulated, cut, Script().say("Sorry."))
    if emulated.provider == "gemini":  # a Gemini call arrives whole or not at all
        assert result.finish_reason in {"length", "stop"}
        return
    ((name, text, is_error),) = told(result)
    assert (name, is_error) == ("get_weather", True)
    assert "Nothing was executed" in text


async def test_a20_arguments_that_are_valid_json_too_early_are_read_to_their_end(emulated: Emulated) -> None:
    script = Script().call("get_weather", city="{}", days=123)
    results: list[RunResult] = []
    for size in (1, 3, None):
        emulated.emulator.fault = faults.split(size) if size else None
        results.append(await run(emulated, script, Script().say("Fine.")))
    assert {result.text for result in results} == {"Fine."}
    for result in results:
        assert told(result) == [("get_weather", '{"city":"{}","days":123,"sunny":true}', False)]


async def test_a24_unicode_arguments_survive_any_cut_of_the_bytes(emulated: Emulated) -> None:
    city = 'Zoë 你好 😀 \u2028 \\ " é'
    emulated.emulator.fault = faults.split(1)
    result = await run(emulated, Script().call("get_weather", city=city), Script().say("Fine."))
    assert result.messages[1].tool_calls[0].arguments == {"city": city}


async def test_a28_a_tool_that_was_not_declared_is_answered(emulated: Emulated) -> None:
    result = await run(emulated, Script().call("get_whether", city="Paris"), Script().say("Sorry."))
    ((name, text, is_error),) = told(result)
    assert (name, is_error) == ("get_whether", True)
    assert "Did you mean 'get_weather'" in text


async def test_images_in_results_reach_the_model(emulated: Emulated) -> None:
    result = await run(emulated, Script().call("picture"), Script().say("A picture."))
    assert result.text == "A picture."
    assert result.messages[2].content[0].content[1] == ImagePart(data=PNG)  # type: ignore[union-attr]


async def test_the_same_tools_called_turn_after_turn_pair_up(emulated: Emulated) -> None:
    scripts = [Script().call("now").call("now") for _ in range(4)]
    result = await run(emulated, *scripts, Script().say("Enough."))
    ids = [call.id for message in result.messages for call in message.tool_calls]
    assert len(set(ids)) == 8
    assert result.turns == 5


async def test_a_suspended_run_goes_on_after_json(emulated: Emulated) -> None:
    script = Script().think("Hm.").call("get_weather", city="Paris").call("ask_user", question="Où?")
    result = await run(emulated, script)
    assert result.state is not None
    state = RunState.from_json(result.state.to_json())
    emulated.emulator.add(Script().say("Sunny."))
    async with emulated.runtime() as runtime:
        events: list[Event] = []
        async with runtime.resume_stream(state, {state.pending[0].id: "In Paris."}, tools=TOOLS) as stream:
            events = [event async for event in stream]
    check_run(events, [call.id for call in state.calls])
    assert stream.result.text == "Sunny."
    assert emulated.emulator.rejected == []


# From one provider to another, in the middle of a loop


@pytest.fixture
def everyone() -> Iterator[dict[str, Emulator]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Emulator(dialect)) for name, dialect in load_dialects(PROVIDERS).items()}


def runtime_of(everyone: dict[str, Emulator]) -> Runtime:
    settings = {name: emulator.settings() for name, emulator in everyone.items()}
    return Runtime(settings, plugins=list(PROVIDERS), max_attempts=1)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(PROVIDERS, repeat=2)))
async def test_a_run_suspended_on_one_provider_goes_on_with_another(
    everyone: dict[str, Emulator], first: str, second: str
) -> None:
    loop = (
        Script()
        .think("Hm.")
        .say("One moment.")
        .call("get_weather", city="Paris")
        .call("ask_user", question="When?")
    )
    everyone[first].add(Script().call("now"), loop)
    everyone[second].add(
        Script().think("So.").call("get_weather", city="Rome").call("now"), Script().say("Sunny.")
    )
    async with runtime_of(everyone) as runtime:
        suspended = await runtime.run(reference(everyone, first), "Where is it sunny?", tools=TOOLS)
        assert suspended.state is not None
        state = RunState.from_json(suspended.state.to_json())
        result = await runtime.resume(
            state, {state.pending[0].id: "Today."}, tools=TOOLS, model=reference(everyone, second)
        )
    assert (result.text, result.turns, result.tool_calls) == ("Sunny.", 4, 5)
    assert [emulator.rejected for emulator in everyone.values()] == [[], [], [], []]
    assert told(result, 4)[1] == ("ask_user", "Today.", False)


def reference(everyone: dict[str, Emulator], provider: str) -> str:
    return f"{provider}:{everyone[provider].dialect.model}"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_run_that_fails_goes_on_with_any_other_provider(
    everyone: dict[str, Emulator], provider: str
) -> None:
    executed: list[str] = []

    @tool
    def note(text: str) -> None:
        """Note something."""
        executed.append(text)

    everyone[provider].add(Script().call("note", text="once").call("note", text="twice"), Script().fail("quota"))
    async with runtime_of(everyone) as runtime:
        with pytest.raises(Exception, match="scripted") as caught:
            await runtime.run(reference(everyone, provider), "Go.", tools=[note])
        state = caught.value.run  # type: ignore[attr-defined]
        for other in PROVIDERS:
            everyone[other].add(Script().say(f"Done by {other}."))
            result = await runtime.resume(state, tools=[note], model=reference(everyone, other))
            assert result.text == f"Done by {other}."
            assert everyone[other].rejected == []
    assert sorted(executed) == ["once", "twice"]

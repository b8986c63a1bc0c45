"""The same script gives the same completion and the same events from every provider."""

from __future__ import annotations

import pytest

from modelyard import Completion, Message, Tool, ToolResult
from modelyard.testing import Script, faults
from modelyard.testing.script import Call, Text

from .conftest import Emulated

TOOL = Tool(
    name="get_weather",
    description="The weather in a city",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)

SCRIPTS = {
    "text": Script().say("It is sunny in Paris today."),
    "unicode": Script().say('Zoë said: “naïve” 你好 😀\u2028line\u0085next\r\n\ttab \\ " {}'),
    "one character at a time": Script().say(*"It is sunny. 😀"),
    "reasoning": Script().think("Let me think about that.").say("Done.").using(output=30, reasoning=20),
    "one call": Script().call("get_weather", city="Paris"),
    "text and parallel calls": Script()
    .say("One moment.")
    .call("get_weather", city="Paris")
    .call("get_weather", city="São Paulo 😀", days=3),
    "a call without arguments": Script().call("get_weather"),
    "reasoning and a call": Script().think("I need the weather.").call("get_weather", city="Paris"),
    "cut off": Script().say("It is su").finish("length"),
    "filtered": Script().say("I").finish("content_filter"),
    "cached input": Script().say("Hi.").using(input=1000, cached=800, output=3),
}


def _comparable(completion: Completion) -> Completion:
    return completion.model_copy(update={"record": None})


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
async def test_a_whole_answer_equals_its_stream(emulated: Emulated, script: Script) -> None:
    emulated.emulator.add(script, script)
    async with emulated.runtime() as runtime:
        whole = await runtime.complete(emulated.reference, "Hi", tools=[TOOL])
        streamed = await runtime.stream(emulated.reference, "Hi", tools=[TOOL]).collect()
    assert _comparable(whole) == _comparable(streamed)
    assert emulated.emulator.rejected == []


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
async def test_every_provider_says_what_the_script_says(emulated: Emulated, script: Script) -> None:
    emulated.emulator.add(script)
    async with emulated.runtime() as runtime:
        completion = await runtime.stream(emulated.reference, "Hi", tools=[TOOL]).collect()
    calls = [step for step in script.steps if isinstance(step, Call)]
    assert completion.text == "".join(step.text for step in script.steps if isinstance(step, Text))
    assert [(call.name, call.arguments) for call in completion.tool_calls] == [
        (call.name, call.arguments) for call in calls
    ]
    assert len({call.id for call in completion.tool_calls}) == len(calls)
    assert completion.finish_reason == script.ends
    assert completion.raw_finish_reason
    usage = completion.usage
    assert (usage.input_tokens, usage.output_tokens) == (script.usage.input, script.usage.output)
    assert (usage.cached_input_tokens or 0) == script.usage.cached
    assert usage.total_tokens == script.usage.input + script.usage.output


@pytest.mark.parametrize("size", [1, 7], ids=["split at every byte", "split at every seventh byte"])
@pytest.mark.parametrize("name", ["unicode", "text and parallel calls", "reasoning and a call"])
async def test_how_the_bytes_are_cut_never_matters(emulated: Emulated, name: str, size: int) -> None:
    outcomes: list[Completion] = []
    async with emulated.runtime() as runtime:
        for fault in (None, faults.split(size), faults.coalesce()):
            emulated.emulator.fault = fault
            emulated.emulator.add(SCRIPTS[name])
            outcomes.append(await runtime.stream(emulated.reference, "Hi", tools=[TOOL]).collect())
    assert _comparable(outcomes[0]) == _comparable(outcomes[1]) == _comparable(outcomes[2])


async def test_a_tool_loop_comes_back_with_an_answer(emulated: Emulated) -> None:
    first = (
        Script().think("I need the weather.").call("get_weather", city="Paris").call("get_weather", city="Rome")
    )
    emulated.emulator.add(first, Script().say("Sunny in both."))
    async with emulated.runtime() as runtime:
        asked = await runtime.complete(emulated.reference, "Where is it sunny?", tools=[TOOL])
        results = [
            ToolResult(tool_call_id=call.id, name=call.name, content=f"sunny in {call.arguments}")
            for call in asked.tool_calls
        ]
        history = [Message.user("Where is it sunny?"), asked.message, Message.tool(results)]
        answered = await runtime.complete(emulated.reference, history, tools=[TOOL])
    assert answered.text == "Sunny in both."
    assert emulated.emulator.rejected == []


@pytest.mark.parametrize("choice", ["auto", "none", "required", "get_weather"])
async def test_every_form_of_tool_choice_is_accepted(emulated: Emulated, choice: str) -> None:
    async with emulated.runtime() as runtime:
        await runtime.complete(
            emulated.reference,
            "Hi",
            tools=[TOOL, Tool(name="nothing")],
            tool_choice=choice,
            parallel_tool_calls=False,
        )
    assert emulated.emulator.rejected == []


async def test_a_choice_without_tools_is_left_out(emulated: Emulated) -> None:
    async with emulated.runtime() as runtime:
        await runtime.complete(emulated.reference, "Hi", tool_choice="auto", parallel_tool_calls=True)
    assert emulated.emulator.rejected == []


async def test_all_controls_are_taken_or_noted(emulated: Emulated) -> None:
    controls = {"temperature": 0.3, "top_p": 0.9, "top_k": 5, "stop": ["END"], "seed": 7, "max_output_tokens": 64}
    async with emulated.runtime() as runtime:
        completion = await runtime.complete(emulated.reference, "Hi", system="Be brief.", **controls)  # type: ignore[arg-type]
    assert emulated.emulator.rejected == []
    sent = emulated.emulator.requests[-1].body.decode()
    dropped = {note.field for note in completion.report.notes}
    for name, value in controls.items():
        written = str(value[0] if isinstance(value, list) else value)
        assert name in dropped or written in sent, f"{name} was neither sent nor reported"

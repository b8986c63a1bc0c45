"""The criteria: each a sentence that holds for a provider or not, and the check that finds out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from modelyard.catalog.capability import CapabilityName
from modelyard.testing.parity.bench import TIME, WEATHER, Bench, Shortfall, results_of
from modelyard.testing.script import Script
from modelyard.types.content import ImagePart, TextPart, ToolResult
from modelyard.types.messages import Message

__all__ = ["CRITERIA", "Criterion"]

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
UNICODE = 'Zoë 你好 😀 \u2028 "quoted" \\'

_CALL = Script().call("get_weather", city="Paris")
_TWO = Script().call("get_weather", city="Paris").call("get_weather", city="Rome")


@dataclass(frozen=True, slots=True)
class Criterion:
    """``statement`` is what must hold; the card must not rule out any of ``needs``."""

    id: str
    statement: str
    check: Callable[[Bench], Awaitable[None]]
    needs: tuple[CapabilityName, ...] = ("tools",)


async def _announce(bench: Bench) -> None:
    await bench.ask_noted("tools", "Hi", Script().say("Hi."), tools=[WEATHER, TIME])
    bench.needs("get_weather" in bench.body and "get_time" in bench.body, "a tool is missing from the request")
    bench.needs("The weather in a city." in bench.body, "the description is missing from the request")


async def _deltas(bench: Bench) -> None:
    bench.emulator.add(_CALL)
    async with bench.runtime.stream(bench.card.ref, "Weather?", tools=[WEATHER]) as stream:
        events = [event async for event in stream if event.type.startswith("tool_call")]
    pieces = [event.arguments for event in events if event.type == "tool_call_delta"]
    bench.needs(events and events[0].type == "tool_call_start", "the call does not begin with its start")
    bench.needs(
        "".join(pieces) == stream.completion.tool_calls[0].arguments_text, "the fragments are not the whole"
    )
    if len(pieces) < 2:
        raise Shortfall("the provider sends the arguments of a call whole, as one fragment", partly=True)


async def _complete_arguments(bench: Bench) -> None:
    answer = await bench.ask("Weather?", _CALL, tools=[WEATHER])
    bench.needs(answer.finish_reason == "tool_calls", f"the answer ends with {answer.finish_reason}")
    bench.needs(answer.tool_calls[0].arguments == {"city": "Paris"}, "the arguments differ")


async def _parallel(bench: Bench) -> None:
    answer = await bench.ask("Weather?", _TWO, tools=[WEATHER])
    cities = [(call.arguments or {}).get("city") for call in answer.tool_calls]
    bench.needs(cities == ["Paris", "Rome"], "the calls are not in order")
    bench.needs(len({call.id for call in answer.tool_calls}) == 2, "the calls share an id")
    await bench.ask([Message.user("Weather?"), *results_of(answer)], Script().say("Fine."), tools=[WEATHER])


async def _one_at_a_time(bench: Bench) -> None:
    await bench.ask("Hi", _CALL, tools=[WEATHER])
    plain = bench.body
    await bench.ask_noted("parallel_tool_calls", "Hi", _CALL, tools=[WEATHER], parallel_tool_calls=False)
    bench.needs(bench.body != plain, "the request is the same without it, and there is no note")


async def _forced(bench: Bench) -> None:
    await bench.ask_noted("tool_choice", "Hi", _CALL, tools=[WEATHER, TIME], tool_choice="required")


async def _named(bench: Bench) -> None:
    await bench.ask_noted("tool_choice", "Hi", _CALL, tools=[WEATHER, TIME], tool_choice="get_weather")


async def _none(bench: Bench) -> None:
    await bench.ask_noted("tool_choice", "Hi", Script().say("Hi."), tools=[WEATHER], tool_choice="none")


async def _image_result(bench: Bench) -> None:
    answer = await bench.ask("Map?", _CALL, tools=[WEATHER])
    picture = (TextPart(text="A map."), ImagePart.model_validate({"data": PIXEL, "media_type": "image/png"}))
    results = Message.tool(ToolResult(tool_call_id=answer.tool_calls[0].id, content=picture))
    history = [Message.user("Map?"), answer.message, results]
    await bench.ask_noted("messages", history, Script().say("I see."), tools=[WEATHER])
    bench.needs(PIXEL in bench.body, "the image is not in the request")


async def _error_result(bench: Bench) -> None:
    answer = await bench.ask("Weather?", _CALL, tools=[WEATHER])
    told: list[str] = []
    for is_error in (False, True):
        result = ToolResult(tool_call_id=answer.tool_calls[0].id, content="no such city", is_error=is_error)
        history = [Message.user("Weather?"), answer.message, Message.tool(result)]
        last = await bench.ask(history, Script().say("Sorry."), tools=[WEATHER])
        bench.needs("no such city" in bench.body, "the text of the result is not in the request")
        told.append(bench.body)
    if told[0] == told[1]:
        reasons = [note.reason for note in last.report.notes] or ["a failure looks like a success"]
        raise Shortfall(reasons[-1], partly=True)


async def _unicode(bench: Bench) -> None:
    answer = await bench.ask("Weather?", Script().call("get_weather", city=UNICODE), tools=[WEATHER])
    bench.needs(answer.tool_calls[0].arguments == {"city": UNICODE}, "the arguments differ")
    await bench.ask([Message.user("Weather?"), *results_of(answer, UNICODE)], Script().say("Ok."), tools=[WEATHER])


async def _no_parameters(bench: Bench) -> None:
    answer = await bench.ask("Time?", Script().call("get_time"), tools=[TIME])
    bench.needs(answer.tool_calls[0].arguments == {}, "the call has no empty arguments")
    await bench.ask([Message.user("Time?"), *results_of(answer, "12:00")], Script().say("Noon."), tools=[TIME])


async def _strict(bench: Bench) -> None:
    strict = WEATHER.model_copy(update={"strict": True})
    await bench.ask_noted("tools", "Weather?", _CALL, tools=[strict])


async def _reasoning(bench: Bench) -> None:
    thoughtful = Script().think("Hm.").call("get_weather", city="Paris")
    answer = await bench.ask("Weather?", thoughtful, tools=[WEATHER], reasoning="high")
    history = [Message.user("Weather?"), *results_of(answer)]
    await bench.ask_noted("messages", history, Script().say("Fine."), tools=[WEATHER], reasoning="high")


async def _structured(bench: Bench) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    await bench.ask_noted("output", "City?", Script().say('{"city": "Paris"}'), output=schema)


async def _replay_from(bench: Bench) -> None:
    await _replay(bench, to_others=False)


async def _replay_to(bench: Bench) -> None:
    await _replay(bench, to_others=True)


async def _replay(bench: Bench, *, to_others: bool) -> None:
    """A conversation with two open calls goes on with another provider."""
    for provider, emulator in bench.emulators.items():
        if provider == bench.card.provider:
            continue
        other = f"{provider}:{emulator.dialect.model}"
        first, second = (bench.card.ref, other) if to_others else (other, bench.card.ref)
        begin, go_on = (bench.emulator, emulator) if to_others else (emulator, bench.emulator)
        begin.add(_TWO)
        answer = await bench.runtime.complete(first, "Weather?", tools=[WEATHER])
        go_on.add(Script().say("Fine."))
        history = [Message.user("Weather?"), *results_of(answer)]
        last = await bench.runtime.complete(second, history, tools=[WEATHER])
        bench.needs(last.text == "Fine.", f"the answer after {provider} differs")


CRITERIA = (
    Criterion("announce", "Tools reach the model with name, description and parameters.", _announce),
    Criterion("deltas", "The arguments of a call are streamed in fragments that join to the whole.", _deltas),
    Criterion(
        "arguments",
        "The complete arguments arrive parsed, and the answer ends with `tool_calls`.",
        _complete_arguments,
    ),
    Criterion(
        "parallel",
        "Several calls in one turn keep their order and ids, and all are answered.",
        _parallel,
        ("tools", "parallel_tools"),
    ),
    Criterion(
        "one at a time", "`parallel_tool_calls=False` is honoured.", _one_at_a_time, ("tools", "parallel_tools")
    ),
    Criterion("forced", '`tool_choice="required"` forces a call.', _forced, ("tools", "forced_tool_choice")),
    Criterion(
        "named", '`tool_choice="<name>"` forces a call of that tool.', _named, ("tools", "forced_tool_choice")
    ),
    Criterion("none", '`tool_choice="none"` forbids calls while tools stay announced.', _none),
    Criterion("image result", "A result may hold an image.", _image_result, ("tools", "images")),
    Criterion("error result", "The model is told that a tool failed, and how.", _error_result),
    Criterion("unicode", "Arguments and results keep every character.", _unicode),
    Criterion("no parameters", "A tool without parameters is called with no arguments.", _no_parameters),
    Criterion("strict", "`strict=True` holds arguments to the schema.", _strict, ("tools", "strict_tools")),
    Criterion(
        "reasoning",
        "Reasoning before a call is replayed with its signature in the same turn.",
        _reasoning,
        ("tools", "reasoning"),
    ),
    Criterion("schema output", "An answer is held to a JSON Schema.", _structured, ("structured_output",)),
    Criterion("from others", "Takes over a tool loop begun by each other provider.", _replay_from),
    Criterion("to others", "Each other provider takes over its tool loop.", _replay_to),
)

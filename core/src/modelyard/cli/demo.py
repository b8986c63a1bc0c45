"""The demonstration: the main job of the runtime, live, against emulators or the real APIs."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from rich.rule import Rule
from rich.table import Table

from modelyard import Completion, Message, ModelyardError, ProviderError, Runtime, Tool, ToolResult
from modelyard.cli.screen import Screen
from modelyard.testing.dialect import Dialect, load_dialects
from modelyard.testing.emulator import Emulator
from modelyard.testing.faults import drip
from modelyard.testing.script import Script
from modelyard.testing.server import Received

__all__ = ["run_demo"]

WEATHER = Tool(
    name="get_weather",
    description="The weather in a city",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
QUESTION = "What is the weather in Paris?"


class Weather(BaseModel):
    """Form of the structured answer."""

    city: str
    celsius: int
    sunny: bool


OUTAGE = Script().fail("overloaded", "The emulated provider is out of capacity.", retry_after=30)


@dataclass(frozen=True, slots=True)
class DemoProvider:
    """A provider to show: its model, and the emulator it is served by, if any."""

    provider: str
    model: str
    emulator: Emulator | None

    @property
    def reference(self) -> str:
        """The model reference."""
        return f"{self.provider}:{self.model}"

    @property
    def where(self) -> str:
        """Place the answers come from: the provider itself, or an emulator."""
        return "real API" if self.emulator is None else "emulator"


async def run_demo(screen: Screen, *, live: bool, fast: bool) -> None:
    """Show the catalog, then each provider at work, then an outage: reported, and survived."""
    with ExitStack() as stack:
        targets, settings = _targets(stack, live=live, fast=fast)
        async with Runtime(settings, max_attempts=1) as runtime:
            _show_catalog(screen, runtime, targets)
            for target in targets:
                await _show_provider(screen, runtime, target)
            await _show_outage(screen, runtime, targets)


def _targets(stack: ExitStack, *, live: bool, fast: bool) -> tuple[list[DemoProvider], dict[str, Any]]:
    targets: list[DemoProvider] = []
    settings: dict[str, Any] = {}
    catalog = Runtime().catalog
    real = {entry["provider_id"] for entry in catalog.describe()["providers"] if entry["status"] == "ready"}
    for provider, dialect in load_dialects(catalog.providers).items():
        default = next(iter(catalog.find(provider=provider, context="chat")), None)
        model = default.id if default is not None else dialect.model
        if live and provider in real:
            targets.append(DemoProvider(provider, model, None))
            continue
        emulator = stack.enter_context(_emulator(dialect, fast=fast))
        settings[provider] = emulator.settings()
        targets.append(DemoProvider(provider, model, emulator))
    return targets, settings


def _emulator(dialect: Dialect, *, fast: bool) -> Emulator:
    return Emulator(dialect, default=_answer, fault=None if fast else drip(0.02))


def _answer(received: Received) -> Script:
    """What the emulated model says: chat, a wish to call a tool, or an answer from its result."""
    text = received.body.decode("utf-8", "replace")
    if "celsius" in text:
        data = Script().say('{"city": "Paris", ', '"celsius": 24, ', '"sunny": true}')
        return data.using(input=120, output=14)
    if "sunny" in text:
        answer = Script().say("It is sunny in Paris, 24 °C. A good day for a walk along the Seine.")
        return answer.using(input=148, output=19, cached=96)
    if WEATHER.name in text:
        return Script().think("I need the weather.").call(WEATHER.name, city="Paris").using(input=96, output=22)
    story = "Once a runtime met four providers. It learned their words, kept their secrets, and lost nothing."
    return Script().think("A short story, then.").say(story).using(input=14, output=24)


def _show_catalog(screen: Screen, runtime: Runtime, targets: list[DemoProvider]) -> None:
    screen.print(Rule(screen.marked("[bold]Catalog[/bold]"), align="left"))
    table = Table(box=None, pad_edge=False)
    for title in ("provider", "models", "chat default", "window", "answers from"):
        table.add_column(title, header_style="dim")
    for target in targets:
        cards = runtime.catalog.find(provider=target.provider)
        card = runtime.catalog.get(f"{target.provider}:{target.model}")
        window = card.limits.context_window if card is not None else None
        shown = f"{window:,}" if window else "not documented"
        table.add_row(target.provider, str(len(cards)), target.model, shown, target.where)
    screen.print(table)


async def _show_provider(screen: Screen, runtime: Runtime, target: DemoProvider) -> None:
    reference = target.reference
    screen.print()
    title = screen.marked("[bold]{}[/bold] [dim]{}[/dim]", reference, target.where)
    screen.print(Rule(title, align="left"))
    try:
        await _chat(screen, runtime, reference)
        completion = await _call_a_tool(screen, runtime, reference)
        await _structured(screen, runtime, reference)
        _show_usage(screen, completion)
    except ModelyardError as error:
        _show_error(screen, error)


async def _chat(screen: Screen, runtime: Runtime, reference: str) -> None:
    _show_question(screen, "Tell me a very short story.")
    await _stream(screen, runtime, reference, [Message.user("Tell me a very short story.")])


async def _call_a_tool(screen: Screen, runtime: Runtime, reference: str) -> Completion:
    _show_question(screen, QUESTION)
    history = [Message.user(QUESTION)]
    first = await _stream(screen, runtime, reference, history)
    if not first.tool_calls:
        return first
    results = [
        ToolResult(tool_call_id=call.id, name=call.name, content="sunny, 24 °C") for call in first.tool_calls
    ]
    for call in first.tool_calls:
        made = f"{call.name}({call.arguments_text})"
        screen.print(screen.marked("[dim]tool [/dim] [magenta]{}[/magenta] → sunny, 24 °C", made))
    return await _stream(screen, runtime, reference, [*history, first.message, Message.tool(results)])


async def _structured(screen: Screen, runtime: Runtime, reference: str) -> None:
    _show_question(screen, "The same as data, please.")
    made = await runtime.generate(
        reference, "The weather in Paris is sunny, 24 °C. Give it as data.", output=Weather
    )
    screen.print("data  ", style="dim", end="")
    screen.say(repr(made), "cyan")


async def _stream(screen: Screen, runtime: Runtime, reference: str, messages: list[Message]) -> Completion:
    screen.print("model ", style="dim", end="")
    async with runtime.stream(reference, messages, tools=[WEATHER] if _wants_tool(messages) else None) as stream:
        thinking = False
        async for event in stream:
            if event.type == "reasoning_delta" and event.text:
                thinking = True
                screen.say(event.text, "dim italic", end="")
            elif event.type == "content_delta" and event.text:
                screen.say(f"\n      {event.text}" if thinking else event.text, end="")
                thinking = False
    screen.print()
    return stream.completion


def _show_question(screen: Screen, text: str) -> None:
    screen.print(screen.marked("[dim]you  [/dim] {}", text))


def _wants_tool(messages: list[Message]) -> bool:
    return messages[0].text == QUESTION


def _show_usage(screen: Screen, completion: Completion) -> None:
    usage, cost = completion.usage, completion.cost
    figures = {
        "input": usage.input_tokens,
        "cached": usage.cached_input_tokens,
        "output": usage.output_tokens,
        "reasoning": usage.reasoning_tokens,
        "total": usage.total_tokens,
    }
    shown = "  ".join(f"{name} {'not sent' if value is None else value}" for name, value in figures.items())
    price = f"${cost.total:.6f}" if cost else f"unknown: {completion.cost_unknown_because}"
    screen.say(f"usage {shown}   cost {price}   finish {completion.finish_reason}", "dim")


async def _show_outage(screen: Screen, runtime: Runtime, targets: list[DemoProvider]) -> None:
    """Ask all at once while one emulated provider has no capacity; then let another answer in its place."""
    failing = next((target for target in targets if target.emulator is not None), None)
    screen.print()
    title = screen.marked("[bold]An outage[/bold] [dim]all asked at once, one has no capacity[/dim]")
    screen.print(Rule(title, align="left"))
    if failing is None or failing.emulator is None:
        screen.print("Every provider is real here, and none is asked to fail.")
        return
    failing.emulator.add(OUTAGE)
    jobs = [runtime.complete(target.reference, "Say hello.") for target in targets]
    outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    for target, outcome in zip(targets, outcomes, strict=True):
        _show_outcome(screen, target.provider, outcome)
    failing.emulator.add(OUTAGE)
    route = [failing.reference, *(target.reference for target in targets if target is not failing)]
    screen.print('the same again, with fallback="before_output"', style="dim", highlight=False)
    async with runtime.stream(route, "Say hello.", fallback="before_output") as stream:
        async for event in stream:
            if event.type == "status" and event.state == "falling_back":
                switch = "        [yellow]falling back to {}[/yellow] [dim]({})[/dim]"
                screen.print(screen.marked(switch, event.deployment, event.reason))
    _show_outcome(screen, stream.completion.provider, stream.completion)


def _show_outcome(screen: Screen, provider: str, outcome: Completion | BaseException) -> None:
    screen.print(f"{provider:8}", style="bold", end="")
    if isinstance(outcome, Completion):
        screen.print("answered  ", style="green", end="")
        screen.say(outcome.text)
    elif isinstance(outcome, ModelyardError):
        _show_error(screen, outcome)
        if isinstance(outcome, ProviderError) and outcome.alternatives:
            screen.say(f"        could be asked instead: {', '.join(outcome.alternatives[:3])} ...", "dim")
    else:
        raise outcome


def _show_error(screen: Screen, error: ModelyardError) -> None:
    screen.print(type(error).__name__, style="bold red", end=" ")
    screen.say(str(error))

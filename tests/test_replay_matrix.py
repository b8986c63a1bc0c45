"""A conversation begun with one provider goes on with any other, in the middle of a tool loop too."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeAlias

import pytest

from modelyard import (
    Completion,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    Runtime,
    TextPart,
    Tool,
    ToolResult,
)
from modelyard.testing import Emulator, Received, Reply, Script, load_dialects
from modelyard.types.base import JsonObject

from .conftest import PROVIDERS
from .sdk_types import check_request_types

TOOL = Tool(name="get_weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16
TWO_CALLS = Script().say("One moment.").call("get_weather", city="Paris").call("get_weather", city="Rome")
PATHS = {
    "claude": "/v1/messages",
    "gemini": "/v1beta/models/{}:generateContent",
    "mistral": "/v1/chat/completions",
    "openai": "/v1/responses",
}


@dataclass(frozen=True, slots=True)
class World:
    """The four providers, emulated, and a runtime that knows them all."""

    emulators: dict[str, Emulator]

    def runtime(self) -> Runtime:
        """A runtime without retries."""
        return Runtime({name: one.settings() for name, one in self.emulators.items()}, max_attempts=1)

    async def ask(
        self, runtime: Runtime, provider: str, history: Sequence[Message], answer: Script | Reply
    ) -> Completion:
        """Have a provider answer, and check that history and request are what they must be."""
        emulator = self.emulators[provider]
        emulator.add(answer)
        before = [message.model_dump_json() for message in history]
        completion = await runtime.complete(f"{provider}:{emulator.dialect.model}", history, tools=[TOOL])
        assert [message.model_dump_json() for message in history] == before
        assert emulator.rejected == []
        check_request_types(provider, self.sent(provider))
        return completion

    def sent(self, provider: str) -> JsonObject:
        """The body of the last request a provider got."""
        body: JsonObject = json.loads(self.emulators[provider].requests[-1].body)
        return body


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """All four emulators."""
    with ExitStack() as stack:
        dialects = load_dialects(PROVIDERS)
        yield World({name: stack.enter_context(Emulator(dialects[name])) for name in PROVIDERS})


def results_of(completion: Completion, *content: TextPart | ImagePart) -> Message:
    """A result for each call of an answer."""
    return Message.tool(
        ToolResult(
            tool_call_id=call.id, name=call.name, content=content or (TextPart(text=f"sunny in {call.name}"),)
        )
        for call in completion.tool_calls
    )


def hidden(world: World, provider: str, script: Script) -> Reply:
    """An answer whose reasoning only its provider can read, as each of them sends such."""
    dialect = world.emulators[provider].dialect
    body = dialect.body(script, _request(provider, dialect.model))
    if provider == "claude":
        body["content"] = [
            {"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"} if block["type"] == "thinking" else block
            for block in body["content"]
        ]
    elif provider == "openai":
        for item in body["output"]:
            if item["type"] == "reasoning":
                item["summary"] = []
    elif provider == "gemini":
        content = body["candidates"][0]["content"]
        content["parts"] = [part for part in content["parts"] if not part.get("thought")]
    return Reply.json(body)


def _request(provider: str, model: str) -> Received:
    body = json.dumps({"model": model, "messages": [], "input": [], "contents": []}).encode()
    return Received("POST", PATHS[provider].format(model), "", {}, body)


Scenario: TypeAlias = Callable[[World, Runtime, str], Awaitable[list[Message]]]


async def plain_chat(world: World, runtime: Runtime, source: str) -> list[Message]:
    history = [Message.system("Be brief."), Message.user("Hi")]
    answer = await world.ask(runtime, source, history, Script().say("Hello, ", "Zoë 😀."))
    return [*history, answer.message, Message.user("And now?")]


async def parallel_calls(world: World, runtime: Runtime, source: str) -> list[Message]:
    history = [Message.user("Where is it sunny?")]
    answer = await world.ask(runtime, source, history, TWO_CALLS)
    assert len(answer.tool_calls) == 2
    return [*history, answer.message, results_of(answer)]


async def calls_then_the_user(world: World, runtime: Runtime, source: str) -> list[Message]:
    return [*await parallel_calls(world, runtime, source), Message.user("Be quick, please.")]


async def reasoning(world: World, runtime: Runtime, source: str) -> list[Message]:
    history = [Message.user("Where is it sunny?")]
    thought = Script().think("I need ", "the weather.").call("get_weather", city="Paris")
    answer = await world.ask(runtime, source, history, thought.call("get_weather", city="Rome"))
    assert answer.reasoning == "I need the weather."
    return [*history, answer.message, results_of(answer)]


async def redacted_thinking(world: World, runtime: Runtime, source: str) -> list[Message]:
    history = [Message.user("Where is it sunny?")]
    script = Script().think("Secret.").call("get_weather", city="Paris")
    answer = await world.ask(runtime, source, history, hidden(world, source, script))
    return [*history, answer.message, results_of(answer)]


async def images_in_a_result(world: World, runtime: Runtime, source: str) -> list[Message]:
    history = [Message.user("Show me.")]
    answer = await world.ask(runtime, source, history, TWO_CALLS)
    return [*history, answer.message, results_of(answer, TextPart(text="The sky:"), ImagePart(data=PNG))]


SCENARIOS = {
    "plain chat": plain_chat,
    "two parallel calls": parallel_calls,
    "the user after results": calls_then_the_user,
    "reasoning with signatures": reasoning,
    "redacted thinking": redacted_thinking,
    "images in a result": images_in_a_result,
}


@pytest.mark.parametrize("target", PROVIDERS)
@pytest.mark.parametrize("source", PROVIDERS)
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
async def test_a_conversation_goes_on_with_any_provider(
    world: World, scenario: Scenario, source: str, target: str
) -> None:
    async with world.runtime() as runtime:
        history = await scenario(world, runtime, source)
        answer = await world.ask(runtime, target, history, Script().say("Sunny in both."))
        assert answer.text == "Sunny in both."
        await world.ask(runtime, target, [*history, answer.message, Message.user("Sure?")], TWO_CALLS)
    noted = any(note.action == "dropped" for note in answer.report.about("messages"))
    assert noted == (source != target and any(_is_bound(part) for message in history for part in message.content))


def _is_bound(part: Part) -> bool:
    """Whether a part, or something on it, is of use to the model alone that made it."""
    return isinstance(part, ReasoningPart) or getattr(part, "opaque", None) is not None


@pytest.mark.parametrize("first", range(len(PROVIDERS)))
async def test_a_conversation_visits_all_four_in_turn(world: World, first: int) -> None:
    route = [*PROVIDERS[first:], *PROVIDERS[:first], PROVIDERS[first]]
    history = [Message.system("Be brief."), Message.user("Where is it sunny?")]
    async with world.runtime() as runtime:
        for number, provider in enumerate(route):
            script = Script().think(f"Thought {number}.").say("One moment.").call("get_weather", city="Paris")
            answer = await world.ask(runtime, provider, history, script.call("get_weather", city="Rome"))
            history += [answer.message, results_of(answer, TextPart(text="Here."), ImagePart(data=PNG))]
            if number % 2:
                history.append(Message.user("Go on."))
        last = await world.ask(runtime, route[0], history, Script().say("Done."))
    assert last.text == "Done."

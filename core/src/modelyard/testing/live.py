"""A short acceptance scenario against the real endpoint of every provider whose key is set: ``make live``.

Each provider chats, streams, runs a tool, gives an object, and hands a conversation in the middle of a tool loop
to the next provider. The calls are small; the providers bill them. A provider without a key is skipped by name.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.errors import ModelyardError
from modelyard.runtime import Runtime

if TYPE_CHECKING:
    from modelyard.types.base import JsonObject

__all__ = ["STEPS", "accept", "main", "models_to_ask"]

STEPS = ("chat", "stream", "tools", "structured", "switch")

LIMIT = 2_000
"""Output tokens allowed to each answer: enough for a model that reasons first."""

_CITY: JsonObject = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_WEATHER: JsonObject = {"name": "get_weather", "description": "The weather in a city.", "parameters": _CITY}
_QUESTION = "What is the weather in Paris? Use the tool get_weather."


class _Failed(Exception):
    """A step did not give what it must; the message says what it gave."""


def models_to_ask(runtime: Runtime, wanted: Sequence[str] = ()) -> tuple[dict[str, str], dict[str, str]]:
    """The model to ask by provider, and why each other provider is skipped.

    ``wanted`` holds references; a provider none of them names is asked by its first model for chat.
    """
    chosen = {ref.partition(":")[0]: ref for ref in wanted}
    status = {one["provider_id"]: one["status"] for one in runtime.catalog.describe()["providers"]}
    skipped = {name: "no key is set" for name, state in status.items() if state != "ready"}
    asked: dict[str, str] = {}
    for card in runtime.catalog:
        if card.provider not in skipped and "chat" in card.default_contexts:
            asked.setdefault(card.provider, chosen.get(card.provider, card.ref))
    return asked, skipped


async def accept(runtime: Runtime, models: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """For each provider the outcome of each step: ``ok``, or what went wrong."""
    order = list(models)
    following = dict(zip(order, [*order[1:], *order[:1]], strict=True))
    return {
        provider: {name: await _outcome(step) for name, step in _steps(runtime, ref, models[following[provider]])}
        for provider, ref in models.items()
    }


def _steps(runtime: Runtime, ref: str, other: str) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
    return [
        ("chat", lambda: _chat(runtime, ref)),
        ("stream", lambda: _stream(runtime, ref)),
        ("tools", lambda: _tools(runtime, ref)),
        ("structured", lambda: _structured(runtime, ref)),
        ("switch", lambda: _switch(runtime, ref, other)),
    ]


async def _outcome(step: Callable[[], Awaitable[None]]) -> str:
    try:
        await step()
    except (_Failed, ModelyardError) as error:
        return f"{type(error).__name__.lstrip('_')}: {error}"
    return "ok"


async def _chat(runtime: Runtime, ref: str) -> None:
    answer = await runtime.complete(ref, "Say the word ready and nothing else.", max_output_tokens=LIMIT)
    _must("ready" in answer.text.lower(), f"answered {answer.text!r:.80}")
    _must(answer.usage.output_tokens, "sent no usage")


async def _stream(runtime: Runtime, ref: str) -> None:
    async with runtime.stream(ref, "Say the word ready and nothing else.", max_output_tokens=LIMIT) as stream:
        types = [event.type async for event in stream]
    _must(types[-1] == "done" and "content_delta" in types, f"sent the events {sorted(set(types))}")
    _must("ready" in stream.completion.text.lower(), f"answered {stream.completion.text!r:.80}")


async def _tools(runtime: Runtime, ref: str) -> None:
    asked: list[str] = []

    def get_weather(city: str) -> str:
        asked.append(city)
        return "18 degrees"

    result = await runtime.run(
        ref, _QUESTION, tools=[_WEATHER], handlers={"get_weather": get_weather}, max_output_tokens=LIMIT
    )
    _must(asked, "called no tool")
    _must("18" in result.completion.text, f"answered {result.completion.text!r:.80}")


async def _structured(runtime: Runtime, ref: str) -> None:
    made: Any = await runtime.generate(
        ref, "Which city is the capital of France?", output=_CITY, max_output_tokens=LIMIT
    )
    _must(made["city"] == "Paris", f"gave {made!r:.80}")


async def _switch(runtime: Runtime, ref: str, other: str) -> None:
    """Begin a tool loop here, and let the next provider finish it."""
    from modelyard.types.content import ToolResult
    from modelyard.types.messages import Message

    first = await runtime.complete(ref, _QUESTION, tools=[_WEATHER], max_output_tokens=LIMIT)
    _must(first.tool_calls, "called no tool")
    results = [ToolResult(tool_call_id=call.id, content="18 degrees") for call in first.tool_calls]
    history = [Message.user(_QUESTION), first.message, Message.tool(results)]
    last = await runtime.complete(other, history, tools=[_WEATHER], max_output_tokens=LIMIT)
    _must("18" in last.text, f"{other} answered {last.text!r:.80}")


def _must(condition: object, otherwise: str) -> None:
    if not condition:
        raise _Failed(f"the model {otherwise}")


def _table(models: Mapping[str, str], outcomes: Mapping[str, Mapping[str, str]]) -> str:
    width = max((len(ref) for ref in models.values()), default=5)
    lines = [f"{'model':{width}}  {'  '.join(f'{step:10}' for step in STEPS)}".rstrip()]
    for provider, ref in models.items():
        marks = ("ok" if outcomes[provider][step] == "ok" else "FAILED" for step in STEPS)
        lines.append(f"{ref:{width}}  {'  '.join(f'{mark:10}' for mark in marks)}".rstrip())
    return "\n".join(lines)


async def _run(wanted: Sequence[str]) -> int:
    async with Runtime() as runtime:
        models, skipped = models_to_ask(runtime, wanted)
        outcomes = await accept(runtime, models)
    print(_table(models, outcomes))
    for provider, reason in skipped.items():
        print(f"skipped {provider}: {reason}")
    failures = [
        f"{models[provider]} {step}: {said}"
        for provider, steps in outcomes.items()
        for step, said in steps.items()
        if said != "ok"
    ]
    print("\n".join(failures) or f"{len(outcomes)} providers accepted")
    return 1 if failures else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, print the table, and return the exit code: 1 when a step failed."""
    parser = argparse.ArgumentParser(prog="python -m modelyard.testing.live", description=__doc__)
    parser.add_argument("models", nargs="*", help="references to ask in place of a provider's default")
    return asyncio.run(_run(parser.parse_args(arguments).models))


if __name__ == "__main__":
    sys.exit(main())

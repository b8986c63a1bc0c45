"""Streams: their grammar, their bytes, and their likeness to whole answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from modelyard.errors import InvalidResponseError
from modelyard.testing import faults
from modelyard.testing.conformance.bench import Bench, comparable
from modelyard.testing.conformance.rules import case, require
from modelyard.testing.conformance.tools import WEATHER
from modelyard.testing.script import Call, Script
from modelyard.testing.server import Reply
from modelyard.types.tools import Tool

__all__ = ["SCRIPTS", "StreamCases"]

SCRIPTS = {
    "text": Script().say("It is sunny in Paris today."),
    "unicode": Script().say('Zoë said: “naïve” 你好 😀\u2028line\u0085next\r\n\ttab \\ " {}'),
    "one character at a time": Script().say(*"Sunny. 😀"),
    "reasoning": Script().think("Let me think about that.").say("Done.").using(output=30, reasoning=20),
    "one call": Script().call("get_weather", city="Paris"),
    "text and parallel calls": Script()
    .say("One moment.")
    .call("get_weather", city="Paris")
    .call("get_weather", city="São Paulo 😀", days=3),
    "reasoning and a call": Script().think("I need the weather.").call("get_weather", city="Paris"),
    "cut off": Script().say("It is su").finish("length"),
    "filtered": Script().say("I").finish("content_filter"),
    "cached input": Script().say("Hi.").using(input=1000, cached=800, output=3),
}


class StreamCases:
    """Cases about answers in pieces."""

    @case
    @pytest.mark.parametrize("name", SCRIPTS)
    async def test_every_stream_keeps_the_grammar(self, wire: Bench, name: str) -> None:
        """Consumers rely on the order of events; see ``streaming/grammar.py``, whose rules this names."""
        tools = _tools(wire, name)
        if tools is None:
            return
        events = await wire.events(SCRIPTS[name], tools=tools)
        done = events[-1]
        require(done.type == "done", "a stream ends with done", done, "yield Done last", event=len(events) - 1)

    @case
    @pytest.mark.parametrize("name", SCRIPTS)
    async def test_a_whole_answer_equals_its_stream(self, wire: Bench, name: str) -> None:
        """A host that turns streaming on must get the same answer, ids, usage and opaque data included."""
        tools = _tools(wire, name)
        if tools is None:
            return
        whole, streamed = (comparable(one) for one in await wire.both(SCRIPTS[name], tools=tools))
        differing = [
            f"{field}: {getattr(whole, field)!r} whole, {getattr(streamed, field)!r} streamed"
            for field in type(whole).model_fields
            if getattr(whole, field) != getattr(streamed, field)
        ]
        require(
            not differing,
            "a whole answer equals its stream",
            "; ".join(differing),
            "decode a whole answer into the events a stream would have had, and collect them",
        )

    @case
    @pytest.mark.parametrize("name", ["unicode", "text and parallel calls", "reasoning and a call"])
    @pytest.mark.parametrize("size", [1, 7, 0], ids=["every byte apart", "every seventh byte", "all at once"])
    async def test_how_the_bytes_are_cut_never_matters(self, wire: Bench, name: str, size: int) -> None:
        """Networks cut where they like: through characters, line ends and events, or join everything into one."""
        tools = _tools(wire, name)
        if tools is None:
            return
        plain = await wire.ask(SCRIPTS[name], stream=True, tools=tools)
        wire.emulator.fault = faults.split(size) if size else faults.coalesce()
        cut = await wire.ask(SCRIPTS[name], stream=True, tools=tools)
        require(
            comparable(plain) == comparable(cut),
            "how the bytes are cut never matters",
            f"{cut.message!r} instead of {plain.message!r}",
            "decode with the core's SSE parser, or buffer bytes until an event is complete",
        )

    @case
    @pytest.mark.parametrize("what", ["events", "fields"])
    async def test_what_a_provider_adds_is_ignored(self, wire: Bench, what: str) -> None:
        """Providers add events and fields without notice; nobody's program may end because of it."""
        dialect = wire.subject.dialect
        name = "text and parallel calls" if wire.allows("tools", "parallel_tools") else "text"
        tools = [WEATHER] if wire.allows("tools") else []
        plain = await wire.ask(SCRIPTS[name], stream=True, tools=tools)
        if what == "events":
            wire.emulator.fault = _interleave(dialect.unknown_events())
        else:
            wire.emulator.fault = _each(dialect.with_unknown_field)
        added = await wire.ask(SCRIPTS[name], stream=True, tools=tools)
        require(
            comparable(added).message == comparable(plain).message and added.finish_reason == plain.finish_reason,
            f"unknown {what} are ignored",
            f"{added.message!r} instead of {plain.message!r}",
            "read what you know and skip the rest",
        )

    @case
    async def test_an_answer_without_content_is_no_crash(self, wire: Bench) -> None:
        """Models do say nothing: an answer without text, or an error where the provider means one."""
        for stream in (False, True):
            try:
                answer = await wire.ask(Script(), stream=stream)
            except InvalidResponseError:
                continue
            require(
                answer.text == "", "an answer without content has no text", repr(answer.text), "emit only Done"
            )


def _tools(wire: Bench, name: str) -> list[Tool] | None:
    """The tools for a script; ``None`` if the model cannot follow the script."""
    script = SCRIPTS[name]
    calls = sum(isinstance(step, Call) for step in script.steps)
    if "reasoning" in name and not wire.allows("reasoning"):
        return None
    if (calls and not wire.allows("tools")) or (calls > 1 and not wire.allows("parallel_tools")):
        return None
    return [WEATHER] if calls else []


def _interleave(extras: list[bytes]) -> faults.Fault:
    """Put unknown events before every event."""

    def apply(reply: Reply) -> Reply:
        return replace(reply, steps=[piece for step in reply.steps for piece in (*extras, step)])

    return apply


def _each(change: Callable[[bytes], bytes]) -> faults.Fault:
    """Change every event."""

    def apply(reply: Reply) -> Reply:
        return replace(reply, steps=[change(step) if isinstance(step, bytes) else step for step in reply.steps])

    return apply

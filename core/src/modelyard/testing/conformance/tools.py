"""Tools: announced, called, answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelyard.errors import InvalidRequestError, UnsupportedFeatureError
from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.rules import case, require
from modelyard.testing.parity.bench import Bench as ParityBench
from modelyard.testing.parity.criteria import CRITERIA, Criterion
from modelyard.testing.parity.run import judge
from modelyard.testing.script import Call, Script
from modelyard.types.completion import Completion
from modelyard.types.content import ToolResult
from modelyard.types.messages import Message
from modelyard.types.tools import Tool

__all__ = ["WEATHER", "ToolCases", "results_of"]

WEATHER = Tool(
    name="get_weather",
    description="The weather in a city",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
TIME = Tool(name="get_time", description="The time now.")
SCRIPTS = {
    "one call": Script().call("get_weather", city="Paris"),
    "parallel calls after text": Script()
    .say("One moment.")
    .call("get_weather", city="Paris")
    .call("get_weather", city="São Paulo 😀\u2028", days=3)
    .call("get_time"),
    "no arguments": Script().call("get_time"),
}
PARITY = [criterion for criterion in CRITERIA if criterion.id not in ("reasoning", "one at a time")]
"""Not every API signs its reasoning; that what is signed goes back has a case of its own.

Nor has every API a switch against parallel calls: the cases of the fields see that it is used or noted.
"""


class ToolCases:
    """Cases about tool calls."""

    @case
    @pytest.mark.parametrize("name", SCRIPTS)
    async def test_calls_arrive_whole_and_in_order(self, served: Bench, name: str) -> None:
        """Order, names, ids and arguments of calls are what an agent acts on: each must be exact."""
        script = SCRIPTS[name]
        if not served.allows("tools") or (name.startswith("parallel") and not served.allows("parallel_tools")):
            return
        wanted = [(step.name, step.arguments) for step in script.steps if isinstance(step, Call)]
        for answer in await served.both(script, "Hi", tools=[WEATHER, TIME]):
            found = [(call.name, call.arguments) for call in answer.tool_calls]
            require(
                found == wanted,
                "calls arrive whole and in order",
                f"{found}, not {wanted}",
                "keep calls apart by the provider's index or id, and join the fragments of each",
            )
            require(
                len({call.id for call in answer.tool_calls}) == len(wanted),
                "every call has an id of its own",
                [call.id for call in answer.tool_calls],
                "pass on the provider's id, or make one with make_call_id where it sends none",
            )
            require(
                answer.finish_reason == "tool_calls",
                "an answer with calls ends with tool_calls",
                answer.finish_reason,
                "map the provider's word; where it says stop beside calls, say tool_calls",
            )

    @case
    async def test_arguments_that_are_no_json_are_kept_as_text(self, wire: Bench) -> None:
        """A call cut off at the length limit must neither run with half its arguments nor raise."""
        if not wire.allows("tools"):
            return
        cut = Script(steps=(Call("get_weather", {"city": "Paris"}, cut_at=12),)).finish("length")
        for answer in await wire.both(cut, tools=[WEATHER]):
            for call in answer.tool_calls:
                require(
                    call.arguments is None,
                    "arguments that are no JSON object are None, their text kept",
                    f"{call.arguments} from {call.arguments_text!r}",
                    "let ToolCallTracker or emit_call read them; repair nothing",
                )

    @case
    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    async def test_a_tool_loop_comes_back_with_an_answer(self, served: Bench, stream: bool) -> None:
        """The second request of a loop holds calls and results in an order each API checks in its own way."""
        if not served.allows("tools"):
            return
        calls = Script().call("get_weather", city="Paris")
        if served.allows("parallel_tools"):
            calls = calls.call("get_weather", city="Rome")
        async with served.runtime() as runtime:
            asked = await served.ask_through(runtime, calls, "Sunny?", tools=[WEATHER], stream=stream)
            history = [Message.user("Sunny?"), *results_of(asked, "sunny 😀")]
            answer = await served.ask_through(
                runtime, Script().say("Yes."), history, tools=[WEATHER], stream=stream
            )
        sent = json.dumps(served.emulator.asked[-1].json, ensure_ascii=False)
        require(answer.text == "Yes.", "a tool loop comes back with an answer", repr(answer.text), "see above")
        require(
            sent.count("sunny 😀") == len(asked.tool_calls),
            "each call's result is sent once",
            f"{sent.count('sunny')} results for {len(asked.tool_calls)} calls",
            "write every ToolResult under its call's id",
        )

    @case
    @pytest.mark.parametrize("choice", ["auto", "none", "required", "get_weather"])
    async def test_every_form_of_choice_is_sent_noted_or_refused(self, served: Bench, choice: str) -> None:
        """A forced call that is not forced breaks the program that waits for it."""
        if not served.allows("tools"):
            return
        script = Script().say("Hi.") if choice == "none" else Script().call("get_weather", city="Paris")
        options: dict[str, Any] = {"tools": [WEATHER, TIME], "tool_choice": choice, "parallel_tool_calls": False}
        try:
            answer = await served.ask(script, **options)
        except (UnsupportedFeatureError, InvalidRequestError):
            form = "name" if choice == "get_weather" else choice
            listed = form in served.card.tool_choice and served.allows("forced_tool_choice")
            require(not listed, "a choice the card lists is sent", f"{choice} was refused", "send it")
            return
        sent = served.emulator.asked[-1].body
        plain = await served.ask(script, tools=[WEATHER, TIME], parallel_tool_calls=False)
        require(
            choice == "auto"
            or sent != served.emulator.asked[-1].body
            or any(note.field.startswith("tool_choice") for note in answer.report.notes),
            "a choice is sent or noted in the report",
            f"{choice} changed nothing ({plain.finish_reason})",
            "write tool_choice, or note it with the Reporter",
        )

    @case
    @pytest.mark.parametrize("criterion", PARITY, ids=[criterion.id for criterion in PARITY])
    async def test_parity(self, served: Bench, criterion: Criterion) -> None:
        """Hosts switch providers: what "supports tools" means must be the same for all; see ``docs/parity.md``.

        What the card rules out is left alone, and what it does not know may fail. Taking over from other providers
        is tested where several are installed.
        """
        if not served.allows(*criterion.needs):
            return
        async with served.runtime() as runtime:
            emulators = {served.subject.provider: served.emulator}
            cell = await judge(criterion, ParityBench(runtime, emulators, served.card))
        unknown = any(served.card.capability(name).state == "unknown" for name in criterion.needs)
        require(
            unknown or not cell.startswith("no"),
            criterion.statement,
            f"{served.reference}: {cell}",
            "support it, or say on the card what the model cannot do",
        )

    @case
    async def test_tools_a_model_does_not_have_are_refused(self, served: Bench) -> None:
        """Before the network, with a typed error: not by a 400 an hour later."""
        if served.allows("tools"):
            return
        error = await served.fails(tools=[WEATHER])
        require(
            isinstance(error, (UnsupportedFeatureError, InvalidRequestError)) and not served.emulator.asked,
            "tools a model does not have are refused before the network",
            f"{type(error).__name__} after {len(served.emulator.asked)} requests",
            "leave it to the core, which reads the card, or check in modelyard_validate",
        )


def results_of(answer: Completion, text: str = "18 degrees") -> list[Message]:
    """The turns that follow an answer with calls: the answer, and a result for each call."""
    results = [ToolResult(tool_call_id=call.id, name=call.name, content=text) for call in answer.tool_calls]
    return [answer.message, Message.tool(results)]

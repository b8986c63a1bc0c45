"""Reasoning: shown apart from the answer, asked for by effort, and given back as it came."""

from __future__ import annotations

import json
import re
from typing import Any

from modelyard.errors import InvalidRequestError, UnsupportedFeatureError
from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.rules import case, require
from modelyard.testing.conformance.tools import WEATHER, results_of
from modelyard.testing.script import Script
from modelyard.types.completion import Completion
from modelyard.types.messages import Message

__all__ = ["ReasoningCases"]

THOUGHTFUL = Script().think("Let me think about that.").say("Done.").using(output=30, reasoning=20)


class ReasoningCases:
    """Cases about what a model thinks."""

    @case
    async def test_reasoning_is_no_part_of_the_text(self, served: Bench) -> None:
        """Thoughts shown to a user as the answer are a leak; thoughts lost are a debugger's loss."""
        if not served.allows("reasoning"):
            return
        for completion in await served.both(THOUGHTFUL):
            require(
                completion.text == "Done.",
                "reasoning is no part of the text",
                repr(completion.text),
                "use ReasoningDelta",
            )
            shown = served.subject.dialect.shows_reasoning(served.emulator.asked[-1])
            require(
                completion.reasoning == ("Let me think about that." if shown else ""),
                "reasoning the provider shows is kept",
                repr(completion.reasoning),
                "emit a ReasoningDelta for every piece",
            )

    @case
    async def test_efforts_of_the_card_are_accepted_as_they_are(self, wire: Bench) -> None:
        """A card that lists an effort promises that the model takes it, without a clamp."""
        efforts = [(card, effort) for card in wire.subject.chat_cards() for effort in card.reasoning.efforts]
        async with wire.runtime() as runtime:
            for card, effort in efforts:
                answer = await runtime.complete(card.ref, "Hi", reasoning=effort)
                wire.accepted()
                lost = [note for note in answer.report.notes if note.field.startswith("reasoning")]
                lost = [note for note in lost if note.action in ("dropped", "clamped")]
                require(
                    not lost,
                    "an effort the card lists is taken as it is",
                    f"{card.ref}, {effort}: {lost}",
                    "correct reasoning.efforts of the card, or send the effort",
                )

    @case
    async def test_an_effort_without_reasoning_is_noted_or_refused(self, served: Bench) -> None:
        """Whoever asks for reasoning must learn that there is none."""
        if served.allows("reasoning"):
            return
        try:
            answer = await served.ask(Script().say("Hi."), reasoning="high")
        except (UnsupportedFeatureError, InvalidRequestError):
            return
        require(
            any(note.field.startswith("reasoning") for note in answer.report.notes),
            "an effort that is not sent is noted",
            "no note",
            "note it with the Reporter",
        )

    @case
    async def test_opaque_reasoning_data_goes_back_unchanged(self, wire: Bench) -> None:
        """Signatures and encrypted thoughts must return in the turn they came in, or the API refuses the turn."""
        if not wire.allows("reasoning", "tools"):
            return
        script = Script().think("I need the weather.").call("get_weather", city="Paris")
        whole, streamed = await wire.both(script, "Weather?", tools=[WEATHER])
        require(
            _opaque(whole) == _opaque(streamed),
            "opaque data of reasoning is the same in a stream and a whole answer",
            f"{_opaque(streamed)} in the stream, {_opaque(whole)} in the whole answer",
            "put the provider's signature on the event as Opaque, in both decoders",
        )
        for answer in (whole, streamed):
            history = [Message.user("Weather?"), *results_of(answer)]
            await wire.ask(Script().say("Sunny."), history, tools=[WEATHER])
            sent = json.dumps(wire.emulator.asked[-1].json, ensure_ascii=False)
            lost = [text for text in _strings([data for _, data in _opaque(answer)]) if text not in sent]
            require(
                not lost,
                "opaque data of reasoning goes back unchanged",
                f"not in the next request: {lost}",
                "write the part's opaque data back where it came from",
            )


def _opaque(completion: Completion) -> list[Any]:
    """What the provider alone can read, by the part it hangs on."""
    found = []
    for part in completion.message.content:
        opaque = getattr(part, "opaque", None)
        if opaque is not None:
            found.append((part.type, opaque.data))
    return found


def _strings(value: Any) -> list[str]:
    """Strings inside data that are no plain words: signatures, ids and encrypted text."""
    if isinstance(value, str):
        return [value] if re.search(r"[^a-z_]", value) else []
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, (list, tuple)) or hasattr(value, "__iter__"):
        return [text for item in value for text in _strings(item)]
    return []

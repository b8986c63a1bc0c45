"""Text, usage, finish reasons, and what else every answer has."""

from __future__ import annotations

import json

import pytest

from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.rules import case, require
from modelyard.testing.script import Script
from modelyard.types.finish import FinishReason
from modelyard.types.messages import Message

__all__ = ["TEXTS", "TextCases"]

TEXTS = {
    "plain": Script().say("It is sunny in Paris today."),
    "unicode": Script().say('Zoë said: “naïve” 你好 😀\u2028line\u2029\u0085next\r\n\ttab \\ " {} \x0b\x1c'),
    "one character at a time": Script().say(*"Sunny. 😀\u2028é"),
    "markup": Script().say("<think>not reasoning</think> data: [DONE]\n\nevent: done\n\n"),
}


class TextCases:
    """Cases about what is said."""

    @case
    async def test_text_arrives_as_it_was_said(self, served: Bench) -> None:
        """The first thing anybody asks for; run for every kind of model, so that none is listed but unusable."""
        for completion in await served.both(TEXTS["plain"]):
            _same_text(completion.text, "It is sunny in Paris today.")

    @case
    @pytest.mark.parametrize("name", TEXTS)
    async def test_every_character_survives(self, wire: Bench, name: str) -> None:
        """Line separators that are not line ends of SSE, astral characters, and text that looks like the wire.

        Splitting lines with ``str.splitlines`` breaks at U+2028, U+2029 and U+0085; decoding chunk by chunk breaks
        characters of several bytes; a terminator is one only where it stands as an event.
        """
        said = "".join(piece for step in TEXTS[name].steps for piece in step.pieces)
        wire.emulator.rejected.clear()
        for completion in await wire.both(TEXTS[name], said):
            _same_text(completion.text, said)
        sent = json.dumps(wire.emulator.asked[-1].json, ensure_ascii=False)
        require(
            json.dumps(said, ensure_ascii=False)[1:-1] in sent,
            "the request holds every character of the message",
            f"{said!r} is not in the request",
            "write JSON with the standard library and change no text",
        )

    @case
    async def test_deltas_keep_their_order(self, wire: Bench) -> None:
        """Deltas out of order are the worst kind of bug: readable, and wrong."""
        pieces = [f"{number} " for number in range(12)]
        events = await wire.events(Script().say(*pieces))
        text = [(index, event.text) for index, event in enumerate(events) if event.type == "content_delta"]
        so_far = ""
        for index, piece in text:
            so_far += piece
            require(
                "".join(pieces).startswith(so_far),
                "deltas arrive in the order they were sent",
                f"{so_far!r}",
                "yield events in the order of the wire",
                event=index,
            )
        _same_text(so_far, "".join(pieces))

    @case
    async def test_usage_is_what_the_provider_sent(self, served: Bench) -> None:
        """Bills and limits rest on it. Input counts cached tokens too, output counts reasoning too."""
        script = Script().say("Hi.").using(input=1000, cached=800, output=30)
        for completion in await served.both(script):
            usage = completion.usage
            found = (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens, usage.total_tokens)
            require(
                found == (1000, 800, 30, 1030),
                "usage is what the provider sent, under Modelyard's definition",
                f"(input, cached, output, total) = {found}, not (1000, 800, 30, 1030)",
                "read the usage in whichever event the provider sends it; add cached tokens to the input if the "
                "provider counts them apart",
            )
            require(usage.raw, "usage keeps the provider's object", "no raw", "pass raw= to Usage.build")

    @case
    @pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
    async def test_finish_reasons_are_told_apart(self, wire: Bench, reason: FinishReason) -> None:
        """A host continues after ``length``, not after ``content_filter``: no reason may pass for another."""
        for completion in await wire.both(Script().say("It is su").finish(reason)):
            require(
                completion.finish_reason == reason,
                "finish reasons are told apart",
                f"{completion.finish_reason!r} (raw {completion.raw_finish_reason!r}) for {reason!r}",
                "map the provider's own word; one you do not know is 'unknown', never 'stop'",
            )
            require(
                completion.raw_finish_reason,
                "the provider's own word for the end is kept",
                repr(completion.raw_finish_reason),
                "set Done.raw_finish_reason",
            )

    @case
    async def test_a_conversation_with_instructions_is_accepted(self, served: Bench) -> None:
        """Instructions and earlier turns are part of nearly every real request."""
        first = await served.ask(Script().say("Paris."), "Capital of France?", system="Be brief.")
        history = [Message.user("Capital of France?"), first.message, Message.user("And of Italy?")]
        second = await served.ask(Script().say("Rome."), history, system="Be brief.", stream=True)
        _same_text(second.text, "Rome.")
        sent = served.emulator.asked[-1].body.decode()
        for wanted in ("Be brief.", "Capital of France?", "Paris.", "And of Italy?"):
            require(
                wanted in sent, "every turn is sent", f"{wanted!r} is not in the request", "write all messages"
            )

    @case
    async def test_a_model_without_a_card_is_allowed(self, wire: Bench) -> None:
        """New models appear before catalogs know them."""
        wire.emulator.add(Script().say("Hi."))
        async with wire.runtime() as runtime:
            found = await runtime.complete(f"{wire.subject.provider}:{wire.card.id}-of-tomorrow", "Hi")
        _same_text(found.text, "Hi.")


def _same_text(found: str, said: str) -> None:
    require(
        found == said,
        "text arrives as it was said",
        f"{found!r}, not {said!r}",
        "emit a ContentDelta for every piece, changed in nothing",
    )

"""Fields of a request: each is on the wire, or the report says that it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest

from modelyard.errors import InvalidRequestError, ModelyardError, UnsupportedFeatureError
from modelyard.runtime import Runtime
from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.rules import Violation, case, require
from modelyard.testing.conformance.samples import SAMPLE_TOOL, SAMPLES, Sample
from modelyard.testing.conformance.wire import Sent, named
from modelyard.testing.script import Script
from modelyard.types.report import Note

__all__ = ["REFUSALS", "FieldCases", "send"]

LOST: Final = ("dropped", "clamped", "relaxed")
REFUSALS: Final = (UnsupportedFeatureError, InvalidRequestError)


class FieldCases:
    """Cases generated from the fields of ``Request``."""

    @case
    @pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
    async def test_a_field_is_sent_or_noted(self, wire: Bench, sample: Sample) -> None:
        """A control that is dropped silently is believed to work.

        Whole and streamed; what is noted must be refused by those who asked for that.
        """
        async with wire.runtime() as runtime:
            for stream in (False, True):
                await _hold_to(wire, runtime, sample, stream=stream)

    @case
    async def test_every_model_sends_or_notes_every_field(self, served: Bench) -> None:
        """Each model is asked for each field, since a control can be lost for some cards alone."""
        problems = []
        async with served.runtime() as runtime:
            for sample in SAMPLES:
                try:
                    await _hold_to(served, runtime, sample, stream=False)
                except Violation as violation:
                    problems.append(str(violation))
        if problems:
            raise Violation("".join(problems))

    @case
    @pytest.mark.parametrize("strict", [True, False])
    async def test_strict_arrives_as_asked(self, served: Bench, strict: bool) -> None:
        """``strict`` decides whether a schema is a promise or a wish."""
        schema = {**SAMPLE_TOOL.parameters}
        wishes: list[tuple[str, dict[str, Any]]] = [
            ("output", {"output": {"schema": schema, "strict": strict}}),
            ("tools", {"tools": [SAMPLE_TOOL.model_copy(update={"strict": strict})]}),
        ]
        async with served.runtime() as runtime:
            for field, options in wishes:
                try:
                    sent = await send(served, runtime, **options)
                except REFUSALS:
                    continue
                values = list(named(sent.body, "strict"))
                require(
                    _about(sent.notes, field) or all(value is strict for value in values),
                    f"strict of {field} arrives as asked",
                    f"{values} for {strict}",
                    "write the value of the request, or note it with the Reporter",
                )

    @case
    async def test_fields_of_the_provider_arrive_untouched(self, wire: Bench) -> None:
        """``provider_options`` is the way to what this plugin has no word for yet."""
        own = {"zq_field": {"deep": [1, None, "zq-value"]}}
        options = {wire.subject.provider: own}
        async with wire.runtime() as runtime:
            for stream in (False, True):
                sent = await _arrived(wire, runtime, stream=stream, provider_options=options)
                require(
                    own["zq_field"] in list(named(sent.body, "zq_field")),
                    "a made-up field given in provider_options is on the wire untouched",
                    "it is not in the request",
                    "call merge_options(body, request.options_for(...)) last",
                )

    @case
    async def test_headers_of_the_settings_arrive(self, wire: Bench) -> None:
        """Gateways tell tenants apart by them."""
        async with wire.runtime(headers={"x-zq-tenant": "zq-tenant"}) as runtime:
            for stream in (False, True):
                sent = await _arrived(wire, runtime, stream=stream)
                require(
                    sent.received.headers.get("x-zq-tenant") == "zq-tenant",
                    "a header given in the settings arrives",
                    "it is not among the headers of the request",
                    "build the client with make_client, or send SessionSettings.headers with every request",
                )


async def send(
    bench: Bench, runtime: Runtime, messages: Any = "Hi", *, stream: bool = False, **options: Any
) -> Sent:
    """Ask for a short answer; return the request that arrived, which the API must accept, with the notes."""
    answer = await bench.ask_through(runtime, Script().say("Hi."), messages, stream=stream, **options)
    return Sent(bench.emulator.asked[-1], answer.report.notes)


async def _arrived(bench: Bench, runtime: Runtime, *, stream: bool, **options: Any) -> Sent:
    """The same for a request that the emulator may refuse: it knows no made-up fields."""
    before = len(bench.emulator.asked)
    try:
        return await send(bench, runtime, stream=stream, **options)
    except (ModelyardError, Violation):
        bench.emulator.rejected.clear()
        bench.emulator.scripts.clear()
        if len(bench.emulator.asked) == before:
            raise
        return Sent(bench.emulator.asked[-1])


async def _hold_to(bench: Bench, runtime: Runtime, sample: Sample, *, stream: bool) -> None:
    __tracebackhide__ = True
    if not bench.allows(*sample.needs):
        return
    try:
        plain = await send(bench, runtime, stream=stream, **sample.plain)
        sent = await send(bench, runtime, stream=stream, **sample.asked)
    except REFUSALS:
        _drop_scripts(bench)
        return
    noted = _about(sent.new_notes(plain), sample.root)
    seen = all(sent.shows(mark, plain) for mark in sample.marks) if sample.marks else sent.body != plain.body
    where = f"in a {'streamed' if stream else 'whole'} request to {bench.reference}"
    require(
        noted or seen,
        "a control is sent or noted in the report",
        f"{sample.name} is neither on the wire nor noted {where}",
        "write the field, or note it with the Reporter as dropped, or leave it out of ProviderInfo.fields",
    )
    lost = [note for note in noted if note.action in LOST]
    if lost:
        await _refused(bench, runtime, sample, lost, stream=stream)


async def _refused(bench: Bench, runtime: Runtime, sample: Sample, lost: Sequence[Note], *, stream: bool) -> None:
    """Under ``on_unsupported="error"`` what would be noted is an error, before the network."""
    before = len(bench.emulator.asked)
    try:
        await send(bench, runtime, stream=stream, on_unsupported="error", **sample.asked)
    except REFUSALS:
        _drop_scripts(bench)
        require(
            len(bench.emulator.asked) == before,
            "what is not taken is refused before the network",
            f"{sample.name} was refused after a request",
            "write the request, and with it the report, before you send anything",
        )
        return
    require(
        False,
        "what is noted under 'warn' raises UnsupportedFeatureError under on_unsupported='error'",
        f"{sample.name} was sent all the same; under 'warn' the note was: {lost[0].reason}",
        "give the Reporter the request's on_unsupported, and use drop, clamp or relax for what is lost",
    )


def _drop_scripts(bench: Bench) -> None:
    """Forget the answer of a request that was not made."""
    bench.emulator.scripts.clear()


def _about(notes: Sequence[Note], root: str) -> list[Note]:
    return [note for note in notes if note.field.partition(".")[0].partition("[")[0] == root]

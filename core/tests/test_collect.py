"""Collecting events: nothing is lost, and a sequence outside the grammar is refused."""

from __future__ import annotations

import pytest

from modelyard import (
    ContentDelta,
    Done,
    ErrorEvent,
    Event,
    Message,
    Opaque,
    OpaquePart,
    ReasoningDelta,
    ReasoningPart,
    RefusalPart,
    Status,
    StreamInterruptedError,
    TextPart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallResult,
    ToolCallStart,
    Usage,
)
from modelyard.streaming.collect import Collector, collect, collect_stream
from modelyard.streaming.grammar import GrammarError, check_stream

SIGNED = Opaque(provider="acme", kind="signature", data={"signature": "abc"})
CALL: list[Event] = [
    ToolCallStart("c1", "f"),
    ToolCallDelta("c1", '{"a"'),
    ToolCallDelta("c1", ": 1}"),
    ToolCallEnd("c1", "f", {"a": 1}, '{"a": 1}', SIGNED),
]


def test_parts_come_in_the_order_in_which_they_began() -> None:
    events: list[Event] = [
        Status("started"),
        ReasoningDelta(0, "Hm"),
        ReasoningDelta(0, "."),
        ReasoningDelta(0, "", opaque=SIGNED),
        ContentDelta(1, "It is "),
        CALL[0],
        ContentDelta(1, "sunny."),
        *CALL[1:],
        ContentDelta(2, "I cannot say more.", "refusal"),
        ContentDelta(3, "", opaque=SIGNED),
        Done("tool_calls", "tool_use", Usage(input_tokens=3)),
    ]
    completion = collect(events, provider="acme", model="one")
    reasoning, text, call, refusal, opaque = completion.message.content
    assert reasoning == ReasoningPart(text="Hm.", opaque=SIGNED)
    assert text == TextPart(text="It is sunny.")
    assert call == completion.tool_calls[0]
    assert completion.tool_calls[0].arguments == {"a": 1}
    assert completion.tool_calls[0].opaque == SIGNED
    assert refusal == RefusalPart(text="I cannot say more.")
    assert opaque == OpaquePart(opaque=SIGNED)
    assert (completion.text, completion.reasoning, completion.refusal) == (
        "It is sunny.",
        "Hm.",
        "I cannot say more.",
    )
    assert (completion.finish_reason, completion.raw_finish_reason) == ("tool_calls", "tool_use")
    assert completion.usage.input_tokens == 3
    assert completion.usage.output_tokens is None


def test_the_collected_message_can_be_sent_again_and_stored() -> None:
    completion = collect([ContentDelta(0, "Hi"), *CALL, Done("tool_calls")], provider="acme", model="one")
    assert Message.model_validate_json(completion.message.model_dump_json()) == completion.message


def test_empty_parts_vanish() -> None:
    completion = collect([ContentDelta(0, ""), ReasoningDelta(1, ""), Done("stop")], provider="acme", model="one")
    assert completion.message.content == ()


def test_without_done_the_answer_is_interrupted_and_keeps_what_came() -> None:
    with pytest.raises(StreamInterruptedError) as caught:
        collect([ContentDelta(0, "Hel"), *CALL[:2]], provider="acme", model="one")
    partial = caught.value.partial
    assert partial is not None
    assert (partial.text, partial.finish_reason) == ("Hel", "error")
    assert partial.tool_calls[0].arguments is None
    assert partial.tool_calls[0].arguments_text == '{"a"'


def test_nothing_came_means_no_partial() -> None:
    assert Collector().partial(provider="acme", model="one") is None


@pytest.mark.parametrize(
    ("rule", "events"),
    [
        (1, [Done("stop"), Done("stop")]),
        (1, [Done("stop"), ContentDelta(0, "late")]),
        (2, [ContentDelta(-1, "x")]),
        (2, [ContentDelta(0, "x"), ReasoningDelta(0, "y")]),
        (2, [ReasoningDelta(0, "x"), ReasoningDelta(0, "y", "summary")]),
        (2, [ContentDelta(0, "x"), ContentDelta(0, "y", "refusal")]),
        (3, [ToolCallDelta("c1", "{")]),
        (3, [ToolCallStart("", "f")]),
        (3, [ToolCallStart("c1", "")]),
        (3, [ToolCallStart("c1", "f"), ToolCallStart("c1", "f")]),
        (3, [*CALL, ToolCallDelta("c1", "{")]),
        (3, [ToolCallStart("c1", "f"), ToolCallEnd("c1", "g", {}, "")]),
        (4, [*CALL[:3], ToolCallEnd("c1", "f", {}, "{}")]),
        (5, [*CALL[:3], Done("tool_calls")]),
        (6, [ToolCallResult("c1", "f", "sunny")]),
        (6, [ErrorEvent({})]),
    ],
)
def test_the_grammar_names_the_rule_and_the_event(rule: int, events: list[Event]) -> None:
    with pytest.raises(GrammarError, match=f"rule {rule} .* event {len(events) - 1} ") as caught:
        check_stream(events)
    assert caught.value.rule == rule
    assert not caught.value.retryable


def test_the_grammar_misses_done() -> None:
    with pytest.raises(GrammarError, match="end without done"):
        check_stream([ContentDelta(0, "x")])
    check_stream([ContentDelta(0, "x"), *CALL, Done("stop")])


async def test_batches_and_single_events_collect_alike() -> None:
    async def items() -> object:
        yield [ContentDelta(0, "a"), ContentDelta(0, "b")]
        yield ContentDelta(0, "c")
        yield [Done("stop")]

    completion = await collect_stream(items(), provider="acme", model="one")  # type: ignore[arg-type]
    assert completion.text == "abc"

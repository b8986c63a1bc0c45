"""Failures of streams seen in other runtimes, by their row in the gauntlet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from modelyard import (
    DeadlineError,
    InvalidResponseError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    Runtime,
    ServerError,
    StreamInterruptedError,
)
from modelyard.streaming.grammar import check_stream
from modelyard.testing import (
    Emulator,
    Hang,
    Pause,
    Received,
    Reply,
    ReplyStep,
    Reset,
    Script,
    crash_after,
    cut_after,
    drip,
    hang_after,
    reset_after,
    split,
    sse,
)
from modelyard.types.base import JsonObject
from modelyard.types.events import Event
from modelyard_claude.testing.dialect import DIALECT

MODEL = "claude:claude-sonnet-5-5"
NOW: JsonObject = {"name": "now"}
ASKED = Received(
    "POST", "/v1/messages", "", {}, b'{"model": "claude-sonnet-5-5", "messages": [{}], "stream": true}'
)


def events(script: Script) -> list[bytes]:
    return DIALECT.events(script, ASKED)


def reply(*steps: ReplyStep | bytes) -> Reply:
    return Reply.sse(steps)


def data(event: bytes) -> JsonObject:
    found: JsonObject = json.loads(event.partition(b"data: ")[2])
    return found


SAID = events(Script().say("Hel", "lo"))
"""message_start, ping, start of the block, two deltas, its stop, message_delta, message_stop."""


@pytest.mark.parametrize("kept", range(1, 8))
@pytest.mark.parametrize("fault", [cut_after, crash_after, reset_after])
async def test_b01_b02_a_stream_without_its_terminator_is_interrupted_with_what_had_come(
    runtime: Runtime, emulator: Emulator, kept: int, fault: Any
) -> None:
    emulator.default, emulator.fault = Script().say("Hel", "lo"), fault(kept)
    with pytest.raises(ProviderError) as caught:
        await runtime.stream(MODEL, "Hi").collect()
    assert isinstance(caught.value, StreamInterruptedError)
    assert caught.value.retryable
    partial = caught.value.partial
    assert (partial.text if partial else None) == {4: "Hel"}.get(kept, "Hello" if kept > 4 else None)


@pytest.mark.parametrize(
    ("kind", "expected", "status"),
    [("overloaded", OverloadedError, 529), ("rate_limit", RateLimitError, 429), ("server", ServerError, 500)],
)
async def test_b04_an_error_event_after_text_is_told_by_its_body_and_keeps_the_text(
    runtime: Runtime, emulator: Emulator, kind: Any, expected: type[ProviderError], status: int
) -> None:
    emulator.add(Script().say("Hel", "lo").fail(kind))
    with pytest.raises(expected) as caught:
        await runtime.stream(MODEL, "Hi").collect()
    assert (caught.value.status, caught.value.retryable) == (status, True)
    assert caught.value.partial is not None
    assert caught.value.partial.text


async def test_b06_an_error_before_any_output_leaves_room_for_another_try(emulator: Emulator) -> None:
    error = sse({"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}}, "error")
    emulator.add(reply(SAID[0], error), Script().say("Hello"))
    async with Runtime({"claude": emulator.settings()}, plugins=["claude"], max_attempts=2) as runtime:
        done = await runtime.stream(MODEL, "Hi").collect()
    assert (done.text, len(emulator.requests)) == ("Hello", 2)


async def test_b08_an_error_after_output_is_not_tried_again(emulator: Emulator) -> None:
    emulator.default = Script().say("Hel", "lo").fail("overloaded")
    async with Runtime({"claude": emulator.settings()}, plugins=["claude"], max_attempts=3) as runtime:
        with pytest.raises(OverloadedError):
            await runtime.stream(MODEL, "Hi").collect()
    assert len(emulator.requests) == 1


async def test_b10_characters_split_over_chunks_arrive_whole(runtime: Runtime, emulator: Emulator) -> None:
    emulator.default, emulator.fault = Script().say("süß 🙂"), split(1)
    assert (await runtime.stream(MODEL, "Hi").collect()).text == "süß 🙂"


async def test_b11_only_cr_and_lf_end_a_line(runtime: Runtime, emulator: Emulator) -> None:
    text = "a\u2028b\u2029c\u0085d\x0ce"
    emulator.add(Script().say(text))
    assert (await runtime.stream(MODEL, "Hi").collect()).text == text


@pytest.mark.parametrize(
    "form",
    [
        lambda event: event.replace(b"\n", b"\r\n"),
        lambda event: event.replace(b"\n", b"\r"),
        lambda event: event.replace(b"data: ", b"data:"),
        lambda event: b": a comment\n" + event,
        lambda event: b"retry: 10\nid: 7\n" + event,
        lambda event: b"\n".join([event.split(b"\n")[1], event.split(b"\n")[0]]) + b"\n\n",
        lambda event: event.replace(b"\n\n", b"  \n\n"),
    ],
    ids=["crlf", "cr", "no-space", "comment", "retry", "event-last", "padded"],
)
async def test_b12_every_form_of_an_event_is_read(runtime: Runtime, emulator: Emulator, form: Any) -> None:
    emulator.add(reply(*[form(event) for event in SAID]))
    assert (await runtime.stream(MODEL, "Hi").collect()).text == "Hello"


async def test_b12_a_byte_order_mark_is_no_part_of_the_stream(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(reply(b"\xef\xbb\xbf" + SAID[0], *SAID[1:]))
    assert (await runtime.stream(MODEL, "Hi").collect()).text == "Hello"


async def test_b13_a_large_event_passes(runtime: Runtime, emulator: Emulator) -> None:
    text = "x" * (1 << 20)
    emulator.add(Script().say(text, ""))
    assert (await runtime.stream(MODEL, "Hi").collect()).text == text


async def test_b16_usage_is_merged_by_the_last_figure_and_not_summed(runtime: Runtime, emulator: Emulator) -> None:
    start, end = data(SAID[0]), data(SAID[-2])
    start["message"]["usage"] = {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 90}
    end["usage"] = {"output_tokens": 7}
    emulator.add(reply(sse(start), *SAID[1:-2], sse(end), SAID[-1]))
    usage = (await runtime.stream(MODEL, "Hi").collect()).usage
    assert (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens) == (100, 90, 7)
    assert usage.cache_write_tokens is None


@pytest.mark.parametrize(
    ("raw", "unified"),
    [
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", "unknown"),
        ("something_new", "unknown"),
    ],
)
async def test_b21_the_reason_is_the_providers_own(
    runtime: Runtime, emulator: Emulator, raw: str, unified: str
) -> None:
    end = data(SAID[-2])
    end["delta"]["stop_reason"] = raw
    emulator.add(reply(*SAID[:-2], sse(end), SAID[-1]))
    done = await runtime.stream(MODEL, "Hi").collect()
    assert (done.finish_reason, done.raw_finish_reason) == (unified, raw)


async def test_b22_leaving_the_loop_closes_the_connection(runtime: Runtime, emulator: Emulator) -> None:
    emulator.default, emulator.fault = Script().say("word " * 500), drip(0.01)
    async with runtime.stream(MODEL, "Hi") as stream:
        async for event in stream:
            if event.type == "content_delta":
                break
    await _until(lambda: not emulator.open_connections)


async def test_b23_cancelling_while_waiting_closes_the_connection(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(reply(Hang()))
    task = asyncio.ensure_future(runtime.stream(MODEL, "Hi").collect())
    await _until(lambda: bool(emulator.requests))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _until(lambda: not emulator.open_connections)


async def _until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it does not come to pass")


@pytest.mark.parametrize(
    ("steps", "phase"),
    [
        ([Hang()], "first_output"),
        ([SAID[0], SAID[1], Hang()], "first_output"),
        ([*SAID[:4], Hang()], "between_outputs"),
        ([*SAID[:4], *[step for _ in range(200) for step in (Pause(0.01), SAID[1])], Hang()], "between_outputs"),
    ],
    ids=["b25", "b25-start", "b26", "b26-pings"],
)
async def test_b25_b26_silence_has_a_deadline_that_pings_do_not_move(
    runtime: Runtime, emulator: Emulator, steps: Sequence[ReplyStep], phase: str
) -> None:
    emulator.add(Reply.sse(steps))
    deadlines = {"first_output": 0.3, "between_outputs": 0.3}
    with pytest.raises(DeadlineError) as caught:
        await runtime.stream(MODEL, "Hi", deadlines=deadlines).collect()
    assert caught.value.phase == phase


async def test_b27_a_trickle_ends_at_the_total_deadline(runtime: Runtime, emulator: Emulator) -> None:
    emulator.default, emulator.fault = Script().say("word " * 500), drip(0.01)
    with pytest.raises(DeadlineError) as caught:
        await runtime.stream(MODEL, "Hi", deadlines={"total": 0.3}).collect()
    assert caught.value.phase == "total"


async def test_b28_reasoning_is_never_part_of_the_text(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().think("Let me", " see.").say("It is", " noon.").think("Sure?").say(" Yes."))
    done = await runtime.stream(MODEL, "Hi").collect()
    assert (done.text, done.reasoning) == ("It is noon. Yes.", "Let me see.Sure?")
    assert [part.type for part in done.message.content] == ["reasoning", "text", "reasoning", "text"]


@pytest.mark.parametrize(
    "script", [Script(), Script().say("a"), Script().think("b").call("now"), Script().say("a").finish("length")]
)
async def test_b30_there_is_one_end_and_nothing_after_it(
    runtime: Runtime, emulator: Emulator, script: Script
) -> None:
    emulator.add(script)
    seen: list[Event] = []
    async with runtime.stream(MODEL, "Hi", tools=[NOW]) as stream:
        async for event in stream:
            seen.append(event)
    check_stream(seen)
    assert [event.type for event in seen].count("done") == 1


@pytest.mark.parametrize("limit", [21_333, 21_334, 64_000])
async def test_b31_a_large_output_limit_is_streamed_inside_and_returned_whole(
    runtime: Runtime, emulator: Emulator, limit: int
) -> None:
    done = await runtime.complete(MODEL, "Hi", max_output_tokens=limit)
    assert done.text == "Hello from the emulator."
    assert bool(emulator.requests[0].json.get("stream")) == (limit > 21_333)


async def test_b31_a_thinking_budget_counts_as_output(runtime: Runtime, emulator: Emulator) -> None:
    await runtime.complete(
        "claude:claude-haiku-4-5", "Hi", max_output_tokens=20_000, reasoning={"budget_tokens": 30_000}
    )
    (request,) = emulator.requests
    assert (request.json["max_tokens"], request.json["stream"]) == (50_000, True)


async def test_hidden_thinking_comes_back_signed(runtime: Runtime, emulator: Emulator) -> None:
    """With the display omitted there is a signature and no text, and it has to be replayed."""
    emulator.add(Script().think("").say("Noon."))
    first = await runtime.stream(MODEL, "Hi", reasoning={"summary": "none"}).collect()
    assert [(part.type, getattr(part, "kind", None)) for part in first.message.content] == [
        ("reasoning", "hidden"),
        ("text", None),
    ]
    await runtime.complete(
        MODEL, [{"role": "user", "content": "Hi"}, first.message, {"role": "user", "content": "?"}]
    )
    assert emulator.requests[1].json["messages"][1]["content"][0]["thinking"] == ""
    assert not emulator.rejected


async def test_tier_model_and_request_id_are_on_the_answer(runtime: Runtime, emulator: Emulator) -> None:
    start, end = data(SAID[0]), data(SAID[-2])
    start["message"]["usage"]["service_tier"] = "priority"
    start["message"]["model"] = "claude-sonnet-5-5-exact"
    emulator.add(Reply.sse([sse(start), *SAID[1:-2], sse(end), SAID[-1]], {"request-id": "req_7"}))
    done = await runtime.stream(MODEL, "Hi").collect()
    assert (done.service_tier, done.response_model, done.request_id) == (
        "priority",
        "claude-sonnet-5-5-exact",
        "req_7",
    )


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_refusal_keeps_its_words_and_its_category(
    runtime: Runtime, emulator: Emulator, streamed: bool
) -> None:
    emulator.add(Script().say("I can").finish("content_filter"), Script())
    done = await (runtime.stream(MODEL, "Hi").collect() if streamed else runtime.complete(MODEL, "Hi"))
    assert (done.finish_reason, done.text, done.refusal) == ("content_filter", "I can", "Refused by script.")
    opaque = getattr(done.message.content[-1], "opaque", None)
    assert opaque is not None
    assert (opaque.kind, opaque.data["category"]) == ("stop_details", None)
    await runtime.complete(
        MODEL, [{"role": "user", "content": "Hi"}, done.message, {"role": "user", "content": "?"}]
    )
    assert [block["text"] for block in emulator.requests[1].json["messages"][1]["content"]] == [
        "I can",
        "Refused by script.",
    ]


async def test_a_reset_in_the_middle_of_an_event_is_an_interrupted_stream(
    runtime: Runtime, emulator: Emulator
) -> None:
    emulator.add(reply(*SAID[:4], SAID[4][:20], Reset()))
    with pytest.raises(StreamInterruptedError):
        await runtime.stream(MODEL, "Hi").collect()


async def test_an_event_that_is_no_json_is_an_invalid_response(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(reply(*SAID[:4], b"data: {not json\n\n"))
    with pytest.raises(InvalidResponseError) as caught:
        await runtime.stream(MODEL, "Hi").collect()
    assert caught.value.partial is not None


async def test_a_hang_before_the_terminator_is_no_success(runtime: Runtime, emulator: Emulator) -> None:
    emulator.default, emulator.fault = Script().say("Hel", "lo"), hang_after(7)
    with pytest.raises(DeadlineError):
        await runtime.stream(MODEL, "Hi", deadlines={"between_outputs": 0.3}).collect()

"""Failures of other runtimes with streams, each by its row, against the strict emulator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from modelyard import (
    Completion,
    DeadlineError,
    Message,
    ModelyardError,
    OverloadedError,
    RateLimitError,
    Runtime,
    ServerError,
    StreamInterruptedError,
)
from modelyard.streaming.grammar import check_stream
from modelyard.testing import (
    Emulator,
    Fault,
    Hang,
    Reply,
    Script,
    coalesce,
    crash_after,
    cut_after,
    drip,
    hang_after,
    reset_after,
    split,
)

MODEL = "mistral:mistral-medium-3-5"
WORDS = ("One ", "two ", "three.")
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def chunk(delta: dict[str, Any], finish: str | None = None, **event: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'id': 'r-1', 'model': 'm', 'choices': [choice], **event})}\n\n".encode()


def said(text: str) -> bytes:
    """A delta whose characters are not escaped."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    event = {"id": "r-1", "model": "m", "choices": [choice]}
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


STOP = chunk({"content": ""}, "stop", usage=USAGE)
DONE = b"data: [DONE]\n\n"


async def ask(runtime: Runtime, **options: Any) -> Completion:
    return await runtime.stream(MODEL, "Hi", **options).collect()


@pytest.mark.parametrize("kept", range(5))
async def test_b01_a_clean_close_before_the_terminator_is_an_interruption(
    emulator: Emulator, runtime: Runtime, kept: int
) -> None:
    emulator.add(Script().say(*WORDS))
    emulator.fault = cut_after(kept)
    with pytest.raises(StreamInterruptedError) as caught:
        await ask(runtime)
    assert caught.value.retryable
    partial = caught.value.partial
    assert (partial.text if partial else "") == "".join(WORDS[: max(kept - 1, 0)])
    assert partial is None or partial.usage.output_tokens in (None, 5)  # sent in the last event, or not known


async def test_b01_even_the_finish_reason_is_no_terminator(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Reply.sse([said("All."), STOP]))
    with pytest.raises(StreamInterruptedError) as caught:
        await ask(runtime)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "All."


@pytest.mark.parametrize("fault", [reset_after, crash_after])
async def test_b02_a_reset_is_an_interruption(
    emulator: Emulator, runtime: Runtime, fault: Callable[[int], Fault]
) -> None:
    emulator.add(Script().say(*WORDS))
    emulator.fault = fault(2)
    with pytest.raises(StreamInterruptedError) as caught:
        await ask(runtime)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "One "


ROOT = {"object": "error", "message": "Slow down.", "type": "rate_limited", "param": None, "code": "1300"}
ERRORS: dict[str, tuple[Any, type[ModelyardError], int]] = {
    "root": (ROOT, RateLimitError, 429),
    "under error": ({"error": ROOT}, RateLimitError, 429),
    "text": ({"error": "Slow down."}, ServerError, 500),
    "gateway": ({"message": "Slow down.", "raw_status_code": 503}, OverloadedError, 503),
    "detail": ({"detail": "Slow down."}, ServerError, 500),
}


@pytest.mark.parametrize(("body", "kind", "status"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("before", [0, 1], ids=["b06 before output", "b03 after output"])
async def test_b03_b06_an_error_in_a_stream_is_told_by_its_body(
    emulator: Emulator, runtime: Runtime, body: Any, kind: type[ModelyardError], status: int, before: int
) -> None:
    emulator.add(Reply.sse([*[said("One ")][:before], f"data: {json.dumps(body)}\n\n".encode()]))
    with pytest.raises(kind, match="Slow down") as caught:
        await ask(runtime)
    error: Any = caught.value
    assert error.status == status
    assert (error.partial.text if error.partial else None) == ("One " if before else None)


async def test_b03_finish_reason_error_is_an_error_with_the_partial_answer(
    emulator: Emulator, runtime: Runtime
) -> None:
    emulator.add(Reply.sse([said("One "), chunk({"content": ""}, "error"), DONE]))
    with pytest.raises(ServerError) as caught:
        await ask(runtime)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "One "


async def test_b09_an_error_without_a_fallback_ends_at_once(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Reply.sse([said("One "), f"data: {json.dumps(ROOT)}\n\n".encode(), Hang()]))
    with pytest.raises(RateLimitError):
        async with asyncio.timeout(5):
            await ask(runtime)
    assert len(emulator.requests) == 1


@pytest.mark.parametrize("fault", [split(1), split(7), coalesce()], ids=["bytes", "sevens", "at once"])
async def test_b10_characters_may_be_cut_anywhere(emulator: Emulator, runtime: Runtime, fault: Fault) -> None:
    emulator.add(Reply.sse([said("Zürich 🌦 "), said("東京"), STOP, DONE]))
    emulator.scripts[0] = fault(emulator.scripts[0])  # type: ignore[arg-type]  # a ready reply
    assert (await ask(runtime)).text == "Zürich 🌦 東京"


async def test_b11_separators_of_unicode_end_no_line(emulator: Emulator, runtime: Runtime) -> None:
    text = "a\u2028b\u2029c\u0085d\x0ce\x1cf"
    emulator.add(Reply.sse([said(text), STOP, DONE]))
    assert (await ask(runtime)).text == text


BODY = {"id": "r-1", "model": "m", "choices": [{"index": 0, "delta": {"content": "A"}, "finish_reason": None}]}
LINE = json.dumps(BODY)
FORMS = {
    "comment": f": keep-alive\n\ndata: {LINE}\n\n",
    "crlf": f"data: {LINE}\r\n\r\n",
    "cr": f"data: {LINE}\r\r",
    "no space": f"data:{LINE}\n\n",
    "two data lines": "data: " + LINE.replace(', "model"', ',\ndata: "model"') + "\n\n",
    "byte order mark": f"\ufeffdata: {LINE}\n\n",
    "event after data": f"data: {LINE}\nevent: message\n\n",
    "retry and id": f"retry: 10\nid: 5\ndata: {LINE}\n\n",
    "unknown field": f"colour: blue\ndata: {LINE}\n\n",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_b12_every_form_of_an_event_is_read(emulator: Emulator, runtime: Runtime, form: str) -> None:
    emulator.add(Reply.sse([form.encode(), STOP, DONE]))
    assert (await ask(runtime)).text == "A"


async def test_b13_an_event_of_two_mebibytes_passes(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Reply.sse([said("x" * 2**21), STOP, DONE]))
    assert len((await ask(runtime)).text) == 2**21


async def test_b14_usage_may_come_without_choices(emulator: Emulator, runtime: Runtime) -> None:
    last = f"data: {json.dumps({'id': 'r-1', 'model': 'm', 'choices': [], 'usage': USAGE})}\n\n".encode()
    emulator.add(Reply.sse([said("A"), chunk({}, "stop"), last, DONE]))
    assert (await ask(runtime)).usage.total_tokens == 13


async def test_b15_usage_is_what_was_sent_or_unknown(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Reply.sse([said("A"), STOP, DONE]), Reply.sse([said("A"), chunk({}, "stop"), DONE]))
    assert (await ask(runtime)).usage.output_tokens == 4
    usage = (await ask(runtime)).usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (None, None, None)
    assert "stream_options" not in emulator.requests[-1].json


@pytest.mark.parametrize("raw", ["length", "model_length"])
async def test_b21_an_incomplete_answer_says_so(emulator: Emulator, runtime: Runtime, raw: str) -> None:
    emulator.add(Reply.sse([said("A"), chunk({}, raw), DONE]))
    completion = await ask(runtime)
    assert (completion.finish_reason, completion.raw_finish_reason) == ("length", raw)


async def test_b22_leaving_the_loop_closes_the_connection(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Reply.sse([said("A"), Hang()]))
    async with runtime.stream(MODEL, "Hi") as stream:
        async for event in stream:
            if event.type == "content_delta":
                break
    await asyncio.to_thread(emulator.wait_for_disconnect, 2.0)


async def test_b23_b24_cancelling_closes_the_connection_and_is_no_error(
    emulator: Emulator, runtime: Runtime
) -> None:
    emulator.add(Reply.sse([Hang()]))
    stream = runtime.stream(MODEL, "Hi")
    task = asyncio.ensure_future(stream.collect())
    while not emulator.requests:  # noqa: ASYNC110 - the server runs in another thread
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(emulator.wait_for_disconnect, 2.0)


async def test_b25_silence_before_the_first_event_ends_at_a_deadline(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Reply.sse([Hang()]))
    with pytest.raises(DeadlineError) as caught:
        await ask(runtime, deadlines={"first_output": 0.2})
    assert caught.value.phase == "first_output"


async def test_b26_comments_do_not_keep_a_stalled_stream_alive(emulator: Emulator, runtime: Runtime) -> None:
    pings = drip(0.05)(Reply.sse([b": ping\n\n"] * 100))
    emulator.add(Reply.sse([said("One "), *pings.steps, Hang()]))
    with pytest.raises(DeadlineError) as caught:
        await ask(runtime, deadlines={"between_outputs": 0.3})
    assert caught.value.phase == "between_outputs"
    assert caught.value.partial is not None
    assert caught.value.partial.text == "One "


async def test_b27_a_trickle_ends_at_the_total_deadline(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(drip(0.05)(Reply.sse([said("x")] * 200)))
    with pytest.raises(DeadlineError) as caught:
        await ask(runtime, deadlines={"total": 0.4})
    assert caught.value.phase == "total"


async def test_b28_b29_thinking_is_told_from_text_as_chunks_and_as_tags(
    emulator: Emulator, runtime: Runtime
) -> None:
    emulator.add(Script().think("Hm, ", "yes.").say("Sure", "ly."))
    chunks = await ask(runtime)
    tagged = [said("<thi"), said("nk>Hm, "), said("yes.</thi"), said("nk>Sure"), said("ly."), STOP, DONE]
    emulator.add(Reply.sse(tagged))
    tags = await runtime.stream("mistral:magistral-medium-latest", "Hi").collect()
    assert (chunks.reasoning, chunks.text) == (tags.reasoning, tags.text) == ("Hm, yes.", "Surely.")


async def test_b29_tagged_reasoning_goes_back_as_it_was(emulator: Emulator, runtime: Runtime) -> None:
    model = "mistral:magistral-medium-latest"
    emulator.add(Reply.sse([said("<think>Hm.</think>Yes."), STOP, DONE]))
    first = await runtime.stream(model, "Well?").collect()
    history = [Message.user("Well?"), first.message, Message.user("Why?")]
    await runtime.stream(model, history).collect()
    turn = emulator.requests[-1].json["messages"][1]
    assert turn == {"role": "assistant", "content": "<think>Hm.</think>Yes."}


@pytest.mark.parametrize("fault", [hang_after(100), cut_after(2), reset_after(3), split(3)])
async def test_b30_a_stream_has_one_end_and_nothing_after_it(
    emulator: Emulator, runtime: Runtime, fault: Fault
) -> None:
    emulator.add(Script().think("Hm.").say(*WORDS).call("f", a=1))
    emulator.fault = fault
    events, failures = [], 0
    try:
        async with runtime.stream(MODEL, "Hi") as stream:
            async for event in stream:
                events.append(event)
    except ModelyardError:
        failures = 1
    else:
        check_stream(events)
    assert sum(event.type == "done" for event in events) + failures == 1


async def test_b30_events_after_the_terminator_are_not_read(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Reply.sse([said("A"), STOP, DONE, said("B"), DONE]))
    assert (await ask(runtime)).text == "A"


async def test_an_answer_of_nothing_is_empty_and_says_why_it_ended(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Reply.sse([STOP, DONE]))
    completion = await ask(runtime)
    assert (completion.text, completion.finish_reason, completion.message.content) == ("", "stop", ())

"""Failures of other runtimes with streams, each against the strict emulator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

import modelyard
from modelyard import (
    ConnectionFailedError,
    DeadlineError,
    InvalidResponseError,
    Runtime,
    ServerError,
    StreamInterruptedError,
)
from modelyard.testing import (
    Emulator,
    Hang,
    LoopbackServer,
    Pause,
    Reply,
    Script,
    coalesce,
    cut_after,
    drip,
    hang_after,
    hang_before_head,
    reset_after,
    reset_before_head,
    split,
    sse,
)
from modelyard.types.base import JsonObject

PLAIN = "openai:gpt-4.1"
SUNNY = Script().say("It ", "is ", "sunny.")


@pytest.fixture(params=["responses", "chat"])
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def either(api: str, emulator: Emulator) -> AsyncIterator[Runtime]:
    """A runtime for each of the two APIs."""
    settings = {**emulator.settings(), "options": {"api": api}}
    async with Runtime({"openai": settings}, max_attempts=1, plugins=["openai"]) as running:
        yield running


def text_event(api: str, text: str) -> bytes:
    if api == "chat":
        return sse({"id": "c", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
    place = {"output_index": 0, "content_index": 0}
    return sse({"type": "response.output_text.delta", **place, "delta": text})


def ending(api: str, text: str) -> list[bytes]:
    if api == "chat":
        return [sse({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}), sse("[DONE]")]
    item = {"type": "message", "content": [{"type": "output_text", "text": text}]}
    return [sse({"type": "response.completed", "response": {"status": "completed", "output": [item]}})]


@pytest.mark.parametrize("fault", [cut_after, reset_after])
async def test_b01_b02_an_end_without_the_terminator_is_an_interruption(
    either: Runtime, emulator: Emulator, fault: Any
) -> None:
    emulator.default, emulator.fault = SUNNY, fault(3)
    with pytest.raises(StreamInterruptedError) as caught:
        await either.stream(PLAIN, "Hi").collect()
    assert caught.value.retryable
    assert caught.value.partial is not None
    assert caught.value.partial.finish_reason == "error"
    assert "It is sunny.".startswith(caught.value.partial.text)
    assert caught.value.partial.text


async def test_b02_a_reset_before_any_answer_is_a_failed_connection(either: Runtime, emulator: Emulator) -> None:
    emulator.fault = reset_before_head()
    with pytest.raises(ConnectionFailedError):
        await either.complete(PLAIN, "Hi")


async def test_b03_an_error_inside_a_stream_is_told_by_its_body_and_keeps_what_came(
    either: Runtime, emulator: Emulator, api: str
) -> None:
    error = {"error": {"message": "Slow down.", "type": "requests", "code": "rate_limit_exceeded"}}
    emulator.add(Reply.sse([text_event(api, "Hel"), sse(error)]))
    with pytest.raises(modelyard.RateLimitError) as caught:
        await either.stream(PLAIN, "Hi").collect()
    assert (caught.value.status, caught.value.partial.text) == (429, "Hel")  # type: ignore[union-attr]


async def test_b06_an_error_before_any_output_carries_no_partial(
    either: Runtime, emulator: Emulator, api: str
) -> None:
    emulator.add(Reply.sse([sse({"error": {"message": "No.", "code": "server_is_overloaded"}})]))
    with pytest.raises(modelyard.OverloadedError) as caught:
        await either.stream(PLAIN, "Hi").collect()
    assert caught.value.partial is None


async def test_b08_b09_one_failure_without_retry_is_one_request(either: Runtime, emulator: Emulator) -> None:
    emulator.default = SUNNY.fail("rate_limit")
    with pytest.raises(modelyard.RateLimitError):
        await either.stream(PLAIN, "Hi").collect()
    assert len(emulator.requests) == 1


@pytest.mark.parametrize("fault", [split(1), split(7), coalesce()])
async def test_b10_b11_characters_and_lines_survive_any_cut(
    either: Runtime, emulator: Emulator, fault: Any
) -> None:
    text = "süß 🙂 a\u2028b\u0085c\u2029d\x0ce"
    emulator.default, emulator.fault = Script().say(text), fault
    assert (await either.stream(PLAIN, "Hi").collect()).text == text


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.replace(b"\n", b"\r\n"),
        lambda event: event.replace(b"\n", b"\r"),
        lambda event: event.replace(b"data: ", b"data:"),
        lambda event: b": ping\n\n" + event,
        lambda event: b"retry: 100\nid: 7\n" + event,
        lambda event: event.replace(b"\n\n", b"\nevent: late\n\n"),
        lambda event: event.replace(b',"', b',\ndata: "', 1),
    ],
)
async def test_b12_every_form_of_server_sent_events_is_read(
    either: Runtime, emulator: Emulator, api: str, change: Any
) -> None:
    events = [text_event(api, "Hel"), text_event(api, "lo"), *ending(api, "Hello")]
    emulator.add(Reply.sse([change(event) for event in events]))
    assert (await either.stream(PLAIN, "Hi").collect()).text == "Hello"


async def test_b12_a_byte_order_mark_is_no_part_of_the_first_event(
    either: Runtime, emulator: Emulator, api: str
) -> None:
    emulator.add(Reply.sse([b"\xef\xbb\xbf", text_event(api, "Hello"), *ending(api, "Hello")]))
    assert (await either.stream(PLAIN, "Hi").collect()).text == "Hello"


async def test_b13_an_event_of_megabytes_passes(either: Runtime, emulator: Emulator, api: str) -> None:
    text = "x" * 3_000_000
    emulator.add(Reply.sse([text_event(api, text), *ending(api, text)]))
    assert len((await either.stream(PLAIN, "Hi").collect()).text) == len(text)


async def test_b14_b15_usage_is_asked_for_and_read_from_a_chunk_without_choices(
    chat_runtime: Runtime, emulator: Emulator
) -> None:
    emulator.add(SUNNY.using(input=12, output=3))
    answer = await chat_runtime.stream(PLAIN, "Hi").collect()
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (12, 3)
    assert emulator.requests[-1].json["stream_options"] == {"include_usage": True}


async def test_b15_usage_that_was_not_sent_is_unknown_and_not_zero(
    either: Runtime, emulator: Emulator, api: str
) -> None:
    emulator.add(Reply.sse([text_event(api, "Hello"), *ending(api, "Hello")]))
    usage = (await either.stream(PLAIN, "Hi").collect()).usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (None, None, None)


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_b21_the_finish_reason_is_the_providers(either: Runtime, emulator: Emulator, reason: Any) -> None:
    emulator.add(SUNNY.finish(reason), SUNNY.finish(reason))
    assert (await either.stream(PLAIN, "Hi").collect()).finish_reason == reason
    assert (await either.complete(PLAIN, "Hi")).finish_reason == reason


async def test_b22_leaving_early_closes_the_connection(either: Runtime, emulator: Emulator, api: str) -> None:
    emulator.add(Reply.sse([text_event(api, "Hel"), Hang()]))
    async with either.stream(PLAIN, "Hi") as stream:
        async for event in stream:
            if event.type == "content_delta":
                break
    await asyncio.to_thread(emulator.wait_for_disconnect, 5)


async def test_b23_b24_cancelling_before_the_first_byte_closes_the_connection(
    either: Runtime, emulator: Emulator
) -> None:
    emulator.fault = hang_before_head()
    arrived = asyncio.Event()
    loop, hang = asyncio.get_running_loop(), emulator.fault

    def tell(reply: Reply) -> Reply:
        loop.call_soon_threadsafe(arrived.set)
        return hang(reply)

    emulator.fault = tell
    task = asyncio.create_task(either.complete(PLAIN, "Hi"))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(emulator.wait_for_disconnect, 5)


@pytest.mark.parametrize(
    ("fault", "deadlines", "phase"),
    [
        (hang_before_head(), {"first_output": 0.2}, "first_output"),
        (hang_after(1), {"first_output": 0.2}, "first_output"),
        (hang_after(4), {"between_outputs": 0.2}, "between_outputs"),
        (drip(0.1), {"total": 0.25}, "total"),
    ],
)
async def test_b25_b26_b27_silence_and_trickles_end_at_their_deadline(
    either: Runtime, emulator: Emulator, fault: Any, deadlines: Any, phase: str
) -> None:
    emulator.default, emulator.fault = Script().say(*("word " for _ in range(20))), fault
    with pytest.raises(DeadlineError) as caught:
        await either.stream(PLAIN, "Hi", deadlines=deadlines).collect()
    assert caught.value.phase == phase


async def test_b26_comments_are_no_output(either: Runtime, emulator: Emulator, api: str) -> None:
    pings = [step for _ in range(50) for step in (b": ping\n\n", Pause(0.05))]
    emulator.add(Reply.sse([text_event(api, "Hel"), *pings]))
    with pytest.raises(DeadlineError) as caught:
        await either.stream(PLAIN, "Hi", deadlines={"between_outputs": 0.3}).collect()
    assert caught.value.phase == "between_outputs"


async def test_b30_what_comes_after_the_end_is_not_read(either: Runtime, emulator: Emulator, api: str) -> None:
    end = ending(api, "Hello")
    emulator.add(Reply.sse([text_event(api, "Hello"), *end, text_event(api, "again"), *end]))
    async with either.stream(PLAIN, "Hi") as stream:
        kinds = [event.type async for event in stream]
    assert kinds.count("done") == 1
    assert stream.completion.text == "Hello"


EMPTY: dict[str, JsonObject] = {
    "responses": {"id": "r", "status": "completed", "output": []},
    "chat": {"id": "c", "choices": [{"index": 0, "message": {"content": ""}, "finish_reason": "stop"}]},
}


@pytest.mark.parametrize("stream", [True, False])
async def test_b32_a_complete_answer_with_nothing_in_it_is_an_error_worth_a_retry(
    either: Runtime, emulator: Emulator, api: str, stream: bool
) -> None:
    last = {"type": "response.completed", "response": EMPTY["responses"]}
    reply = Reply.sse(ending("chat", "") if api == "chat" else [sse(last)]) if stream else Reply.json(EMPTY[api])
    emulator.add(reply, SUNNY)
    with pytest.raises(InvalidResponseError) as caught:
        await (either.stream(PLAIN, "Hi").collect() if stream else either.complete(PLAIN, "Hi"))
    assert (caught.value.code, caught.value.retryable) == ("empty_output", True)


@pytest.mark.parametrize("streamed", [True, False])
async def test_f06_a_failed_response_keeps_the_usage_it_is_billed_for(streamed: bool) -> None:
    response = {
        "id": "resp_1",
        "status": "failed",
        "error": {"code": "server_error", "message": "Broken."},
        "output": [],
        "usage": {"input_tokens": 30, "output_tokens": 5, "total_tokens": 35},
    }
    delta = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hel"}
    events = [delta, {"type": "response.failed", "response": response}]
    stream = Reply.sse([f"data: {json.dumps(event)}\n\n".encode() for event in events])
    with LoopbackServer(lambda received: stream if streamed else Reply.json(response)) as server:
        settings = {"openai": {"api_key": "test-key", "base_url": server.url}}
        async with Runtime(settings, plugins=["openai"], max_attempts=1) as runtime:
            ask = (
                runtime.stream("openai:gpt-6", "Hi").collect
                if streamed
                else lambda: runtime.complete("openai:gpt-6", "Hi")
            )
            with pytest.raises(ServerError) as caught:
                await ask()
    partial = caught.value.partial
    assert partial is not None
    assert partial.text == ("Hel" if streamed else "")
    assert (partial.usage.input_tokens, partial.usage.output_tokens) == (30, 5)
    assert caught.value.attempts[0].usage == partial.usage

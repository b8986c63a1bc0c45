"""What a server sends is bounded before it is held: codings, answers, error pages, lists."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import httpx
import httpx2
import pytest

from modelyard import Bounds, InvalidResponseError, ModelyardError, Runtime, ServerError
from modelyard.testing import LoopbackServer, Reply

from .hostile import MIB, WIRES, answer_of, calling, costing

PROVIDERS = ("openai", "claude", "mistral", "gemini")
HEAD = {"content-type": "application/json"}
BOMB_MIB = 384


@cache
def bomb(layers: int) -> bytes:
    """NUL bytes packed once or twice."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    body = b"".join([packer.compress(bytes(MIB)) for _ in range(BOMB_MIB)]) + packer.flush()
    return body if layers == 1 else gzip.compress(body)


def reply(status: int, body: bytes, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {**HEAD, **named}, (body,))


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_body_in_two_codings_is_refused_unread(provider: str, transport: str) -> None:
    """A15: two kilobytes that would become 384 MiB."""
    hostile = reply(200, bomb(2), content_encoding="gzip, gzip")
    async with calling(provider, lambda _: hostile, transport) as (runtime, model, _), costing() as cost:
        with pytest.raises(InvalidResponseError, match="gzip, gzip"):
            await runtime.complete(model, "Hi")
        with pytest.raises(InvalidResponseError, match="gzip, gzip"):
            await answer_of(runtime, model, stream=True)
    assert cost.peak < 96 * MIB
    assert cost.stood < 1


@pytest.mark.parametrize("coding", ["gzip, gzip", "deflate, gzip", "br", "zstd", "gzip", "compress"])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_error_page_keeps_its_class_whatever_its_coding(provider: str, coding: str) -> None:
    """A16: the status says enough, and what an SDK reads is bounded too."""
    hostile = reply(500, bomb(1 if coding == "gzip" else 2), content_type="text/html", content_encoding=coding)
    async with calling(provider, lambda _: hostile) as (runtime, model, _), costing() as cost:
        for stream in (False, True):
            with pytest.raises(ServerError) as caught:
                await answer_of(runtime, model, stream=stream)
            assert caught.value.status == 500
        with pytest.raises(ServerError):
            await runtime.list_models(provider)
    assert cost.peak < 96 * MIB
    assert cost.stood < 1


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_body_that_unpacks_without_end_is_refused_at_the_bound(provider: str) -> None:
    """A15, a neighbour: one coding, which is taken, and a body far above what the host wants."""
    hostile = reply(200, bomb(1), content_encoding="gzip")
    bounds = {"answer_bytes": 8 * MIB}
    async with calling(provider, lambda _: hostile, bounds=bounds) as (runtime, model, _), costing() as cost:
        for stream in (False, True):
            with pytest.raises(InvalidResponseError, match="longer than"):
                await answer_of(runtime, model, stream=stream)
        with pytest.raises(InvalidResponseError, match="longer than"):
            await runtime.list_models(provider)
    assert cost.peak < 48 * MIB
    assert cost.stood < 1


@pytest.mark.parametrize("family", [httpx, httpx2], ids=["httpx", "httpx2"])
async def test_the_bodies_of_a_hosts_own_client_are_bounded_too(family: Any) -> None:
    """A15, A16: an ``http_client`` of the host's, for a plain provider and for one whose SDK reads errors."""
    provider = "openai" if family is httpx else "claude"
    for status in (200, 500):
        hostile = reply(status, bomb(2), content_encoding="gzip, gzip")
        with LoopbackServer(lambda _, hostile=hostile: hostile) as server:  # type: ignore[misc]
            async with family.AsyncClient() as client, costing() as cost:
                config = {"base_url": server.url, "api_key": "key-of-the-test-0", "http_client": client}
                runtime = Runtime({provider: config}, plugins=[provider], max_attempts=1)
                with pytest.raises(ModelyardError) as caught:
                    await runtime.complete(f"{provider}:m", "Hi")
                await runtime.aclose()
                assert isinstance(caught.value, InvalidResponseError if status == 200 else ServerError)
        assert cost.peak < 96 * MIB


@pytest.mark.parametrize("coding", ["gzip", "deflate", "bare deflate", "x-gzip", "identity", "", "identity, gzip"])
async def test_one_coding_is_taken_off(coding: str) -> None:
    body = json.dumps({"id": "r", "choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]}).encode()
    packers: dict[str, bytes] = {"deflate": zlib.compress(body), "bare deflate": zlib.compress(body)[2:-4]}
    packed = gzip.compress(body) if "gzip" in coding else packers.get(coding, body)
    answer = reply(200, packed, content_encoding=coding.removeprefix("bare "))
    async with calling("openai-chat", lambda _: answer) as (runtime, model, server):
        assert (await runtime.complete(model, "Hi")).text == "ok"
    assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("body", [b"", b"\x1f", b"no gzip at all", gzip.compress(b"{}", mtime=0)[:8]])
async def test_a_body_that_is_not_in_its_coding_is_a_typed_error(body: bytes) -> None:
    answer = reply(200, body, content_encoding="gzip")
    async with calling("openai-chat", lambda _: answer) as (runtime, model, _):
        with pytest.raises(InvalidResponseError):
            await runtime.complete(model, "Hi")


def test_what_is_packed_in_pieces_is_unpacked_whole() -> None:
    """Pieces of one byte, and of a kilobyte that becomes a megabyte, give the same as all at once."""
    import asyncio

    from modelyard.http.unpack import chunks_of

    text = bytes(3 * MIB) + bytes(range(256)) * 1000

    async def pieces(size: int, packed: bytes) -> Any:
        for at in range(0, len(packed), size):
            yield packed[at : at + size]

    async def unpack(size: int, packed: bytes, header: str) -> list[bytes]:
        return [piece async for piece in chunks_of(pieces(size, packed), header)]

    for packed, header in ((gzip.compress(text), "gzip"), (zlib.compress(text), "deflate")):
        for size in (1, 1024, len(packed)):
            found = asyncio.run(unpack(size, packed, header))
            assert b"".join(found) == text
            assert max(map(len, found)) <= 256 * 1024


def deltas(wire: str, key: str) -> Sequence[bytes]:
    """An endless answer as each wire streams it, 64 KiB at a time: text, reasoning or arguments."""
    x = "x" * 65536
    events: list[dict[str, Any]]
    chat: dict[str, Any] = {"text": {"content": x}, "reasoning": {"reasoning_content": x}}
    chat_call = {"index": 0, "id": "c00000001", "function": {"name": "look", "arguments": x}}
    item = {"type": "function_call", "call_id": "c", "name": "look", "arguments": ""}
    claude: dict[str, Any] = {
        "text": ({"type": "text", "text": ""}, {"type": "text_delta", "text": x}),
        "reasoning": ({"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": x}),
        "arguments": (
            {"type": "tool_use", "id": "c", "name": "look", "input": {}},
            {"type": "input_json_delta", "partial_json": x},
        ),
    }
    if wire in ("openai-chat", "mistral"):
        delta = {"tool_calls": [chat_call]} if key == "arguments" else chat[key]
        if wire == "mistral" and key == "reasoning":
            delta = {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": x}]}]}
        events = [{"id": "r", "choices": [{"index": 0, "delta": delta}]}]
    elif wire == "openai":
        kinds = {
            "text": "response.output_text.delta",
            "reasoning": "response.reasoning_text.delta",
            "arguments": "response.function_call_arguments.delta",
        }
        added = {"type": "response.output_item.added", "output_index": 0, "item": item}
        head = [added] if key == "arguments" else []
        events = [*head, {"type": kinds[key], "output_index": 0, "content_index": 0, "delta": x}]
    elif wire == "claude":
        block, delta = claude[key]
        events = [
            {"type": "message_start", "message": {"id": "r"}},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
        ]
    else:
        parts: dict[str, Any] = {
            "text": {"text": x},
            "reasoning": {"text": x, "thought": True},
            "arguments": {"functionCall": {"name": "look", "args": {"a": x}}},
        }
        events = [{"candidates": [{"content": {"parts": [parts[key]]}}]}]
    return [b"data: %b\n\n" % json.dumps(event).encode() for event in events]


class Endless(Sequence[Any]):
    """The first steps, then the last again and again, up to a size; counted as the server takes them."""

    def __init__(self, steps: Sequence[bytes], size: int) -> None:
        self._steps = steps
        self._size = size
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        while self.taken < self._size:
            step = self._steps[-1] if self.taken else b"".join(self._steps)
            self.taken += len(step)
            yield step

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        return self._steps[index]


def endless(steps: Sequence[bytes], size: int) -> tuple[Reply, Endless]:
    taken = Endless(steps, size)
    return Reply(200, {"content-type": "text/event-stream"}, taken, chunked=True), taken


@pytest.mark.parametrize("key", ["text", "reasoning", "arguments", "comments"])
@pytest.mark.parametrize("wire", WIRES)
async def test_a_stream_without_end_ends_at_the_bound_with_what_arrived(wire: str, key: str) -> None:
    """A17, at a bound of 4 MiB; comments and pings count like everything else."""
    noise = [b": ping" + b"x" * 60_000 + b"\n\n"]
    answer, taken = endless(noise if key == "comments" else deltas(wire, key), 64 * MIB)
    async with calling(wire, lambda _: answer, bounds=Bounds(answer_bytes=4 * MIB)) as (runtime, model, _):
        with pytest.raises(InvalidResponseError, match="longer than 4194304 bytes") as caught:
            await answer_of(runtime, model, stream=True)
    assert taken.taken < 16 * MIB
    if key == "text":
        assert caught.value.partial is not None
        assert 3 * MIB < len(caught.value.partial.text) <= 4 * MIB


async def test_a_streamed_answer_has_the_maximum_of_a_whole_one() -> None:
    """A17 with the default: fewer than 320 MiB are taken of 640."""
    answer, taken = endless(deltas("openai-chat", "text"), 640 * MIB)
    async with calling("openai-chat", lambda _: answer) as (runtime, model, _):
        with pytest.raises(InvalidResponseError, match="longer than") as caught:
            await answer_of(runtime, model, stream=True)
    assert taken.taken < 320 * MIB
    assert caught.value.partial is not None


def page_of(provider: str, number: int, cursor: str) -> Reply:
    if provider == "gemini":
        entry = {"name": f"models/m{number}", "supportedGenerationMethods": ["generateContent"]}
        return Reply.json({"models": [entry], "nextPageToken": cursor})
    entry = {"type": "model", "id": f"m{number}", "display_name": "x", "created_at": "2026-01-01T00:00:00Z"}
    return Reply.json({"data": [entry], "has_more": True, "first_id": "a", "last_id": cursor})


@pytest.mark.parametrize("provider", ["claude", "gemini"])
async def test_a_list_without_end_is_read_for_two_hundred_pages(provider: str) -> None:
    """A19; OpenAI and Mistral list on one page."""
    served: list[int] = []

    def serve(_: Any) -> Reply:
        served.append(len(served))
        return page_of(provider, len(served), f"m{len(served)}")

    async with calling(provider, serve) as (runtime, _, _server):
        with pytest.raises(InvalidResponseError, match="200 pages") as caught:
            await runtime.list_models(provider)
    assert len(served) <= 200
    assert not caught.value.retryable, "as many pages again, and again"


@pytest.mark.parametrize("provider", ["claude", "gemini"])
async def test_a_list_whose_cursor_repeats_ends(provider: str) -> None:
    """A19, a neighbour: the same page again and again."""
    async with calling(provider, lambda _: page_of(provider, 1, "again")) as (runtime, _, server):
        with pytest.raises(InvalidResponseError, match="circle"):
            await runtime.list_models(provider)
    assert len(server.requests) <= 3


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_list_that_is_no_list_is_a_typed_error(provider: str) -> None:
    for value in ('{"data": 5, "models": 5}', '{"data": "x", "models": "x"}', "[]"):
        async with calling(provider, lambda _, value=value: reply(200, value.encode())) as (runtime, _, _server):  # type: ignore[misc]
            with pytest.raises(ModelyardError):
                await runtime.list_models(provider)

"""Counting tokens at the provider, of the conversation as it would be sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from modelyard import FilePart, ImagePart, Message, Runtime, Tool, ToolCall, ToolResult
from modelyard.errors import AuthenticationError, InvalidResponseError, ProviderError, ServerError
from modelyard.http.session import WireRequest
from modelyard.testing import Emulator, Reply
from modelyard.types.base import Opaque
from modelyard.types.content import ReasoningPart
from modelyard_mistral.counting import counting_body
from modelyard_mistral.testing.types import find_faults

Write = Callable[..., WireRequest]

MODEL = "mistral:mistral-medium-3-5"
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}}
THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
THOUGHT = Opaque(provider="mistral", model="mistral-medium-3-5", kind="thinking", data=THINKING)
CONVERSATION = [
    Message.system("Be brief."),
    Message.user(
        [
            "Look:",
            ImagePart(url="https://example.com/a.png", detail="low"),
            ImagePart(data=b"\x89PNG\r\n\x1a\n"),
            FilePart(data=b"%PDF-1.7", name="a.pdf"),
            FilePart(url="https://example.com/a.pdf"),
            FilePart(file_id="f-1"),
        ]
    ),
    Message.assistant(
        [
            ReasoningPart(text="Hm.", opaque=THOUGHT),
            "Let me see.",
            ToolCall(id="a" * 9, name="look_up", arguments={}),
        ]
    ),
    Message.tool(ToolResult(tool_call_id="a" * 9, content="A map.")),
]


def test_every_part_of_a_conversation_has_an_item(write: Write) -> None:
    wire = write(
        CONVERSATION, tools=[Tool(name="look_up", parameters=SCHEMA)], tool_choice="required", reasoning="high"
    )
    body = counting_body(wire.body)
    assert body is not None
    assert find_faults(body) == []
    assert [item["type"] for item in body["input"]] == [
        "message",
        "message",
        "reasoning",
        "message",
        "function_call",
        "function_call_output",
    ]
    assert [part["type"] for part in body["input"][1]["content"]] == [
        "input_text",
        "input_image",
        "input_image",
        "input_file",
        "input_file",
        "input_file",
    ]
    assert (body["tool_choice"], body["reasoning"]) == ("required", {"effort": "high"})


@pytest.mark.parametrize(
    ("output", "kind"), [(SCHEMA, "json_schema"), ("json", "json_object")], ids=["schema", "json"]
)
def test_the_form_of_the_answer_is_counted_too(write: Write, output: Any, kind: str) -> None:
    body = counting_body(write("Hi", output=output).body)
    assert body is not None
    assert find_faults(body) == []
    assert body["text"]["format"]["type"] == kind


async def test_the_provider_counts(emulator: Emulator, runtime: Runtime) -> None:
    tools = [Tool(name="look_up", parameters=SCHEMA)]
    count = await runtime.count_tokens(MODEL, CONVERSATION, tools=tools, tool_choice="look_up")
    received = emulator.requests[-1]
    assert (received.method, received.path) == ("POST", "/v1/responses/input_tokens")
    assert received.headers["authorization"] == "Bearer test-key"
    assert not count.estimated
    assert count.tokens == len(json.dumps(received.json["input"])) // 4


async def test_audio_and_servers_that_cannot_count_are_left_to_the_estimate() -> None:
    from modelyard.testing import LoopbackServer

    spoken = Message.user(["Listen:", FilePart(data=b"abc", media_type="audio/mpeg")])
    with LoopbackServer(lambda received: Reply.json({"message": "no Route matched"}, 404)) as server:
        settings = {"mistral": {"api_key": "k", "base_url": server.url}}
        async with Runtime(settings, plugins=["mistral"], max_attempts=1) as runtime:
            assert (await runtime.count_tokens("mistral:voxtral-small-2507", spoken)).estimated
            assert server.requests == []
            assert (await runtime.count_tokens(MODEL, "Hi")).estimated
            assert len(server.requests) == 1


async def test_a_failed_count_is_a_typed_error() -> None:
    from modelyard.testing import LoopbackServer

    replies = [
        Reply.json({"detail": "Invalid API Key"}, 401),
        Reply(502, {"content-type": "text/html"}, (b"<p>",)),
        Reply.json({"input_tokens": "many"}),
    ]
    kinds: list[tuple[type[ProviderError], str]] = [
        (AuthenticationError, "Invalid API Key"),
        (ServerError, "502"),
        (InvalidResponseError, "no count"),
    ]
    with LoopbackServer(lambda received: replies.pop(0)) as server:
        settings = {"mistral": {"api_key": "k", "base_url": server.url}}
        async with Runtime(settings, plugins=["mistral"], max_attempts=1) as runtime:
            for kind, words in kinds:
                with pytest.raises(kind, match=words):
                    await runtime.count_tokens(MODEL, "Hi")

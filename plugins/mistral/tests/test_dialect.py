"""The emulator is as strict as Mistral."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard import Message, Runtime
from modelyard.errors import ProviderError
from modelyard.http.session import WireRequest
from modelyard.testing import Emulator, Received, Rejection, Script, load_exchanges
from modelyard.types.content import ReasoningPart, TextPart
from modelyard_mistral.testing.dialect import DIALECT

CORPUS = Path(os.environ.get("MODELYARD_CORPUS") or Path(__file__).parents[4] / "shared" / "corpus")
STRICTER = {
    "'user' after role 'tool'": "refused by most models (code 3230), accepted by one",
    "input_audio": "an object with data, where the API's own description has text",
}
"""Where the emulator refuses what was accepted once, with what is known of it."""

Write = Callable[..., WireRequest]


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"stream_options": {"include_usage": True}}, 422, "stream_options"),
        ({"max_completion_tokens": 5}, 422, "max_completion_tokens"),
        ({"store": False}, 422, "store"),
        ({"temperature": 1.6}, 422, "temperature"),
        ({"top_p": 0}, 422, "top_p"),
        ({"messages": []}, 422, "messages"),
        ({"messages": [{"role": "user", "content": "A", "name": "B"}]}, 422, "name"),
        ({"messages": [{"role": "developer", "content": "A"}]}, 422, "role"),
        (
            {"messages": [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}]},
            400,
            "last role",
        ),
        ({"messages": [{"role": "tool", "tool_call_id": "a" * 9, "content": "A"}]}, 400, "Unexpected role"),
        ({"messages": [{"role": "user", "content": "A"}, {"role": "assistant"}]}, 400, "either content"),
        ({"tools": [{"type": "function", "function": {"name": "a.b", "parameters": {}}}]}, 400, "tool name"),
    ],
)
def test_the_emulator_refuses_what_mistral_refuses(
    write: Write, change: dict[str, Any], status: int, words: str
) -> None:
    body = {**write("Hello").body, **change}
    headers = {"authorization": "Bearer k", "content-type": "application/json"}
    with pytest.raises(Rejection) as caught:
        DIALECT.check(Received("POST", "/v1/chat/completions", "", headers, json.dumps(body).encode()))
    assert caught.value.status == status
    assert words in caught.value.message


async def test_altered_thinking_is_refused_by_the_emulator(emulator: Emulator, runtime: Runtime) -> None:
    emulator.add(Script().think("Hm.").say("Yes."))
    first = await runtime.complete("mistral:mistral-medium-3-5", "Well?")
    part = first.message.content[0]
    assert isinstance(part, ReasoningPart)
    assert part.opaque is not None
    forged = {**part.opaque.data, "thinking": [{"type": "text", "text": "Ha."}]}
    opaque = part.opaque.model_copy(update={"data": forged})
    turn = Message.assistant([part.model_copy(update={"opaque": opaque}), TextPart(text="Yes.")])
    with pytest.raises(ProviderError, match="signature"):
        await runtime.complete("mistral:mistral-medium-3-5", [Message.user("Well?"), turn, Message.user("Why?")])


def test_what_mistral_accepted_the_emulator_accepts(record_property: Callable[[str, object], None]) -> None:
    refused: list[str] = []
    checked = 0
    if not (CORPUS / "mistral").is_dir():
        pytest.skip(f"no recorded traffic at {CORPUS}")
    for exchange in load_exchanges(CORPUS / "mistral"):
        if exchange.status != 200 or exchange.request is None:
            continue
        checked += 1
        headers = {"authorization": "Bearer k", "content-type": "application/json"}
        body = json.dumps(exchange.request).encode()
        try:
            DIALECT.check(Received("POST", "/v1/chat/completions", "", headers, body))
        except Rejection as rejection:
            refused.append(rejection.message)
    record_property("corpus mistral requests", f"{checked} checked, {len(refused)} refused")
    assert checked > 40
    assert [next((known for known in STRICTER if known in message), message) for message in refused] == [
        "input_audio",
        "'user' after role 'tool'",
    ]

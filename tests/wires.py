"""Answers as each wire writes them, whole and streamed, from pieces of text, calls and usage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.testing import Reply

COUNTS = {
    "openai": ("input_tokens", "output_tokens"),
    "openai-chat": ("prompt_tokens", "completion_tokens"),
    "mistral": ("prompt_tokens", "completion_tokens"),
    "claude": ("input_tokens", "output_tokens"),
    "gemini": ("promptTokenCount", "candidatesTokenCount"),
}


@dataclass(frozen=True)
class Said:
    """An answer: pieces of text, and calls, each an id, a name and the text of its arguments in pieces.

    ``inputs`` is the count of input tokens as JSON text.
    """

    texts: Sequence[str] = ()
    calls: Sequence[tuple[str, str, Sequence[str]]] = ()
    inputs: str = "1"


def reply(wire: str, said: Said, *, stream: bool, headers: dict[str, str] | None = None) -> Reply:
    """The response a server gives."""
    if not stream:
        return Reply(200, {"content-type": "application/json", **(headers or {})}, (whole(wire, said),))
    return Reply.sse([b"".join(b"data: %b\n\n" % data for data in events(wire, said))], headers)


def whole(wire: str, said: Said) -> bytes:
    """The body of an answer that is not streamed."""
    make = {"openai": _responses, "claude": _claude, "gemini": _gemini}.get(wire, _chat)
    return _filled(wire, make(said), said)


def events(wire: str, said: Said) -> list[bytes]:
    """The data of each event of a streamed answer."""
    make = {"openai": _responses_events, "claude": _claude_events, "gemini": _gemini_events}.get(
        wire, _chat_events
    )
    found = [_filled(wire, event, said) for event in make(said)]
    return [*found, b"[DONE]"] if make is _chat_events else found


_USAGE = "the usage goes here"


def _filled(wire: str, value: Any, said: Said) -> bytes:
    inputs, outputs = COUNTS[wire]
    usage = f'{{"{inputs}": {said.inputs}, "{outputs}": 1}}'
    return json.dumps(value).replace(json.dumps(_USAGE), usage).encode()


def _finish(said: Said) -> str:
    return "tool_calls" if said.calls else "stop"


def _chat(said: Said) -> Any:
    calls = [
        {"id": call_id, "type": "function", "function": {"name": name, "arguments": "".join(pieces)}}
        for call_id, name, pieces in said.calls
    ]
    message = {"role": "assistant", "content": "".join(said.texts), "tool_calls": calls}
    choice = {"index": 0, "finish_reason": _finish(said), "message": message}
    return {"id": "r1", "object": "chat.completion", "choices": [choice], "usage": _USAGE}


def _chat_events(said: Said) -> list[Any]:
    def event(delta: Any, finish: str | None = None) -> Any:
        return {"id": "r1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    found = [event({"content": text}) for text in said.texts]
    for index, (call_id, name, pieces) in enumerate(said.calls):
        for number, piece in enumerate(pieces):
            function = {"name": name, "arguments": piece} if not number else {"arguments": piece}
            named = {"id": call_id} if not number else {}
            found.append(event({"tool_calls": [{"index": index, **named, "function": function}]}))
    return [*found, {**event({}, _finish(said)), "usage": _USAGE}]


def _items(said: Said) -> list[Any]:
    items: list[Any] = []
    if said.texts:
        content = [{"type": "output_text", "text": "".join(said.texts), "annotations": []}]
        items.append({"type": "message", "id": "msg_1", "role": "assistant", "content": content})
    for call_id, name, pieces in said.calls:
        call = {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": name}
        items.append({**call, "arguments": "".join(pieces), "status": "completed"})
    return items


def _responses(said: Said) -> Any:
    return {"id": "r1", "status": "completed", "output": _items(said), "usage": _USAGE}


def _responses_events(said: Said) -> list[Any]:
    found: list[Any] = []
    for index, item in enumerate(_items(said)):
        place = {"output_index": index, "content_index": 0}
        found.append(
            {"type": "response.output_item.added", **place, "item": {**item, "content": [], "arguments": ""}}
        )
        if item["type"] == "message":
            found += [{"type": "response.output_text.delta", **place, "delta": text} for text in said.texts]
        else:
            pieces = said.calls[index - bool(said.texts)][2]
            kind = "response.function_call_arguments.delta"
            found += [{"type": kind, **place, "delta": piece} for piece in pieces]
        found.append({"type": "response.output_item.done", **place, "item": item})
    return [*found, {"type": "response.completed", "response": _responses(said)}]


def _parsed(pieces: Sequence[str]) -> Any:
    return json.loads("".join(pieces) or "{}")


def _claude(said: Said) -> Any:
    texts = [{"type": "text", "text": "".join(said.texts)}] if said.texts else []
    calls = [
        {"type": "tool_use", "id": call_id, "name": name, "input": _parsed(pieces)}
        for call_id, name, pieces in said.calls
    ]
    stop = "tool_use" if said.calls else "end_turn"
    message = {"id": "r1", "type": "message", "role": "assistant", "content": [*texts, *calls], "model": "m"}
    return {**message, "stop_reason": stop, "usage": _USAGE}


def _claude_events(said: Said) -> list[Any]:
    found: list[Any] = [{"type": "message_start", "message": {**_claude(Said()), "usage": _USAGE}}]
    blocks: list[tuple[Any, list[Any]]] = []
    if said.texts:
        deltas = [{"type": "text_delta", "text": text} for text in said.texts]
        blocks.append(({"type": "text", "text": ""}, deltas))
    for call_id, name, pieces in said.calls:
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        blocks.append(({"type": "tool_use", "id": call_id, "name": name, "input": {}}, deltas))
    for index, (block, deltas) in enumerate(blocks):
        found.append({"type": "content_block_start", "index": index, "content_block": block})
        found += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        found.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": "tool_use" if said.calls else "end_turn"}
    return [*found, {"type": "message_delta", "delta": stop, "usage": _USAGE}, {"type": "message_stop"}]


def _gemini_calls(said: Said) -> list[Any]:
    return [
        {"functionCall": {"id": call_id, "name": name, "args": _parsed(pieces)}}
        for call_id, name, pieces in said.calls
    ]


def _gemini(said: Said) -> Any:
    texts = [{"text": "".join(said.texts)}] if said.texts else []
    return _candidate([*texts, *_gemini_calls(said)], "STOP")


def _gemini_events(said: Said) -> list[Any]:
    parts = [{"text": text} for text in said.texts] + _gemini_calls(said)
    return [*(_candidate([part]) for part in parts), _candidate([], "STOP")]


def _candidate(parts: list[Any], finish: str | None = None) -> Any:
    ended = {"finishReason": finish} if finish else {}
    usage = {"usageMetadata": _USAGE} if finish else {}
    return {"responseId": "r1", "candidates": [{"content": {"role": "model", "parts": parts}, **ended}], **usage}

"""Counting input tokens: ``POST /v1/responses/input_tokens``.

There is no such endpoint for chat completions; this one takes the same conversation in the items of the
Responses API, so a request is written for chat first and its messages are then said in those. It is sent over
the session's own HTTP client: the official one (mistralai 3.7.0) leaves out ``text``, the form of the answer,
when it writes this request, and adds ``null`` fields to every item.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from modelyard.provider import (
    HttpFailure,
    InvalidResponseError,
    JsonObject,
    ModelCard,
    Request,
    WireRequest,
    count,
    decode_json,
)
from modelyard_mistral.chunks import text_chunk
from modelyard_mistral.request import build_chat_request

if TYPE_CHECKING:
    from modelyard_mistral.session import MistralSession

__all__ = ["count_tokens", "counting_body"]

_ABSENT = (404, 405)
"""What a server answers that does not have the endpoint."""


async def count_tokens(session: MistralSession, request: Request, card: ModelCard) -> int | None:
    """The input tokens of a request; ``None`` where the endpoint, or a kind of content, is not there to count."""
    body = counting_body(build_chat_request(request, card).body)
    if body is None:
        return None
    try:
        response = await session.send(WireRequest("/responses/input_tokens", body), stream=False)
    except HttpFailure as failure:
        if failure.status in _ABSENT:
            return None
        raise
    try:
        counted = count(decode_json(await session.read(response)), "input_tokens")
    finally:
        await response.aclose()
    if counted is None:
        raise InvalidResponseError("The answer to a count of tokens holds no count.")
    return counted


def counting_body(chat: JsonObject) -> JsonObject | None:
    """The fields of a count for the body of a chat request; ``None`` when no item can hold it, as with audio."""
    items = [item for at, message in enumerate(chat["messages"]) for item in _items(message, at)]
    if not items or any(item is None for item in items):
        return None
    body: JsonObject = {"model": chat["model"], "input": items}
    if "tools" in chat:
        body["tools"] = [{"type": "function", **tool["function"]} for tool in chat["tools"]]
    if "tool_choice" in chat:
        body["tool_choice"] = _choice(chat["tool_choice"])
    if "parallel_tool_calls" in chat:
        body["parallel_tool_calls"] = chat["parallel_tool_calls"]
    if "reasoning_effort" in chat:
        body["reasoning"] = {"effort": chat["reasoning_effort"]}
    if "response_format" in chat:
        body["text"] = {"format": _format(chat["response_format"])}
    return body


def _items(message: JsonObject, at: int) -> Iterator[JsonObject | None]:
    """The items of a message; ``None`` stands for content that no item holds."""
    role, content = message["role"], message.get("content")
    if role == "tool":
        yield {"type": "function_call_output", "call_id": message["tool_call_id"], "output": content}
        return
    if role == "assistant":
        yield from _said(content, at)
    else:
        parts: Any = content if isinstance(content, str) else [_part(chunk) for chunk in content or ()]
        yield (
            None
            if isinstance(parts, list) and None in parts
            else {"type": "message", "role": role, "content": parts}
        )
    for call in message.get("tool_calls", ()):
        called = {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
        yield {"type": "function_call", "call_id": call["id"], **called}


def _said(content: Any, at: int) -> Iterator[JsonObject]:
    """An assistant's words: its thinking, then its text; references stand for nothing by themselves."""
    chunks: list[JsonObject] = [text_chunk(content)] if isinstance(content, str) else content or []
    thoughts = [item for chunk in chunks for item in chunk.get("thinking", ()) if item.get("type") == "text"]
    if thoughts:
        texts = [{"type": "reasoning_text", "text": item["text"]} for item in thoughts]
        yield {"type": "reasoning", "id": f"rs_{at}", "summary": [], "content": texts}
    text = "".join(chunk["text"] for chunk in chunks if chunk.get("type") == "text")
    if text:
        yield {"type": "message", "role": "assistant", "content": text}


def _part(chunk: JsonObject) -> JsonObject | None:
    kind = chunk["type"]
    if kind == "text":
        return {"type": "input_text", "text": chunk["text"]}
    if kind == "image_url":
        image = chunk["image_url"]
        url, detail = (image, "auto") if isinstance(image, str) else (image["url"], image["detail"])
        return {"type": "input_image", "image_url": url, "detail": detail}
    if kind == "file":
        return {"type": "input_file", "file_id": chunk["file_id"]}
    if kind == "document_url":
        url = chunk["document_url"]
        source = {"file_data": url} if url.startswith("data:") else {"file_url": url}
        named = {"filename": chunk["document_name"]} if "document_name" in chunk else {}
        return {"type": "input_file", **source, **named}
    return None


def _choice(choice: str | JsonObject) -> str | JsonObject:
    if isinstance(choice, dict):
        return {"type": "function", "name": choice["function"]["name"]}
    return "required" if choice == "any" else choice


def _format(form: JsonObject) -> JsonObject:
    return {"type": form["type"], **form.get("json_schema", {})}

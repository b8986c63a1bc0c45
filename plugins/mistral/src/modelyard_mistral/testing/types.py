"""Holding requests to the official client's own types, which are generated from Mistral's API description.

The types let unknown fields and kinds of content pass, for the client must read what comes later; the API refuses
them. So a body must also come out of the types as it went in, and every word of a list must be one they know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelyard.provider import JsonObject
from modelyard.testing import Rejection

__all__ = ["check_types", "find_faults"]


def check_types(body: JsonObject) -> None:
    """Reject a body that does not fit; imports the client on first use."""
    faults = find_faults(body)
    if faults:
        raise Rejection(f"body.{faults[0]} (by the official client's types)", 422)


def find_faults(body: JsonObject) -> list[str]:
    """Find what is wrong with the body of a chat request, or of a count of tokens: one text for each fault."""
    from mistralai.client import models
    from pydantic import BaseModel, ValidationError

    counting = "input" in body
    kind: type[BaseModel] = models.CountResponseInputTokensRequest
    if not counting:
        kind = models.ChatCompletionStreamRequest if body.get("stream") else models.ChatCompletionRequest
    try:
        request = kind.model_validate(body, extra="forbid")
    except ValidationError as error:
        found = error.errors(include_url=False)
        return [f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}" for fault in found]
    faults = [f"{word!r} is a word the client does not know" for word in _unknown_words(request)]
    if counting:  # the client writes this request with other fields than it read
        return faults
    read = request.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return faults + [f"{name} is read as {read.get(name)!r}" for name in body if read.get(name) != body[name]]


def _unknown_words(value: Any) -> Iterator[str]:
    from mistralai.client.types.basemodel import UnrecognizedStr
    from pydantic import BaseModel

    if isinstance(value, UnrecognizedStr):
        yield str(value)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _unknown_words(getattr(value, name))
    elif isinstance(value, list):
        for item in value:
            yield from _unknown_words(item)

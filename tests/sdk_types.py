"""Holding requests to the types the official SDKs publish for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

__all__ = ["check_request_types"]


def check_request_types(provider: str, body: Mapping[str, Any]) -> None:
    """Fail for a body that is no request by the types of a provider's SDK."""
    try:
        _validate(provider, body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = [step if isinstance(step, int) else str(step)[:40] for step in first["loc"]]
        raise AssertionError(f"{where}: {first['msg']} in {body}") from None


def _validate(provider: str, body: Mapping[str, Any]) -> None:
    if provider == "gemini":
        from google.genai import types

        for content in body["contents"]:
            types.Content.model_validate(content)
    elif provider == "mistral":
        from mistralai.client import models

        models.ChatCompletionRequest.model_validate(body)
    else:
        _exhaust(_adapter(provider).validate_python(body))


@cache
def _adapter(provider: str) -> TypeAdapter[Any]:
    if provider == "claude":
        from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

        return TypeAdapter(MessageCreateParamsNonStreaming)
    from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming

    return TypeAdapter(ResponseCreateParamsNonStreaming)


def _exhaust(value: Any) -> None:
    """Go through a validated value: what a type calls an iterable is validated only when it is taken."""
    if isinstance(value, Mapping):
        for item in value.values():
            _exhaust(item)
    elif not isinstance(value, (str, bytes)) and isinstance(value, Iterable):
        for item in value:
            _exhaust(item)

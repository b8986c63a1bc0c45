"""JSON in and out, at the speed of pydantic's parser, with the standard library as the forgiving second."""

from __future__ import annotations

import json
from typing import Any

import pydantic_core

from modelyard.errors import InvalidRequestError
from modelyard.types.base import JsonObject

__all__ = ["encode_json", "parse_json"]


def encode_json(body: JsonObject) -> bytes:
    """The body of a request as JSON; raises ``InvalidRequestError`` for what JSON cannot carry."""
    try:
        return pydantic_core.to_json(body)
    except (ValueError, TypeError) as error:
        raise InvalidRequestError(f"The request cannot be written as JSON: {error}.") from None


def parse_json(data: bytes | str) -> Any:
    """The value a JSON text says; raises ``ValueError`` for text that is no JSON.

    Half of a surrogate pair, which providers do send where a delta cuts an emoji in two, is let through.
    """
    try:
        return pydantic_core.from_json(data)
    except ValueError:
        pass
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None

"""The options of a run in a form that can be stored, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, Final

import pydantic_core
from pydantic import BaseModel, ValidationError

from modelyard.credentials.known_secrets import option_secrets
from modelyard.types.base import JsonObject
from modelyard.types.controls import OutputFormat

__all__ = ["keep_options"]

_NEVER: Final = frozenset({"credential"})


def keep_options(options: Mapping[str, Any]) -> tuple[JsonObject, tuple[str, ...]]:
    """The options as JSON data, and the names of those left out: secrets, and what JSON cannot carry."""
    kept: JsonObject = {}
    left_out: list[str] = []
    for name, value in options.items():
        if value is None:
            continue
        if name in _NEVER or (name == "provider_options" and any(option_secrets(value))):
            left_out.append(name)
            continue
        try:
            kept[name] = pydantic_core.from_json(pydantic_core.to_json(_plain(name, value)))
        except (TypeError, ValueError):
            left_out.append(name)
    return kept, tuple(sorted(left_out))


def _plain(name: str, value: Any) -> Any:
    if name == "output" and not isinstance(value, BaseModel):
        try:
            value = OutputFormat.model_validate(value)
        except ValidationError:
            raise TypeError from None
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value

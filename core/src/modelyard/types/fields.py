"""Fields of a request that a plugin can be taken to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from modelyard.types.provider import ProviderInfo

__all__ = ["CORE_FIELDS", "FIELDS_OF_API", "fields_of_api", "taken_by"]

CORE_FIELDS: Final = frozenset({"model", "messages", "stream", "provider_options", "on_unsupported", "history"})
"""Fields that every plugin gets, declared or not: the conversation, the way back, and what the core acts on."""

FIELDS_OF_API: Final[Mapping[int, frozenset[str]]] = {
    1: frozenset(
        {
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "output",
            "reasoning",
            "verbosity",
            "max_output_tokens",
            "temperature",
            "top_p",
            "top_k",
            "stop",
            "seed",
            "frequency_penalty",
            "presence_penalty",
            "top_logprobs",
            "metadata",
            "user",
            "service_tier",
            "cache_key",
        }
    ),
}
"""The fields that came with each version of the plugin API.

A plugin that declares none counts as taking those of its version and of the ones before. A field added to
``Request`` goes under the next version, though the API keeps its number until then: no plugin of today knows it.
"""


def fields_of_api(version: float) -> frozenset[str]:
    """Return the fields a plugin written for a version of the API can know."""
    return frozenset().union(*(fields for since, fields in FIELDS_OF_API.items() if since <= version))


def taken_by(info: ProviderInfo, version: int) -> frozenset[str]:
    """Return the fields that may stand in a request for a plugin written for a version of the API."""
    declared = fields_of_api(version) - info.absent.keys() if info.fields is None else frozenset(info.fields)
    return CORE_FIELDS | declared

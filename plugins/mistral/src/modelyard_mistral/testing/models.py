"""The models the emulator lists, in the shape of ``GET /v1/models``."""

from __future__ import annotations

from typing import Any

from modelyard.provider import JsonObject

__all__ = ["LISTED"]


def _listed(model: str, window: int, *names: str, **facts: Any) -> JsonObject:
    able = {"completion_chat": True, "function_calling": True, "vision": True, "completion_fim": False}
    card = {"id": model, "object": "model", "created": 1_790_000_000, "owned_by": "mistralai", "type": "base"}
    return {**card, "capabilities": able, "max_context_length": window, "aliases": list(names), **facts}


LISTED: list[JsonObject] = [
    _listed("mistral-medium-2604", 262_144, "mistral-medium-3-5", "mistral-medium-latest"),
    _listed("mistral-medium-latest", 262_144, "mistral-medium-3-5", "mistral-medium-2604"),
    _listed("mistral-next-2611", 524_288, "mistral-next-latest", name="Mistral Next"),
    _listed(
        "mistral-large-2512",
        262_144,
        deprecation="2027-03-31T12:00:00Z",
        deprecation_replacement_model="mistral-large-4",
    ),
    {"id": "mistral-embed", "object": "model", "type": "base", "capabilities": {"completion_chat": False}},
]
"""Answer of ``/v1/models``: aliases as models of their own, one without a card, one to end, one that is no chat
model."""

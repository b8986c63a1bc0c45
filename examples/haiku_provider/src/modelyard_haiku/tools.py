"""Tools: the poet has none, and a request that needs some is refused before it is sent."""

from __future__ import annotations

from modelyard.provider import JsonObject, ModelCard, Request, UnsupportedFeatureError

__all__ = ["tool_fields"]


def tool_fields(request: Request, card: ModelCard) -> JsonObject:
    """Refuse a request with tools by ``UnsupportedFeatureError``; write nothing for others."""
    if request.tools:
        hint = "Choose a model that calls tools."
        raise UnsupportedFeatureError(f"{card.ref} calls no tools.", feature="tools", model=card.ref, hint=hint)
    return {}

"""Asking Google which models a key can use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelyard.provider import (
    Capability,
    CapabilityName,
    Cursors,
    InvalidResponseError,
    JsonObject,
    ModelCard,
    ModelLimits,
    Source,
    count,
)
from modelyard_gemini.request import wire_model

if TYPE_CHECKING:
    from modelyard_gemini.session import GeminiSession

__all__ = ["list_models"]

_PAGE = 1000
"""The most models Google gives at once."""
_SOURCE = ("Google's list of models (models.list)", "https://ai.google.dev/api/models")


async def list_models(session: GeminiSession) -> Sequence[ModelCard]:
    """The models that generate content, with the limits Google states; every page of the list.

    Raises ``InvalidResponseError`` for a list of another shape, or one without end.
    """
    cards: list[ModelCard] = []
    cursors, token = Cursors(session.bounds.list_pages), ""
    while True:
        more = f"&pageToken={quote(token, safe='')}" if token else ""
        page = await session.ask("GET", f"/models?pageSize={_PAGE}{more}")
        entries = page.get("models") or []
        if not isinstance(entries, list):
            raise InvalidResponseError("The list of models is no list.")
        cards += [_card(entry) for entry in entries if _generates(entry)]
        if not page.get("nextPageToken"):
            return cards
        token = cursors.follow(page["nextPageToken"])


def _generates(entry: Any) -> bool:
    methods = entry.get("supportedGenerationMethods") if isinstance(entry, dict) else None
    return isinstance(methods, list) and "generateContent" in methods and isinstance(entry.get("name"), str)


def _card(entry: JsonObject) -> ModelCard:
    model = wire_model(entry["name"])
    label = entry.get("displayName")
    capabilities: dict[CapabilityName, Capability] = {}
    if "thinking" in entry:
        capabilities["reasoning"] = Capability(state="supported" if entry["thinking"] is True else "unsupported")
    title, url = _SOURCE
    source = Source(title=title, url=url, as_of=date.today())
    return ModelCard(
        provider="gemini",
        id=model,
        label=label if isinstance(label, str) and label else model,
        aliases=(f"models/{model}",),
        limits=ModelLimits(
            max_input_tokens=count(entry, "inputTokenLimit"), max_output_tokens=count(entry, "outputTokenLimit")
        ),
        capabilities=capabilities,
        sources={"limits": source, "capabilities": source} if capabilities else {"limits": source},
    )

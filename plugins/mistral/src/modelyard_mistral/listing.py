"""Listing the models Mistral serves now: ``GET /v1/models``, through the official client."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from modelyard.provider import Capability, CapabilityName, Lifecycle, ModelCard, ModelLimits, load_cards

if TYPE_CHECKING:
    from modelyard_mistral.session import MistralSession

__all__ = ["card_of", "list_models"]

_CAPABILITIES: tuple[tuple[str, CapabilityName], ...] = (
    ("function_calling", "tools"),
    ("vision", "images"),
    ("audio", "audio"),
    ("reasoning", "reasoning"),
)
"""Mistral's words for what a model can do, and ours."""


async def list_models(session: MistralSession) -> Sequence[ModelCard]:
    """A card for each chat model served now, once for all the names it is listed under.

    What the provider says of a model is laid over the card shipped for it; of a model without one, only what
    the provider says is known. Mistral lists every alias as a model of its own.
    """
    client = await session.client()
    listed = await client.models.list_async()
    shipped = {name: card for card in load_cards("modelyard_mistral", "mistral") for name in _names(card)}
    found: dict[str, ModelCard] = {}
    entries: Iterable[Any] = listed.data or ()  # kinds of entry the client does not know have no capabilities
    for entry in entries:
        if not getattr(getattr(entry, "capabilities", None), "completion_chat", False):
            continue
        names = (entry.id, *(entry.aliases or ()))
        known = next((card for name in names if (card := found.get(name) or shipped.get(name))), None)
        card = card_of(entry, known)
        found.update(dict.fromkeys(_names(card), card))
    return tuple({card.id: card for card in found.values()}.values())


def card_of(entry: Any, known: ModelCard | None) -> ModelCard:
    """The card for a listed model, an official ``BaseModelCard`` or ``FTModelCard``."""
    card = known or ModelCard(provider="mistral", id=entry.id, label=_text(entry.name) or entry.id)
    names = _names(card)
    # The official client fills in abilities (`False`) and a window (32,768) that the server did not speak of.
    able = entry.capabilities
    told = {name: _state(getattr(able, word)) for word, name in _CAPABILITIES if word in able.model_fields_set}
    return card.model_copy(
        update={
            "aliases": (*card.aliases, *(name for name in _distinct(entry) if name not in names)),
            "limits": _limits(entry, card.limits),
            "capabilities": {**card.capabilities, **told},
            "lifecycle": _lifecycle(entry, card.lifecycle),
        }
    )


def _names(card: ModelCard) -> tuple[str, ...]:
    return (card.id, *card.aliases)


def _distinct(entry: Any) -> Iterable[str]:
    return dict.fromkeys((entry.id, *(entry.aliases or ())))


def _state(able: object) -> Capability:
    return Capability(state="supported" if able else "unsupported")


def _limits(entry: Any, limits: ModelLimits) -> ModelLimits:
    if "max_context_length" not in entry.model_fields_set:
        return limits
    return limits.model_copy(update={"context_window": entry.max_context_length})


def _lifecycle(entry: Any, lifecycle: Lifecycle) -> Lifecycle:
    """The date of ``deprecation`` is that of the removal, as the official client words it in its warning."""
    ends = getattr(entry.deprecation, "date", None)
    if not callable(ends):
        return lifecycle
    day: date = ends()
    replacement = _text(entry.deprecation_replacement_model) or lifecycle.replacement
    return lifecycle.model_copy(update={"retires": day, "replacement": replacement})


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

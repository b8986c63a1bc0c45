"""Listing the models Mistral serves now: ``GET /v1/models``, through the official client."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from modelyard.catalog.capability import Capability, CapabilityName
from modelyard.catalog.card import Lifecycle, Limits, ModelCard
from modelyard.catalog.loader import load_cards

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
    told = {name: _state(getattr(entry.capabilities, word, None)) for word, name in _CAPABILITIES}
    return card.model_copy(
        update={
            "aliases": (*card.aliases, *(name for name in _distinct(entry) if name not in names)),
            "limits": _limits(entry, card.limits),
            "capabilities": {**card.capabilities, **{name: state for name, state in told.items() if state}},
            "lifecycle": _lifecycle(entry, card.lifecycle),
        }
    )


def _names(card: ModelCard) -> tuple[str, ...]:
    return (card.id, *card.aliases)


def _distinct(entry: Any) -> Iterable[str]:
    return dict.fromkeys((entry.id, *(entry.aliases or ())))


def _state(flag: object) -> Capability | None:
    """A flag as a capability; the official client fills in ``False`` for one that was not sent."""
    return Capability(state="supported" if flag else "unsupported") if isinstance(flag, bool) else None


def _limits(entry: Any, limits: Limits) -> Limits:
    # The official client fills in 32,768 where the server says nothing.
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

"""The models Anthropic serves now, as cards: ``GET /v1/models`` through the SDK."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from modelyard.provider import (
    Cursors,
    InvalidResponseError,
    JsonObject,
    Lifecycle,
    ModelCard,
    ModelLimits,
    Reasoning,
    Source,
    count,
)

if TYPE_CHECKING:
    from anthropic.resources import AsyncModels

__all__ = ["PAGE_SIZE", "card_of", "read_models"]

PAGE_SIZE = 1000
"""The most entries the endpoint gives at once."""

_CAPABILITIES = {
    "images": "image_input",
    "files": "pdf_input",
    "structured_output": "structured_outputs",
    "strict_tools": "structured_outputs",
    "reasoning": "thinking",
}
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_THINKING = ("adaptive", "enabled", "disabled", "between_tools")


async def read_models(models: AsyncModels, most_pages: int) -> tuple[ModelCard, ...]:
    """The cards of every page of the SDK's list, in its order, newest first.

    Raises ``InvalidResponseError`` for a list of another shape, or one without end.
    """
    cards: list[ModelCard] = []
    cursors = Cursors(most_pages)
    page = await models.list(limit=PAGE_SIZE)
    while True:
        entries: Any = page.data  # the SDK takes what the server sends
        if not isinstance(entries, list):
            raise InvalidResponseError("The list of models holds no data.")
        cards += [card_of(_plain(entry)) for entry in entries]
        if not page.has_next_page():
            return tuple(cards)
        cursors.follow(page.last_id)
        page = await page.get_next_page()


def _plain(entry: Any) -> JsonObject:
    plain: JsonObject = entry.to_dict(mode="json") if hasattr(entry, "to_dict") else {}
    return plain


def card_of(entry: JsonObject) -> ModelCard:
    """The card of an entry: what it says, and ``unknown`` for the rest.

    Raises ``InvalidResponseError`` for an entry that names no model.
    """
    model = entry.get("id")
    if not isinstance(model, str) or not model:
        raise InvalidResponseError("An entry of the list of models has no id.")
    said = _object(entry, "capabilities")
    thinking = _object(_object(said, "thinking"), "types")
    types = [kind for kind in _THINKING if _supports(thinking, kind)]
    source = Source(title="Anthropic, GET /v1/models", as_of=date.today())
    return ModelCard(
        provider="claude",
        id=model,
        label=str(entry.get("display_name") or model),
        limits=ModelLimits(
            context_window=count(entry, "max_input_tokens"), max_output_tokens=count(entry, "max_tokens")
        ),
        capabilities={ours: _state(said, theirs) for ours, theirs in _CAPABILITIES.items() if theirs in said},
        reasoning=_reasoning(said, types),
        rules={"thinking_types": types} if types else {},
        lifecycle=Lifecycle(
            released=_day(entry, "created_at"),
            deprecated=_day(entry, "deprecated_at"),
            retires=_day(entry, "retires_at"),
        ),
        sources={"limits": source, "capabilities": source, "reasoning": source, "lifecycle": source},
    )


def _reasoning(said: JsonObject, types: list[str]) -> Reasoning:
    effort = _object(said, "effort")
    control = "adaptive" if "adaptive" in types else "budget" if "enabled" in types else None
    return Reasoning.model_validate(
        {"control": control, "efforts": [word for word in _EFFORTS if _supports(effort, word)]}
    )


def _state(said: JsonObject, name: str) -> Any:
    return "supported" if _supports(said, name) else "unsupported"


def _supports(holder: JsonObject, name: str) -> bool:
    return _object(holder, name).get("supported") is True


def _object(holder: JsonObject, name: str) -> JsonObject:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _day(entry: JsonObject, name: str) -> date | None:
    """The day of a moment; an unknown one is given as the beginning of the epoch."""
    try:
        day = datetime.fromisoformat(str(entry.get(name))).date()
    except ValueError:
        return None
    return day if day.year > 1970 else None

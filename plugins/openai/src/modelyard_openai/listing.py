"""The models a server lists: ``GET /models``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from modelyard.provider import InvalidResponseError, JsonObject, Lifecycle, ModelCard, Source

__all__ = ["listed_cards"]


def listed_cards(answer: JsonObject) -> Sequence[ModelCard]:
    """Cards of a list of models, unknown but for the date they shut down: the list says nothing else.

    Entries of another shape are left out. Raises ``InvalidResponseError`` for an answer that is no list.
    """
    entries = answer.get("data")
    if not isinstance(entries, list):
        raise InvalidResponseError("The list of models holds no data.")
    source = Source(title="OpenAI GET /models", as_of=datetime.now(UTC).date())
    return [_card(entry, source) for entry in entries if isinstance(entry, dict) and _name(entry)]


def _name(entry: JsonObject) -> str | None:
    name = entry.get("id")
    return name if isinstance(name, str) and name else None


def _card(entry: JsonObject, source: Source) -> ModelCard:
    name, retires = entry["id"], _date(entry.get("shutdown_date"))
    return ModelCard(
        provider="openai",
        id=name,
        label=name,
        lifecycle=Lifecycle(retires=retires),
        sources={"lifecycle": source} if retires is not None else {},
    )


def _date(value: Any) -> date | None:
    """The day of a date or time as text; ``None`` for anything else."""
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None

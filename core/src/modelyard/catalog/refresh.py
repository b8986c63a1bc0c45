"""Lists that providers give of their own models, asked for by the host, and kept on disk with their date."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from modelyard.catalog.card import Group, ModelCard, ModelKind, Source
from modelyard.files import UnreadableError, read_json
from modelyard.log import logger

if TYPE_CHECKING:
    from modelyard.types.base import JsonObject

__all__ = ["Listed", "RefreshFile", "Refreshed", "compare", "merge_listed"]

_VERSION: Final = 1
_TOLD: Final = ("id", "label", "kind", "aliases", "limits", "capabilities", "lifecycle")
"""What a provider's list may speak of; the rest of a card is never taken from it."""
_KINDS: Final[tuple[tuple[str, ModelKind], ...]] = (
    ("embed", "embedding"),
    ("rerank", "rerank"),
    ("moderation", "moderation"),
    ("tts", "speech"),
    ("whisper", "speech"),
    ("transcribe", "speech"),
    ("realtime", "speech"),
    ("image", "image"),
    ("dall-e", "image"),
    ("imagen", "image"),
    ("veo", "other"),
    ("sora", "other"),
    ("ocr", "other"),
    ("instruct", "other"),
    ("davinci", "other"),
    ("babbage", "other"),
)
"""Words in the ids of models that do not chat; a list without capabilities says nothing else of them."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One provider's list on one day."""

    day: date
    cards: tuple[ModelCard, ...]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Result of asking one provider for its models.

    ``added`` and ``changed`` are references; ``missing`` are models of the catalog it did not list, which may be
    gone or not open to the account. ``error`` says why it could not be asked.
    """

    provider: str
    day: date
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    error: str | None = None


def merge_listed(cards: Iterable[ModelCard], provider: str, listed: Listed) -> tuple[ModelCard, ...]:
    """Lay a provider's list over the cards at hand; a model without one gets what the list says, and no more."""
    merged: dict[str, ModelCard] = {card.ref: card for card in cards}
    names = {name: card.ref for card in merged.values() if card.provider == provider for name in card.aliases}
    for told in listed.cards:
        ref = told.ref if told.ref in merged else names.get(told.id, told.ref)
        known = merged.get(ref)
        merged[ref] = _new(told, listed.day) if known is None else _laid_over(known, told, listed.day)
    return tuple(merged.values())


def compare(before: Iterable[ModelCard], provider: str, listed: Listed) -> Refreshed:
    """Compare a provider's list with the cards at hand."""
    own = {card.ref: card for card in before if card.provider == provider}
    after = {card.ref: card for card in merge_listed(own.values(), provider, listed)}
    named = {card.id for card in listed.cards} | {name for card in listed.cards for name in card.aliases}
    return Refreshed(
        provider,
        listed.day,
        added=tuple(ref for ref in after if ref not in own),
        changed=tuple(ref for ref, card in own.items() if _facts(card) != _facts(after[ref])),
        missing=tuple(ref for ref, card in own.items() if not {card.id, *card.aliases} & named),
    )


class RefreshFile:
    """The lists on disk. A file that is broken is ignored with a warning: it can be asked for again."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def load(self) -> dict[str, Listed]:
        """The list last kept for each provider."""
        if self._path is None:
            return {}
        if not self._path.exists():
            return {}
        try:
            document = read_json(self._path)
            if document["version"] != _VERSION:
                return self._ignore("it is of another version")
            return {name: _listed(name, entry) for name, entry in document["providers"].items()}
        except UnreadableError as error:
            return self._ignore(error)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ValidationError) as error:
            return self._ignore(f"{type(error).__name__}")

    def save(self, lists: Mapping[str, Listed]) -> None:
        """Keep the lists, the old file standing until the new one is whole; failing to is a warning."""
        if self._path is None:
            return
        document = {"version": _VERSION, "providers": {name: _told(listed) for name, listed in lists.items()}}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=self._path.parent, prefix=".models-", delete=False, encoding="utf-8"
            ) as file:
                json.dump(document, file)
            Path(file.name).replace(self._path)
        except OSError as error:
            logger("catalog").warning(
                "The list of models could not be kept in %s: %s.", self._path, error.strerror
            )

    def _ignore(self, why: object) -> dict[str, Listed]:
        logger("catalog").warning("%s is ignored (%s); refresh the catalog to write it anew.", self._path, why)
        return {}


def _listed(provider: str, entry: JsonObject) -> Listed:
    cards = tuple(ModelCard.model_validate({"provider": provider, **facts}) for facts in entry["models"])
    return Listed(date.fromisoformat(entry["as_of"]), cards)


def _told(listed: Listed) -> JsonObject:
    facts = [
        {name: value for name, value in card.model_dump(mode="json", exclude_none=True).items() if name in _TOLD}
        for card in listed.cards
    ]
    return {"as_of": listed.day.isoformat(), "models": facts}


def _new(told: ModelCard, day: date) -> ModelCard:
    facts = {name: getattr(told, name) for name in _TOLD}
    if told.kind == "chat" and not told.capabilities:
        lowered = told.id.lower()
        facts["kind"] = next((kind for word, kind in _KINDS if word in lowered), "chat")
    return ModelCard.model_validate({"provider": told.provider, **facts, "sources": _sources(told, day)})


def _laid_over(known: ModelCard, told: ModelCard, day: date) -> ModelCard:
    changes: dict[str, Any] = {}
    for group in ("limits", "lifecycle"):
        own = getattr(known, group)
        said = {name: value for name, value in getattr(told, group) if value is not None}
        fresh = {name: value for name, value in said.items() if getattr(own, name) != value}
        if fresh:
            changes[group] = own.model_copy(update=fresh)
    states = {
        name: state
        for name, state in told.capabilities.items()
        if state.state != "unknown" and state.state != known.capability(name).state
    }
    if states:
        changes["capabilities"] = {**known.capabilities, **states}
    aliases = tuple(name for name in told.aliases if name not in (known.id, *known.aliases))
    if aliases:
        changes["aliases"] = (*known.aliases, *aliases)
    if not changes:
        return known
    fresh_sources = {name: source for name, source in _sources(told, day).items() if name in changes}
    changes["sources"] = dict(known.sources) | fresh_sources
    return known.model_copy(update=changes)


def _sources(told: ModelCard, day: date) -> dict[Group, Source]:
    source = Source(title=f"the list of models of {told.provider}'s API", as_of=day)
    stated: dict[Group, bool] = {
        "limits": any(value is not None for _, value in told.limits),
        "capabilities": bool(told.capabilities),
        "lifecycle": any(value is not None for _, value in told.lifecycle),
    }
    return {name: source for name, is_stated in stated.items() if is_stated}


def _facts(card: ModelCard) -> JsonObject:
    return card.model_dump(include=set(_TOLD))

"""Compares the shipped cards with the price library and the SDKs installed: ``make catalog-check``.

A model they name without a card is new, a card none of them names is gone, and figures may differ. Each difference
needs a card or a reason in ``catalog_reasons.toml``; a reason that explains nothing any more is reported too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fnmatch import fnmatchcase
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from modelyard import ModelCard, ModelRef, Runtime
from modelyard.catalog.card import PriceStep
from modelyard.catalog.catalog import Catalog
from modelyard.catalog.library_prices import library_price
from modelyard.catalog.pricing import price_at

__all__ = [
    "REASONS",
    "WRITTEN_AGAINST",
    "Difference",
    "Reason",
    "Sources",
    "differences",
    "explain",
    "installed",
    "main",
    "shipped",
]

THEIR_NAMES: Final = {"claude": "anthropic", "gemini": "google", "mistral": "mistral", "openai": "openai"}
AHEAD: Final = timedelta(days=120)
"""Prices announced for the next months are compared too."""

LONG: Final = 1_000_000
"""A long prompt, where a card names no window: some prices have steps by size."""

Kind: TypeAlias = Literal["new", "gone", "price"]


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One thing the cards and the others do not agree on."""

    provider: str
    kind: Kind
    model: str
    said: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why differences are all right; names may have wildcards."""

    provider: str
    kind: Kind
    names: tuple[str, ...]
    why: str

    def covers(self, difference: Difference, name: str) -> bool:
        """Whether one of its names speaks of a difference."""
        same = (self.provider, self.kind) == (difference.provider, difference.kind)
        return same and fnmatchcase(difference.model, name)


@dataclass(frozen=True, slots=True)
class Sources:
    """What the others know: names of models by provider, and the prices of the library."""

    names: Mapping[str, Mapping[str, str]]
    """By provider and model, who names it."""
    price: Callable[[str, str, date, int], PriceStep | None] = library_price


_DOCUMENT: Final = tomllib.loads(Path(__file__).with_name("catalog_reasons.toml").read_text(encoding="utf-8"))
WRITTEN_AGAINST: Final[Mapping[str, str]] = _DOCUMENT["versions"]
REASONS: Final = tuple(
    Reason(entry["provider"], entry["kind"], tuple(entry["names"]), entry["why"]) for entry in _DOCUMENT["reason"]
)


def shipped() -> tuple[ModelCard, ...]:
    """The cards of the four plugins."""
    return tuple(Runtime(plugins=list(THEIR_NAMES), catalog_cache=False).catalog)


def differences(cards: Sequence[ModelCard], sources: Sources, today: date) -> list[Difference]:
    """Everything the cards and the sources do not agree on, in order."""
    catalog = Catalog(cards)
    found = [
        Difference(provider, "new", name, f"named by {who}")
        for provider, names in sources.names.items()
        for name, who in names.items()
        if not catalog.resolve(ModelRef(provider, name)).known
    ]
    for card in cards:
        named = {card.id, *card.aliases} & set(sources.names[card.provider])
        if not named and sources.price(card.provider, card.id, today, 1) is None:
            found.append(Difference(card.provider, "gone", card.id, "no source names it"))
        if odd := "; ".join(_priced_otherwise(card, sources, today)):
            found.append(Difference(card.provider, "price", card.id, odd))
    return sorted(found)


def _priced_otherwise(card: ModelCard, sources: Sources, today: date) -> Iterator[str]:
    """What the library says of prices that the card does not, now and soon, for short and long prompts."""
    starts = [step.starts for step in card.prices if step.starts is not None and step.starts > today]
    sizes = {1, card.limits.context_window or LONG, *(step.above_input_tokens + 1 for step in card.prices)}
    said: set[str] = set()
    for day, size in product(sorted({today, today + AHEAD, *starts}), sorted(sizes)):
        theirs = sources.price(card.provider, card.id, day, size)
        if theirs is None or not theirs.input:  # a price for something else than tokens
            continue
        ours = price_at(card.prices, day, size)
        for name in _figures(ours):
            here, there = getattr(ours, name, None), round(getattr(theirs, name), 6)
            if here != there and name not in said:
                said.add(name)
                yield f"{name} {here}, theirs {there} (on {day}, prompt of {size})"


def _figures(ours: PriceStep | None) -> Iterator[str]:
    """The figures to compare: a card without a price for cached tokens says nothing about them."""
    yield from ("input", "output")
    if ours is not None and ours.cache_read is not None:
        yield "cache_read"


def explain(
    found: Iterable[Difference], reasons: Sequence[Reason]
) -> tuple[list[Difference], list[tuple[Reason, str]]]:
    """The differences no reason covers, and the names in reasons that cover none."""
    found = list(found)
    stated = [(reason, name) for reason in reasons for name in reason.names]
    open_ = [one for one in found if not any(reason.covers(one, name) for reason, name in stated)]
    idle = [(reason, name) for reason, name in stated if not any(reason.covers(one, name) for one in found)]
    return open_, idle


def installed() -> Sources:
    """What the installed libraries name."""
    return Sources(
        {
            provider: {**dict.fromkeys(_library_names(theirs), "genai-prices"), **_sdk_names(provider)}
            for provider, theirs in THEIR_NAMES.items()
        }
    )


def _library_names(provider: str) -> Iterator[str]:
    from genai_prices.data import providers

    for model in next(each for each in providers if each.id == provider).models:
        yield model.id
        yield from _equals(model.match)


def _equals(clause: Any) -> Iterator[str]:
    """The exact names in a clause that says which names are a model's."""
    if name := getattr(clause, "equals", None):
        yield name
    for part in (*getattr(clause, "or_", ()), *getattr(clause, "and_", ())):
        yield from _equals(part)


def _sdk_names(provider: str) -> dict[str, str]:
    if provider == "claude":
        from anthropic.types.model import Model

        return dict.fromkeys(_literals(Model), "anthropic")
    if provider == "openai":
        from openai.types.shared import AllModels

        return dict.fromkeys(_literals(AllModels), "openai")
    if provider == "gemini":
        from google.genai._gaos.types.interactions.model import Model as GeminiModel

        return dict.fromkeys(_literals(GeminiModel), "google-genai")
    return {}


def _literals(kind: object) -> Iterator[str]:
    for argument in get_args(kind):
        if isinstance(argument, str):
            yield argument
        else:
            yield from _literals(argument)


def main() -> int:
    """Print what is open; how many lines need a card or a reason."""
    cards = shipped()
    found = differences(cards, installed(), date.today())
    open_, idle = explain(found, REASONS)
    for name, known in WRITTEN_AGAINST.items():
        print(f"{name} {version(name)} (the reasons were written against {known})")
    for one in open_:
        print(f"{one.kind:5} {one.provider}:{one.model}  {one.said}")
    for reason, name in idle:
        print(f"idle  {reason.provider}:{name}  a reason ({reason.kind}) that explains nothing any more")
    print(f"{len(cards)} cards, {len(found)} differences, {len(open_)} of them open, {len(idle)} idle reasons")
    return len(open_) + len(idle)


if __name__ == "__main__":
    raise SystemExit(min(main(), 1))

"""Costs of answers: dated price steps of a card, or those of the ``genai-prices`` library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from modelyard.catalog.card import ModelCard, PriceStep
from modelyard.types.cost import Cost

if TYPE_CHECKING:
    from modelyard.types.usage import Usage

__all__ = ["CardPrices", "cost_of", "price_at", "price_of"]

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class CardPrices:
    """Prices a usage on a day by the card of a model; see ``cost_of``."""

    card: ModelCard

    def __call__(self, usage: Usage, day: date) -> tuple[Cost | None, str | None]:
        return cost_of(usage, self.card, day)


def price_at(prices: Sequence[PriceStep], day: date, input_tokens: int) -> PriceStep | None:
    """The step in force on a day for a prompt of a size; ``None`` before the first."""
    if len(prices) == 1 and prices[0].starts is None and prices[0].above_input_tokens == 0:
        return prices[0]
    begun = [step for step in prices if step.starts is None or step.starts <= day]
    fitting = [step for step in begun if step.above_input_tokens < max(input_tokens, 1)]
    return max(fitting, key=lambda step: (step.starts or date.min, step.above_input_tokens), default=None)


def price_of(card: ModelCard, day: date, input_tokens: int = 1) -> PriceStep | None:
    """The price of a model: its card's, else the library's where it is installed; ``None`` when unknown."""
    if card.prices:
        return price_at(card.prices, day, input_tokens)
    from modelyard.catalog.library_prices import library_price

    return library_price(card.provider, card.id, day, input_tokens)


def cost_of(usage: Usage, card: ModelCard, day: date) -> tuple[Cost | None, str | None]:
    """Compute the cost of an answer, or say why it cannot be known.

    Returns the cost and ``None``, or ``None`` and the reason in a sentence. Cached tokens without a
    price of their own are charged as plain input, which is never too low for reads. Tokens written to a cache
    for an hour have a price of their own; without one they are charged like other writes.
    """
    if usage.input_tokens is None or usage.output_tokens is None:
        return None, "the provider sent no usage"
    step = price_of(card, day, usage.input_tokens)
    if step is None:
        return None, _unknown(card, day)
    title, as_of = _source(card)
    plain, read, written, output = _parts(usage, step, usage.input_tokens, usage.output_tokens)
    total = plain + read + written + output
    return Cost(total, plain, read, written, output, source=title, as_of=as_of), None


def _parts(
    usage: Usage, step: PriceStep, input_tokens: int, output_tokens: int
) -> tuple[float, float, float, float]:
    cached, written = usage.cached_input_tokens or 0, usage.cache_write_tokens or 0
    for_an_hour = min(usage.cache_write_1h_tokens or 0, written)
    read_price = step.input if step.cache_read is None else step.cache_read
    write_price = step.input if step.cache_write is None else step.cache_write
    hour_price = write_price if step.cache_write_1h is None else step.cache_write_1h
    return (
        max(input_tokens - cached - written, 0) * step.input / _MILLION,
        cached * read_price / _MILLION,
        ((written - for_an_hour) * write_price + for_an_hour * hour_price) / _MILLION,
        output_tokens * step.output / _MILLION,
    )


def _source(card: ModelCard) -> tuple[str | None, date | None]:
    source = card.sources.get("prices")
    if card.prices:
        return (source.title, source.as_of) if source else (None, None)
    from modelyard.catalog.library_prices import library_name

    return library_name(), None


def _unknown(card: ModelCard, day: date) -> str:
    if card.prices:
        return f"no price of {card.ref} was in force on {day.isoformat()}"
    from modelyard.catalog.library_prices import library_name

    library = library_name()
    looked = f"{library} does not list it" if library else "the extra 'prices' is not installed"
    return f"no price is known for {card.ref}: its card has none, and {looked}"

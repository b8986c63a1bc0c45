"""What an answer cost, from dated price steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from modelyard.catalog.card import ModelCard, PriceStep
from modelyard.types.usage import Usage

__all__ = ["Cost", "cost_of", "price_at"]

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars for one answer, split as billed; ``source`` and ``as_of`` say whose prices they are."""

    total: float
    input: float
    cached_input: float
    cache_write: float
    output: float
    currency: str = "USD"
    source: str | None = None
    as_of: date | None = None


def price_at(prices: Sequence[PriceStep], day: date, input_tokens: int) -> PriceStep | None:
    """The step in force on a day for a prompt of a size; ``None`` before the first."""
    begun = [step for step in prices if step.starts is None or step.starts <= day]
    fitting = [step for step in begun if step.above_input_tokens < max(input_tokens, 1)]
    return max(fitting, key=lambda step: (step.starts or date.min, step.above_input_tokens), default=None)


def cost_of(usage: Usage, card: ModelCard, day: date) -> tuple[Cost | None, str | None]:
    """Compute the cost of an answer, or say why it cannot be known.

    Returns the cost and ``None``, or ``None`` and the reason in a sentence. Cached tokens without a
    price of their own are charged as plain input, which is never too low.
    """
    if not card.prices:
        return None, f"no price is known for {card.ref}"
    if usage.input_tokens is None or usage.output_tokens is None:
        return None, "the provider sent no usage"
    step = price_at(card.prices, day, usage.input_tokens)
    if step is None:
        return None, f"no price of {card.ref} was in force on {day.isoformat()}"
    cached, written = usage.cached_input_tokens or 0, usage.cache_write_tokens or 0
    plain = max(usage.input_tokens - cached - written, 0)
    source = card.sources.get("prices")
    cached_price = step.input if step.cache_read is None else step.cache_read
    written_price = step.input if step.cache_write is None else step.cache_write
    parts = (
        plain * step.input / _MILLION,
        cached * cached_price / _MILLION,
        written * written_price / _MILLION,
        usage.output_tokens * step.output / _MILLION,
    )
    cost = Cost(
        sum(parts),
        *parts,
        source=source.title if source else None,
        as_of=source.as_of if source else None,
    )
    return cost, None

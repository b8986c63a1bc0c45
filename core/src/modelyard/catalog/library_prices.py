"""Prices of the ``genai-prices`` library, an optional extra, in the form of our price steps."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from modelyard.catalog.card import PriceStep

__all__ = ["library_name", "library_price"]

_THEIR_NAMES: Final = {"claude": "anthropic", "gemini": "google"}


def library_name() -> str | None:
    """The library and its version, ``None`` when it is not installed."""
    try:
        from genai_prices import __version__
    except ModuleNotFoundError:
        return None
    return f"genai-prices {__version__}"


def library_price(provider: str, model: str, day: date, input_tokens: int) -> PriceStep | None:
    """The library's price of a model on a day, for a prompt of a size; ``None`` if it has none.

    Its input tokens have cached ones in them, as ours have, so each price is read off a prompt of one kind.
    """
    try:
        from genai_prices import Usage, calc_price
    except ModuleNotFoundError:
        return None
    from modelyard.catalog.card import PriceStep

    size = max(input_tokens, 1)
    moment = datetime.combine(day, time(12), UTC)

    def per_million(**tokens: int) -> tuple[float, float]:
        found = calc_price(
            Usage(input_tokens=size, **tokens),
            model,
            provider_id=_THEIR_NAMES.get(provider, provider),
            genai_request_timestamp=moment,
        )
        return float(found.input_price) / size * 1e6, float(found.output_price) / size * 1e6

    try:
        plain, output = per_million(output_tokens=size)
        read, _ = per_million(cache_read_tokens=size)
        written, _ = per_million(cache_write_tokens=size)
        for_an_hour, _ = per_million(cache_write_tokens=size, cache_write_1h_tokens=size)
    except LookupError:
        return None
    return PriceStep(input=plain, output=output, cache_read=read, cache_write=written, cache_write_1h=for_an_hour)

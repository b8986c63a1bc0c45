"""Cost of an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from modelyard.types.usage import Usage

__all__ = ["Cost", "Pricer"]


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


Pricer: TypeAlias = Callable[[Usage, date], tuple[Cost | None, str | None]]
"""Prices a usage on a day: the cost and ``None``, or ``None`` and a sentence that says why it is unknown."""

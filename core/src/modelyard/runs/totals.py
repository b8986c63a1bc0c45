"""Adding up what the turns of a run used."""

from __future__ import annotations

from dataclasses import replace

from modelyard.types.cost import Cost
from modelyard.types.usage import Usage

__all__ = ["add_cost", "add_usage"]

_FIGURES = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "total_tokens",
)


def add_usage(total: Usage | None, usage: Usage) -> Usage:
    """The sum; a figure that one turn lacks is ``None``, because the sum of the others would be too low."""
    if total is None:
        return usage.model_copy(update={"raw": {}})
    sums = {}
    for name in _FIGURES:
        one, other = getattr(total, name), getattr(usage, name)
        sums[name] = None if one is None or other is None else one + other
    return Usage(**sums)


def add_cost(total: Cost | None, cost: Cost) -> Cost:
    """The sum, under the source of the later one."""
    if total is None:
        return cost
    return replace(
        cost,
        total=total.total + cost.total,
        input=total.input + cost.input,
        cached_input=total.cached_input + cost.cached_input,
        cache_write=total.cache_write + cost.cache_write,
        output=total.output + cost.output,
    )

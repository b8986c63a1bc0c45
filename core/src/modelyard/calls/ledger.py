"""Costs of attempts that gave no answer: from the usage they reported, or an estimate that says it is one."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from modelyard.catalog.pricing import cost_of
from modelyard.types.size import estimate_tokens
from modelyard.types.usage import Usage

if TYPE_CHECKING:
    from modelyard.calls.call import Call
    from modelyard.deployments.deployment import Deployment

__all__ = ["failure_cost"]


def failure_cost(
    call: Call, deployment: Deployment, usage: Usage | None, *, started: float, maybe_billed: bool
) -> tuple[float | None, bool]:
    """US dollars for an attempt that failed or was cancelled, and whether the figure is an estimate.

    Without a usage, a provider that may have begun to work has read the prompt: its estimated tokens are what was
    spent at least. ``None`` where nothing was spent, or no price is known.
    """
    day = date.fromtimestamp(started)
    if usage is not None and usage.input_tokens is not None:
        counted = usage if usage.output_tokens is not None else usage.model_copy(update={"output_tokens": 0})
        cost, _ = cost_of(counted, deployment.card, day)
        return (cost.total, counted is not usage) if cost is not None else (None, False)
    if not maybe_billed:
        return None, False
    tokens = estimate_tokens(call.request_for(deployment))
    cost, _ = cost_of(Usage(input_tokens=tokens, output_tokens=0), deployment.card, day)
    return (cost.total, True) if cost is not None else (None, False)

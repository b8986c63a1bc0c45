"""The stages between a request's needs and a route, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.errors import NoRouteError
from modelyard.routing.filter_cache import FilterCache
from modelyard.routing.order import RankingInputs, rank
from modelyard.routing.trace import RouteTrace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelyard.deployments.candidates import Candidate
    from modelyard.routing.needs import Needs
    from modelyard.routing.policy import RoutePolicy

__all__ = ["no_route", "route"]


def route(
    candidates: Sequence[Candidate],
    needs: Needs,
    policy: RoutePolicy,
    inputs: RankingInputs,
    cache: FilterCache | None = None,
) -> RouteTrace:
    """Decide: drop what cannot serve the request, put the rest in order. Calls nobody.

    A ``cache`` that saw the candidates before saves filtering them again, and changes nothing else.
    """
    kept, dropped = (cache or FilterCache()).filter(candidates, needs, policy, inputs.day)
    arranged, reasons = rank(kept, policy, needs, inputs) if kept else (kept, ())
    return RouteTrace(needs, policy, inputs.day, tuple(arranged), dropped, tuple(reasons))


def no_route(trace: RouteTrace) -> NoRouteError:
    """The error for a trace that ends nowhere, with every candidate and the smallest change that helps."""
    candidates = trace.candidates()
    listed = "; ".join(f"{ref}: {reason}" for ref, reason in candidates[:5])
    more = f"; and {len(candidates) - 5} more" if len(candidates) > 5 else ""
    return NoRouteError(
        f"No deployment can serve the request. {listed}{more}."
        if candidates
        else "There is no candidate to serve it.",
        candidates=candidates,
        hint=trace.smallest_change() or "Install a provider plugin, for example: pip install modelyard-claude",
    )

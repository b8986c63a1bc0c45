"""The stages between a request's needs and a route, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.errors import NoRouteError
from modelyard.routing.filter import first_faults
from modelyard.routing.order import Outlook, arrange
from modelyard.routing.trace import RouteTrace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelyard.routing.candidates import Candidate
    from modelyard.routing.needs import Needs
    from modelyard.routing.policy import RoutePolicy

__all__ = ["no_route", "route"]


def route(candidates: Sequence[Candidate], needs: Needs, policy: RoutePolicy, outlook: Outlook) -> RouteTrace:
    """Decide: drop what cannot serve the request, put the rest in order. Calls nobody and changes nothing."""
    found = first_faults(candidates, needs, policy, outlook.day)
    kept = [candidate for candidate, fault in zip(candidates, found, strict=True) if fault is None]
    dropped = [(candidate, fault) for candidate, fault in zip(candidates, found, strict=True) if fault is not None]
    arranged, reasons = arrange(kept, policy, needs, outlook) if kept else ([], [])
    return RouteTrace(needs, policy, outlook.day, tuple(arranged), tuple(dropped), tuple(reasons))


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

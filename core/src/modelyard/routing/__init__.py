"""Choosing where a request goes: what it needs, what the host allows, which order, and why.

The choice is pure: nothing here calls a provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.catalog.constraints import Constraints, Exclusion
    from modelyard.deployments.candidates import Candidate
    from modelyard.routing.needs import Needs
    from modelyard.routing.policy import Order, OrderName, RouteChoice, RoutePolicy
    from modelyard.routing.trace import RouteStep, RouteTrace

__all__ = [  # noqa: RUF022  # grouped by subject
    # what the host asks for
    "Constraints",
    "Order",
    "OrderName",
    "RouteChoice",
    "RoutePolicy",
    # what was decided
    "Candidate",
    "Exclusion",
    "Needs",
    "RouteStep",
    "RouteTrace",
]

_EXPORTS = Exports(
    __name__,
    """
    catalog.constraints: Constraints Exclusion
    deployments.candidates: Candidate
    routing.needs: Needs
    routing.policy: Order OrderName RouteChoice RoutePolicy
    routing.trace: RouteStep RouteTrace
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names

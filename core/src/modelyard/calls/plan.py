"""A call before it is made: its candidates, its request, and the decision among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modelyard.catalog.constraints import Exclusion
from modelyard.errors import InvalidResponseError, ModelyardError, UnsupportedFeatureError
from modelyard.routing.filter import need_exclusions
from modelyard.routing.needs import content_needs
from modelyard.routing.router import no_route

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.deployments.candidates import Candidate
    from modelyard.deployments.deployment import Deployment
    from modelyard.routing.policy import RoutePolicy
    from modelyard.routing.trace import RouteTrace
    from modelyard.types.request import Request

__all__ = ["Plan", "settle"]


@dataclass(frozen=True, slots=True)
class Plan:
    """``written`` is the request for the deployment tried first, ``None`` without a route.

    ``named`` says that the caller asked for one model: a choice to be respected. ``error`` is what its plugin
    found wrong.
    """

    candidates: tuple[Candidate, ...]
    request: Request
    policy: RoutePolicy
    named: bool
    trace: RouteTrace | None = None
    written: Request | None = None
    error: ModelyardError | None = None

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """The deployments in the order they are tried."""
        if self.trace is not None:
            return self.trace.deployments
        return tuple(candidate.deployment for candidate in self.candidates if candidate.deployment is not None)

    def writer(self) -> Callable[[Deployment], Request]:
        """Writes the request for each deployment; for the first it was done, to show what is wrong at once."""
        request, first = self.request, self.deployments[0]
        written = self.written if self.written is not None else first.write(request)
        return lambda each: written if each is first or each.key == first.key else each.write(request)

    def refusal(self) -> ModelyardError:
        """The error for a plan without a route."""
        if self.error is not None:
            return self.error
        assert self.trace is not None
        if self.named:
            unsupported = _unsupported(self.candidates[0], self.request)
            if unsupported is not None:
                return unsupported
        return no_route(self.trace)


def settle(trace: RouteTrace, request: Request) -> tuple[RouteTrace, Request | None, ModelyardError | None]:
    """Write the request for the deployment tried first; one whose plugin refuses it gives way to the next.

    So does one whose plugin breaks on it.

    Returns the trace with those dropped, the request written, and what the last plugin found wrong.
    """
    error: ModelyardError | None = None
    while trace.kept:
        deployment = trace.kept[0].deployment
        assert deployment is not None
        try:
            return trace, deployment.write(request), None
        except UnsupportedFeatureError as refused:
            error, fix = refused, f"do without {refused.feature}"
        except InvalidResponseError as broken:
            error, fix = broken, broken.hint or "upgrade its plugin"
        exclusion = Exclusion(error.message.rstrip("."), fix.rstrip("."))
        trace = replace(
            trace,
            kept=trace.kept[1:],
            reasons=trace.reasons[1:],
            dropped=(*trace.dropped, (trace.kept[0], exclusion)),
        )
    return trace, None, error


def _unsupported(candidate: Candidate, request: Request) -> UnsupportedFeatureError | None:
    """What a model named by the caller cannot take and cannot do without."""
    card = candidate.card
    if card is None:
        return None
    if card.kind != "chat":
        return UnsupportedFeatureError(
            f"{card.ref} is no chat model, it is of the kind {card.kind!r}.", feature="chat", model=card.ref
        )
    for need in content_needs(request):
        exclusion = next(need_exclusions(card, (need,), strict=False), None)
        if exclusion is not None:
            return UnsupportedFeatureError(
                f"{card.ref} cannot serve the request: {exclusion.reason}.",
                feature=need,
                model=card.ref,
                hint=f"Choose one that can (`modelyard models --needs {need}` lists them), or {exclusion.fix}.",
            )
    return None

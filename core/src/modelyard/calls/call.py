"""One call, prepared: everything resolved and checked, nothing sent."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from modelyard.calls.fallback import FallbackPolicy
from modelyard.calls.operation import COMPLETE, Operation
from modelyard.calls.step import current_run
from modelyard.catalog.pricing import CardPrices
from modelyard.errors import ModelyardError
from modelyard.health.state import FULL
from modelyard.history.opaque import bind_account
from modelyard.types.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelyard.calls.retry import RetryPolicy
    from modelyard.calls.running import RunningCalls
    from modelyard.deadlines import Deadlines
    from modelyard.deployments.deployment import Deployment
    from modelyard.health.clock import Clock
    from modelyard.health.limits import Limits
    from modelyard.health.lines import Lines
    from modelyard.health.state import Refusal, SharedState
    from modelyard.media.inline import Inliner
    from modelyard.routing.trace import RouteTrace
    from modelyard.session import Session
    from modelyard.types.completion import Completion
    from modelyard.types.record import AttemptRecord
    from modelyard.types.request import Request

__all__ = ["Call", "Observe"]


class Observe(Protocol):
    """Tells the host's observers an event, with the arguments of the hook of that name."""

    def __call__(self, event: str, **facts: object) -> None: ...


def _new_id() -> str:
    return f"{random.getrandbits(64):016x}"


@dataclass(frozen=True, slots=True)
class Call:
    """A prepared call: its operation, the deployments that may serve it in order of preference, and its policies.

    ``operation`` says what kind of call it is. ``request_for`` writes the request for one deployment: its model,
    its history rules, its plugin's checks. It was called for the first deployment already, so bad input is refused
    before the network; for a later one it raises a typed local error if that deployment cannot take the request.
    ``alternatives`` names, when an error is raised, other deployments that could serve the request;
    ``look_round`` loads what it has to know for that. After ``hedge_after`` seconds without output a second
    attempt is made beside the first. ``trace`` says how the deployments were found, ``None`` when there was
    nothing to decide. ``inliner`` fetches URLs, ``None`` when there are none or the host does not allow it.
    """

    deployments: tuple[Deployment, ...]
    request_for: Callable[[Deployment], Request] = field(repr=False)
    deadlines: Deadlines
    retry: RetryPolicy
    state: SharedState = field(repr=False)
    clock: Clock = field(repr=False)
    observe: Observe = field(repr=False)
    running: RunningCalls = field(repr=False)
    lines: Lines = field(repr=False)
    operation: Operation = COMPLETE
    run_id: str | None = field(default_factory=current_run)
    id: str = field(default_factory=_new_id)
    fallback: FallbackPolicy = field(default_factory=FallbackPolicy)
    hedge_after: float | None = None
    limits: Mapping[str, Limits] = field(default_factory=dict)
    alternatives: Callable[[], tuple[str, ...]] = field(default=tuple, repr=False)
    look_round: Callable[[], Awaitable[None]] | None = field(default=None, repr=False)
    trace: RouteTrace | None = field(default=None, repr=False)
    inliner: Inliner | None = field(default=None, repr=False)

    @property
    def last_resort(self) -> bool:
        """True if a deployment that fails leaves the call nowhere else to go."""
        first, *others = self.deployments
        return not others or (self.fallback.mode == "never" and all(other.ref != first.ref for other in others))

    async def final_request(self, deployment: Deployment, session: Session) -> Request:
        """The request for a deployment, with bytes for the URLs its provider does not fetch."""
        if self.inliner is None:
            return self.request_for(deployment).for_attempt()
        return await self.inliner.request_for(deployment, session)

    def takes(self, deployment: Deployment) -> bool:
        """Return whether a deployment can take the request at all."""
        try:
            self.request_for(deployment)
        except ModelyardError:
            return False
        return True

    async def admit(self, deployment: Deployment) -> Refusal | None:
        """Ask the state to let a request to a deployment pass, unless others wait in line for that already."""
        limits = self._limits_of(deployment) if self.limits else None
        if limits is not None and limits.concurrency is not None and self.lines.taken(deployment.key):
            return FULL
        return await self._ask(deployment, limits)

    async def admit_in_turn(self, deployment: Deployment, patience: float | None) -> Refusal | None:
        """Wait in line, so many seconds at most, until a request to a deployment may pass."""
        limits = self._limits_of(deployment)
        return await self.lines.admit(deployment.key, lambda: self._ask(deployment, limits), self.clock, patience)

    def _limits_of(self, deployment: Deployment) -> Limits | None:
        return self.limits.get(deployment.ref) or self.limits.get(deployment.provider)

    async def _ask(self, deployment: Deployment, limits: Limits | None) -> Refusal | None:
        tokens = 0
        if limits is not None and limits.tokens_per_minute is not None:
            from modelyard.types.size import estimate_tokens

            tokens = estimate_tokens(self.request_for(deployment))
        return await self.state.admit(deployment.key, limits, tokens, last_resort=self.last_resort)

    def finish(
        self, deployment: Deployment, completion: Completion, records: Sequence[AttemptRecord]
    ) -> Completion:
        """Add what only the runtime knows: the record, the account, and the card that prices the answer."""
        considered = self.trace.considered() if self.trace is not None else ()
        changes: dict[str, object] = {"record": Record(attempts=tuple(records), candidates=considered)}
        target = deployment.target
        if target.rules.account_bound and target.account is not None:
            changes["message"] = bind_account(completion.message, target.account)
        return completion.model_copy(update=changes).priced_by(CardPrices(deployment.card))

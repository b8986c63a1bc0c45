"""The attempts of one call: which deployment next, when, and what is remembered of each.

``decide`` says what to do; this carries it out for every operation alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias, TypeVar, cast

from modelyard.calls.attempt import Attempt
from modelyard.calls.decide import Option, Retry, Situation, Stop, Switch, decide, may_pass_elsewhere
from modelyard.calls.watchdog import Watchdog
from modelyard.deployments.safe_error import clean_ids
from modelyard.errors import CircuitOpenError, ModelyardError, ProviderError, RateLimitError
from modelyard.types.completion import Completion
from modelyard.types.events import Status
from modelyard.types.record import AttemptRecord, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelyard.calls.call import Call
    from modelyard.deployments.deployment import Deployment
    from modelyard.health.state import Refusal

__all__ = ["Engine"]

T = TypeVar("T")
_Next: TypeAlias = "tuple[Attempt, list[Status]]"


@dataclass(frozen=True, slots=True)
class NextStep:
    """The step after a failure, and the status events that announce it, to be told before any wait."""

    step: Retry | Switch
    statuses: list[Status]


_SPENT = "It was not tried again: the budget of retries of this deployment is spent for the moment."


class Engine:
    """Runs the attempts of one call, one after another; use it as ``with Engine(call) as engine``.

    ``start`` gives the first attempt; ``failed`` takes the failure of one and plans the next or raises;
    ``run_step`` carries the plan out. Attempts come with the status events that announce them.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._clock = call.clock
        self._started = call.clock.now()
        self._index = 0
        self._attempts_here = 0
        self._made = 0
        self._settled = False
        self._tried: set[int] = set()
        self.records: list[AttemptRecord] = []
        self._running = call.running.begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._call.running.end(self._running)
        if isinstance(exc, ModelyardError):
            self.attach_history(exc)
        else:
            self._settle(None, None)  # it has ended before, or the caller gave up

    def watchdog(self) -> Watchdog:
        """Make a guard for the waits of an attempt."""
        watchdog = Watchdog(self._call.deadlines, self.remaining())
        self._running.add(watchdog)
        return watchdog

    @property
    def deployment(self) -> Deployment:
        """The deployment of the attempt under way."""
        return self._call.deployments[self._index]

    def remaining(self) -> float | None:
        """Seconds left of the total deadline, ``None`` without one."""
        total = self._call.deadlines.total
        return None if total is None else self._started + total - self._clock.now()

    async def start(self) -> _Next:
        """The first attempt, at the first deployment that lets it pass."""
        call, first = self._call, self.deployment
        call.observe(
            "call_started",
            call_id=call.id,
            request=call.request_for(first),
            deployment=first.ref,
            operation=call.operation.name,
            run_id=call.run_id,
        )
        return await self._start_attempt(0.0, [Status("started")], switched=True)

    async def failed(self, attempt: Attempt, failure: ModelyardError, *, committed: bool) -> NextStep:
        """Record a failure and say what comes next; raises the failure when nothing does."""
        self.records.append(await attempt.fail(failure))
        situation = self._situation(failure, committed=committed)
        step = decide(failure, situation)
        if isinstance(step, Retry) and not await self._call.state.take_retry(self.deployment.key):
            step = decide(failure, replace(situation, budget=False))
            if isinstance(step, Stop):
                failure.hint = " ".join(filter(None, (failure.hint, _SPENT)))
        if isinstance(step, Stop):
            raise self.attach_history(failure)
        return NextStep(step, self._announce(step, failure))

    async def run_step(self, plan: NextStep) -> _Next:
        """Wait as planned, and start the next attempt."""
        step = plan.step
        if isinstance(step, Switch):
            self._move_to(step.index)
        if step.wait > 0:
            await self._sleep(step.wait)
        return await self._start_attempt(step.wait, [], switched=isinstance(step, Switch))

    def attach_history(self, failure: ModelyardError) -> ModelyardError:
        """A failure with all that is known of the call on it."""
        if isinstance(failure, ProviderError):
            failure.attempts = tuple(self.records)
            if not failure.alternatives and may_pass_elsewhere(failure):
                failure.alternatives = self._alternatives()
        self._settle(None, failure)
        return failure

    async def succeeded(self, attempt: Attempt, result: T) -> T:
        """Record success; returns the result, a completion with the record and its prices on it."""
        completion = clean_ids(result, attempt.deployment.redactor) if isinstance(result, Completion) else None
        self.records.append(await attempt.succeed(completion))
        if completion is None:
            self._settle(result, None)
            return result
        finished = self._call.finish(attempt.deployment, completion, self.records)
        self._settle(finished, None)
        return cast("T", finished)

    async def cancelled(self, attempt: Attempt) -> None:
        """Record that an attempt was given up, unless it was over before."""
        if not attempt.over:
            self.records.append(await attempt.cancel())

    def _settle(self, result: object, error: ModelyardError | None) -> None:
        if self._settled:
            return
        self._settled = True
        completion = result if isinstance(result, Completion) else None
        record = completion.record if completion is not None else Record(attempts=tuple(self.records))
        self._call.observe(
            "call_finished",
            call_id=self._call.id,
            record=record,
            completion=completion,
            error=error,
            operation=self._call.operation.name,
            result=result,
        )

    async def hedge(self) -> Attempt | None:
        """A second attempt beside the one under way, ``None`` where nothing lets one pass.

        At another deployment where the policy allows it, else at the same one again.
        """
        others = [option.index for option in self._options() if option.wait == 0.0]
        index = others[0] if others else self._index
        deployment = self._call.deployments[index]
        if await self._call.admit(deployment) is not None:
            return None
        self._tried.add(index)
        return self._attempt(deployment, 0.0)

    def make_current(self, attempt: Attempt) -> None:
        """The hedged attempt is the one that counts from now on."""
        self._index = self._call.deployments.index(attempt.deployment)

    async def record_loser(self, attempt: Attempt, failure: ModelyardError) -> None:
        """Record the failure of an attempt whose rival was heard or is to decide what comes next."""
        self.records.append(await attempt.fail(failure))

    async def _sleep(self, seconds: float) -> None:
        """Let time pass, unless the runtime is closed meanwhile."""
        await self.watchdog().prepare(self._clock.sleep(seconds))

    def _attempt(self, deployment: Deployment, wait: float) -> Attempt:
        self._made += 1
        return Attempt(self._call, deployment, self._made, wait)

    async def _start_attempt(self, wait: float, statuses: list[Status], *, switched: bool) -> _Next:
        """Start an attempt at the current deployment, or at the next one that lets a request pass."""
        refusals: list[tuple[str, str, float]] = []
        refusal = await self._call.admit(self.deployment)
        while refusal is not None:
            refusals.append((self.deployment.ref, refusal.reason, refusal.wait))
            if (index := self._free_elsewhere()) is not None:
                statuses.append(_falling_back(self._call.deployments[index], refusal.reason, None))
                self._move_to(index)
                switched = True
                refusal = await self._call.admit(self.deployment)
            elif self._worth_waiting(refusal):
                since = self._clock.now()
                refusal = await self._ask_again(refusal)
                wait += self._clock.now() - since
            else:
                others = [(self._call.deployments[option.index].ref, option.wait) for option in self._options()]
                refusals += [(ref, "breaker", wait) for ref, wait in others if wait > 0]
                raise self.attach_history(_all_closed(refusals))
        self._tried.add(self._index)
        self._attempts_here += 1
        if switched:
            statuses.append(Status("selected_model", deployment=self.deployment.ref))
        return self._attempt(self.deployment, wait), statuses

    async def _ask_again(self, refusal: Refusal) -> Refusal | None:
        """Wait for what a refusal is about: in line for a place, or for time to pass."""
        if refusal.reason != "concurrency":
            await self._sleep(refusal.wait)
            return await self._call.admit(self.deployment)
        remaining = self.remaining()
        patience = None if remaining is None else remaining - refusal.wait
        return await self.watchdog().prepare(self._call.admit_in_turn(self.deployment, patience))

    def _worth_waiting(self, refusal: Refusal) -> bool:
        """Whether to wait for a limit; an open breaker is no queue, it fails at once."""
        remaining = self.remaining()
        fits = remaining is None or refusal.wait < remaining
        return refusal.reason != "breaker" and fits and refusal.wait <= self._call.retry.patience

    def _free_elsewhere(self) -> int | None:
        state = self._call.state
        free = (
            option.index
            for option in self._options()
            if state.available_in(self._call.deployments[option.index].key) == 0.0
        )
        return next(free, None)

    def _situation(self, failure: ModelyardError, *, committed: bool) -> Situation:
        call, deployment = self._call, self.deployment
        return Situation(
            retry=call.retry,
            fallback=call.fallback,
            attempts=self._attempts_here,
            jitter=self._clock.draw(0.0, call.retry.bound(self._attempts_here)),
            committed=committed,
            cooling=not call.last_resort and call.state.available_in(deployment.key) > 0,
            remaining=self.remaining(),
            window=deployment.card.limits.context_window,
            others=self._options(),
        )

    def _options(self) -> Sequence[Option]:
        """The deployments not tried yet that the policy allows and that can take the request at all."""
        if len(self._call.deployments) == 1:
            return ()
        account, ref = self.deployment.account, self.deployment.ref
        anywhere = self._call.fallback.mode != "never"
        return [
            Option(
                index,
                self._call.state.available_in(other.key),
                other.card.limits.context_window,
                other.account == account,
            )
            for index, other in enumerate(self._call.deployments)
            if index not in self._tried
            and index != self._index
            and (anywhere or other.ref == ref)
            and self._call.takes(other)
        ]

    def _move_to(self, index: int) -> None:
        self._tried.add(self._index)
        self._index, self._attempts_here = index, 0

    def _announce(self, step: Retry | Switch, failure: ModelyardError) -> list[Status]:
        reason = f"{type(failure).__name__}: {failure.message}"
        if isinstance(step, Switch):
            statuses = [_falling_back(self._call.deployments[step.index], reason, step.wait)]
        else:
            number = self._made + 1
            statuses = [
                Status("retrying", deployment=self.deployment.ref, attempt=number, reason=reason, wait=step.wait)
            ]
        if step.restart:
            statuses.append(Status("restarted", reason="what was delivered before is void"))
        return statuses

    def _alternatives(self) -> tuple[str, ...]:
        own = {self._call.deployments[index].ref for index in {*self._tried, self._index}}
        untried = [other.ref for other in self._call.deployments if self._call.takes(other)]
        named = dict.fromkeys([*untried, *self._call.alternatives()])
        return tuple(ref for ref in named if ref not in own)


def _falling_back(deployment: Deployment, reason: str, wait: float | None) -> Status:
    return Status("falling_back", deployment=deployment.ref, reason=reason, wait=wait)


def _all_closed(refusals: Sequence[tuple[str, str, float]]) -> ProviderError:
    """The error when no deployment lets the request pass: why each does not, and when it may."""
    latest = {ref: (reason, wait) for ref, reason, wait in refusals}
    soonest = min(wait for _, wait in latest.values())
    candidates = [(ref, f"{_WORDS[reason]}, try again in {wait:.1f} s") for ref, (reason, wait) in latest.items()]
    where = "; ".join(f"{ref}: {why}" for ref, why in candidates)
    if all(reason != "breaker" for reason, _ in latest.values()):
        return RateLimitError(f"A limit of this runtime is reached. {where}", retry_after=soonest)
    return CircuitOpenError(
        f"No deployment lets the request pass. {where}", retry_after=soonest, candidates=candidates
    )


_WORDS = {
    "breaker": "left alone after failures",
    "limit": "its rate limit is used up",
    "concurrency": "as many requests as allowed are under way",
}

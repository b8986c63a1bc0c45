"""The decision on a request: every candidate, whether it was kept, and why it stands where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelyard.routing.filter import exclusions

if TYPE_CHECKING:
    from datetime import date

    from modelyard.catalog.constraints import Exclusion
    from modelyard.deployments.candidates import Candidate
    from modelyard.deployments.deployment import Deployment
    from modelyard.routing.needs import Needs
    from modelyard.routing.policy import RoutePolicy

__all__ = ["RouteStep", "RouteTrace"]


@dataclass(frozen=True, slots=True)
class RouteStep:
    """One line of a trace. ``rank`` is 1 for the deployment tried first, ``None`` for one that was dropped."""

    deployment: str
    kept: bool
    rank: int | None
    reason: str
    fix: str | None = None
    endpoint: str | None = None
    region: str | None = None
    credential: str | None = None
    """Source of the credential, and its fingerprint."""


@dataclass(frozen=True, slots=True)
class RouteTrace:
    """Record of a routing decision. Built by pure stages; printing it gives one line for each candidate.

    ``kept`` are the candidates in the order they are tried, ``dropped`` the others, each with what rules it out.
    """

    needs: Needs
    policy: RoutePolicy
    day: date
    kept: tuple[Candidate, ...]
    dropped: tuple[tuple[Candidate, Exclusion], ...]
    reasons: tuple[str, ...] = field(default=(), repr=False)
    """Reasons for the place of each of ``kept``; empty when all stand as given."""

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """The deployments in the order they are tried."""
        return tuple(candidate.deployment for candidate in self.kept if candidate.deployment is not None)

    @property
    def chosen(self) -> str | None:
        """The reference of the deployment tried first; ``None`` when there is no route."""
        return self.kept[0].ref if self.kept else None

    @property
    def steps(self) -> tuple[RouteStep, ...]:
        """A line for each candidate: those kept in their order, then those dropped."""
        kept = [self._kept_step(rank) for rank in range(1, len(self.kept) + 1)]
        return (*kept, *(self._dropped_step(candidate, exclusion) for candidate, exclusion in self.dropped))

    def considered(self, limit: int = 20) -> tuple[tuple[str, str], ...]:
        """A ``(reference, reason)`` pair for each candidate, those kept first; as many as a record should hold."""
        reasons = self.reasons or ("as given",) * len(self.kept)
        kept = [(each.ref, reason) for each, reason in zip(self.kept[:limit], reasons, strict=False)]
        dropped = [(each.ref, exclusion.reason) for each, exclusion in self.dropped[: limit - len(kept)]]
        return (*kept, *dropped)

    def candidates(self) -> tuple[tuple[str, str], ...]:
        """A ``(reference, reason)`` pair for each candidate dropped, with everything that rules it out."""
        return tuple((step.deployment, step.reason) for step in self.steps if not step.kept)

    def smallest_change(self) -> str | None:
        """The change nearest to a route, in a sentence; ``None`` when there was no candidate to change."""
        every = [(candidate, self._exclusions(candidate, exclusion)) for candidate, exclusion in self.dropped]
        if not every:
            return None
        nearest, needed = min(every, key=lambda pair: (len(pair[1]), sum(exclusion.size for exclusion in pair[1])))
        changes = ", and ".join(dict.fromkeys(exclusion.fix for exclusion in needed))
        return f"The smallest change that gives a route: {changes} (then {nearest.ref} can serve it)."

    def to_dict(self) -> dict[str, Any]:
        """The trace as plain JSON data, without any credential."""
        return {
            "chosen": self.chosen,
            "needs": {
                "capabilities": list(self.needs.capabilities),
                "input_tokens": self.needs.tokens,
                "output_tokens": self.needs.output_tokens,
            },
            "policy": self.policy.describe(),
            "day": self.day.isoformat(),
            "candidates": [{name: getattr(step, name) for name in RouteStep.__slots__} for step in self.steps],
        }

    def __str__(self) -> str:
        lines = [f"needs: {self.needs}"]
        for step in self.steps:
            mark = f"{step.rank:>3}." if step.rank is not None else "  - "
            place = f" [{step.region}]" if step.region else ""
            lines.append(f"{mark} {step.deployment}{place}: {step.reason}")
        return "\n".join(lines)

    def _kept_step(self, rank: int) -> RouteStep:
        candidate = self.kept[rank - 1]
        reason = self.reasons[rank - 1] if self.reasons else "as given"
        return _step(candidate, kept=True, rank=rank, reason=reason, fix=None)

    def _dropped_step(self, candidate: Candidate, exclusion: Exclusion) -> RouteStep:
        every = self._exclusions(candidate, exclusion)
        reason = "; ".join(dict.fromkeys(each.reason for each in every))
        fix = ", and ".join(dict.fromkeys(each.fix for each in every))
        return _step(candidate, kept=False, rank=None, reason=reason, fix=fix)

    def _exclusions(self, candidate: Candidate, first: Exclusion) -> tuple[Exclusion, ...]:
        found = exclusions(candidate, self.needs, self.policy, self.day)
        return found if first in found else (first, *found)


def _step(candidate: Candidate, *, kept: bool, rank: int | None, reason: str, fix: str | None) -> RouteStep:
    deployment = candidate.deployment
    if deployment is None:
        return RouteStep(candidate.ref, kept, rank, reason, fix)
    credential = deployment.credential
    return RouteStep(
        candidate.ref,
        kept,
        rank,
        reason,
        fix,
        endpoint=deployment.base_url,
        region=deployment.region,
        credential=None if credential is None else f"{credential.source} ({credential.fingerprint})",
    )

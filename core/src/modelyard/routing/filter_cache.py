"""The filter, remembering what came of candidates it saw before under the same needs and policy."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from modelyard.routing.filter import first_exclusions, token_bounds

if TYPE_CHECKING:
    from datetime import date

    from modelyard.catalog.constraints import Exclusion
    from modelyard.deployments.candidates import Candidate
    from modelyard.routing.needs import Needs
    from modelyard.routing.policy import RoutePolicy

__all__ = ["FilterCache", "Filtered"]

_Key: TypeAlias = "tuple[int, int, tuple[str, ...], date]"
_MAX_KNOWN: Final = 128


class Filtered(NamedTuple):
    """Candidates that can serve the request, and the others with the first thing that rules each out."""

    kept: tuple[Candidate, ...]
    dropped: tuple[tuple[Candidate, Exclusion], ...]


class _Known(NamedTuple):
    """An outcome, valid for prompts above ``low`` tokens up to ``high``.

    The candidates and the policy are held, so that the ids in the key stay theirs.
    """

    outcome: Filtered
    low: float
    high: float
    candidates: tuple[Candidate, ...]
    policy: RoutePolicy


class FilterCache:
    """Cache of filter results, keyed by the identity of its inputs; valid because these never change."""

    def __init__(self) -> None:
        self._known: dict[_Key, _Known] = {}

    def filter(self, candidates: Sequence[Candidate], needs: Needs, policy: RoutePolicy, day: date) -> Filtered:
        """Keep what can serve the request."""
        if not isinstance(candidates, tuple):
            return _filter(candidates, needs, policy, day)
        key = (id(candidates), id(policy), needs.capabilities, day)
        known = self._known.get(key)
        if known is not None and known.low < needs.tokens <= known.high:
            return known.outcome
        outcome = _filter(candidates, needs, policy, day)
        bounds = token_bounds(candidates)
        low = max((bound for bound in bounds if bound < needs.tokens), default=-1.0)
        high = min((bound for bound in bounds if bound >= needs.tokens), default=inf)
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[key] = _Known(outcome, low, high, candidates, policy)
        return outcome


def _filter(candidates: Sequence[Candidate], needs: Needs, policy: RoutePolicy, day: date) -> Filtered:
    found = first_exclusions(candidates, needs, policy, day)
    return Filtered(
        kept=tuple(
            [candidate for candidate, exclusion in zip(candidates, found, strict=True) if exclusion is None]
        ),
        dropped=tuple(
            [(each, exclusion) for each, exclusion in zip(candidates, found, strict=True) if exclusion is not None]
        ),
    )

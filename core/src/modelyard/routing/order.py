"""In which order the deployments left are tried. Every order is total; ties stand as given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from modelyard.catalog.pricing import price_of
from modelyard.errors import ConfigurationError

if TYPE_CHECKING:
    from datetime import date

    from modelyard.deployments.candidates import Candidate
    from modelyard.health.view import Health
    from modelyard.routing.needs import Needs
    from modelyard.routing.policy import RoutePolicy

__all__ = ["RankingInputs", "rank"]

_EXPECTED_OUTPUT: Final = 500
"""Output tokens assumed for a price when the request sets no bound: an answer of a page. An assumption of ours."""
_GOLDEN: Final = 0.6180339887498949
"""Multiples of it, without their whole part, fill an interval evenly: a weighted order without chance in it.

Knuth, The Art of Computer Programming 3, 6.4, theorem S.
"""


class RankingInputs(NamedTuple):
    """Inputs of ranking: date, observed health, number of routed calls so far."""

    day: date
    health: Health
    turn: int = 0


def rank(
    kept: Sequence[Candidate], policy: RoutePolicy, needs: Needs, inputs: RankingInputs
) -> tuple[list[Candidate], list[str]]:
    """The candidates in order, and for each why it stands where it does (empty when all stand as given)."""
    order = policy.order or "given"
    if callable(order):
        said = getattr(order, "described", None)
        arranged = _by_function(kept, order(tuple(kept), needs), said or "The order of a route")
        reasons = [said or "the host's order"] * len(kept)
    elif order in _SCORES and len(kept) > 1:
        score, word = _SCORES[order]
        scored = score(kept, policy, needs, inputs)
        ranks = sorted(range(len(kept)), key=scored.__getitem__)
        arranged, reasons = [kept[index] for index in ranks], [word(scored[index]) for index in ranks]
    elif order == "weighted" and len(kept) > 1:
        arranged, reasons = _weighted(kept, policy, inputs.turn)
    else:
        arranged, reasons = list(kept), []
    places = _rested_first(arranged, inputs.health)
    if places is None:
        return arranged, reasons
    return [arranged[place] for place in places], [reasons[place] for place in places] if reasons else []


def _context_score(
    kept: Sequence[Candidate], policy: RoutePolicy, needs: Needs, inputs: RankingInputs
) -> list[float]:
    return [
        0.0 if candidate.card is not None and policy.context in candidate.card.default_contexts else 1.0
        for candidate in kept
    ]


def _price_score(
    kept: Sequence[Candidate], policy: RoutePolicy, needs: Needs, inputs: RankingInputs
) -> list[float]:
    output = _EXPECTED_OUTPUT if needs.output_tokens is None else needs.output_tokens
    known: dict[int, float] = {}
    scores = []
    for candidate in kept:
        card = candidate.card
        score = known.get(id(card))
        if score is None:
            step = None if card is None else price_of(card, inputs.day, needs.tokens)
            score = inf if step is None else (needs.tokens * step.input + output * step.output) / 1e6
            known[id(card)] = score
        scores.append(score)
    return scores


def _latency_score(
    kept: Sequence[Candidate], policy: RoutePolicy, needs: Needs, inputs: RankingInputs
) -> list[float]:
    latency = inputs.health.latency
    return [inf if (seconds := latency(_key(candidate))) is None else seconds for candidate in kept]


def _busy_score(
    kept: Sequence[Candidate], policy: RoutePolicy, needs: Needs, inputs: RankingInputs
) -> list[float]:
    in_flight = inputs.health.in_flight
    return [in_flight(_key(candidate)) for candidate in kept]


_Score = Callable[["Sequence[Candidate]", "RoutePolicy", "Needs", RankingInputs], list[float]]
_SCORES: Final[dict[str, tuple[_Score, Callable[[float], str]]]] = {
    "default": (_context_score, lambda score: "a default of the context" if score == 0 else "no default"),
    "cheapest": (
        _price_score,
        lambda score: "price not known" if score == inf else f"${score:.6f} for the estimated tokens",
    ),
    "fastest": (
        _latency_score,
        lambda score: "not observed yet" if score == inf else f"{score:.2f} s to the first output",
    ),
    "least_busy": (_busy_score, lambda score: f"{score:.0f} requests under way"),
}


def _weighted(kept: Sequence[Candidate], policy: RoutePolicy, turn: int) -> tuple[list[Candidate], list[str]]:
    """The first by its share of the turns, the others by weight; one of weight 0 is only ever tried last."""
    weights = [_weight(candidate, policy) for candidate in kept]
    total = sum(weights)
    point, first = (turn * _GOLDEN) % 1.0 * total, 0
    for index, weight in enumerate(weights):
        first = index if weight > 0 else first
        point -= weight
        if point < 0:
            break
    others = sorted((index for index in range(len(kept)) if index != first), key=lambda index: -weights[index])
    ranks = [first, *others]
    return [kept[index] for index in ranks], [f"weight {weights[index]:g} of {total:g}" for index in ranks]


def _weight(candidate: Candidate, policy: RoutePolicy) -> float:
    assert candidate.deployment is not None
    if policy.weights:
        stated = policy.weights.get(candidate.ref, policy.weights.get(candidate.deployment.provider))
        if stated is not None:
            return float(stated)
    return candidate.deployment.weight


def _by_function(kept: Sequence[Candidate], wanted: object, who: str) -> list[Candidate]:
    """What a function returned as an order: what it left out follows, as given."""
    if not hasattr(wanted, "__iter__") or isinstance(wanted, (str, bytes)):
        raise ConfigurationError(f"{who} must give candidates or references, not {type(wanted).__name__}.")
    left = dict.fromkeys(kept)
    arranged: list[Candidate] = []
    for item in wanted:
        matching = [candidate for candidate in left if candidate is item or candidate.ref == item]
        if not matching and not any(candidate is item or candidate.ref == item for candidate in kept):
            raise ConfigurationError(f"{who} names {str(item)!r}, which is no candidate left.")
        for candidate in matching:
            del left[candidate]
            arranged.append(candidate)
    return [*arranged, *left]


def _rested_first(arranged: list[Candidate], health: Health) -> list[int] | None:
    """Among deployments of one model, those that may be called now go first; models keep their places.

    Returns the new places, ``None`` when nothing moves.
    """
    if len(arranged) < 2:
        return None
    available_in = health.available_in
    waiting = {place for place, candidate in enumerate(arranged) if available_in(_key(candidate)) > 0}
    if not waiting:
        return None
    of_model: dict[str, list[int]] = {}
    for place, candidate in enumerate(arranged):
        of_model.setdefault(candidate.ref, []).append(place)
    rested = list(range(len(arranged)))
    for places in of_model.values():
        for place, taken in zip(places, sorted(places, key=waiting.__contains__), strict=True):
            rested[place] = taken
    return rested


def _key(candidate: Candidate) -> str:
    assert candidate.deployment is not None
    return candidate.deployment.key

"""Filtering of candidates: pure functions of cards, needs and policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from modelyard.catalog.constraints import DeploymentTerms, Exclusion

if TYPE_CHECKING:
    from datetime import date

    from modelyard.catalog.capability import CapabilityName
    from modelyard.catalog.card import ModelCard
    from modelyard.deployments.candidates import Candidate
    from modelyard.routing.needs import Needs
    from modelyard.routing.policy import RoutePolicy

__all__ = ["card_exclusions", "exclusions", "first_exclusions", "need_exclusions", "token_bounds"]

_MARGIN: Final = 4 / 3
"""An estimate of tokens may be a third too high (see ``estimate_tokens``)."""


def first_exclusions(
    candidates: Sequence[Candidate], needs: Needs, policy: RoutePolicy, day: date
) -> list[Exclusion | None]:
    """For each candidate the first thing that rules it out, ``None`` if nothing does.

    A card is judged once, however many deployments share it.
    """
    judged: dict[int, Exclusion | None] = {}
    about_terms = any(constraint.about_terms for constraint in policy.constraints)
    found: list[Exclusion | None] = []
    for candidate in candidates:
        card = candidate.card
        if candidate.deployment is None or card is None:
            found.append(_unreachable(candidate))
            continue
        key = id(card)
        try:
            exclusion = judged[key]
        except KeyError:
            exclusion = judged[key] = next(card_exclusions(card, needs, policy, day), None)
        if exclusion is None and about_terms:
            exclusion = next(_terms_exclusions(candidate, policy), None)
        found.append(exclusion)
    return found


def exclusions(candidate: Candidate, needs: Needs, policy: RoutePolicy, day: date) -> tuple[Exclusion, ...]:
    """Everything that rules a candidate out."""
    if candidate.card is None:
        return (_unreachable(candidate),)
    found = [*card_exclusions(candidate.card, needs, policy, day)]
    if candidate.deployment is None:
        return (_unreachable(candidate), *found, *_offer_exclusions(candidate.card, policy))
    return (*found, *_terms_exclusions(candidate, policy))


def card_exclusions(card: ModelCard, needs: Needs, policy: RoutePolicy, day: date) -> Iterator[Exclusion]:
    """Reasons of a card to exclude its model."""
    if card.kind != "chat":
        yield Exclusion(f"it is no chat model, it is of the kind {card.kind!r}", "name a chat model")
    for constraint in policy.constraints:
        yield from constraint.card_exclusions(card, day, needs.tokens)
    yield from need_exclusions(card, needs.capabilities, strict=policy.strict)
    limit = card.limits.max_input_tokens or card.limits.context_window
    if limit is not None and needs.tokens > limit * _MARGIN:
        yield Exclusion(
            f"about {needs.tokens:,} input tokens do not fit into {limit:,}", "shorten the conversation"
        )


def need_exclusions(card: ModelCard, needs: Sequence[CapabilityName], *, strict: bool) -> Iterator[Exclusion]:
    """The needs a card does not meet: ``strict`` wants ``supported``, else all but ``unsupported`` will do."""
    for name in needs:
        state = card.capability(name).state
        if state == "unsupported":
            yield Exclusion(f"its card says {name} is unsupported", f"do without {name}")
        elif strict and state != "supported":
            yield Exclusion(f"its card says {name} is {state}, and the reading is strict", "read cards leniently")


def token_bounds(candidates: Iterable[Candidate]) -> set[float]:
    """Sizes of a prompt above which the outcome for one of the candidates may change: windows, and price steps."""
    bounds: set[float] = set()
    for card in {id(each.card): each.card for each in candidates}.values():
        if card is None:
            continue
        limit = card.limits.max_input_tokens or card.limits.context_window
        if limit is not None:
            bounds.add(limit * _MARGIN)
        bounds.update(step.above_input_tokens for step in card.prices)
    return bounds


def _terms_exclusions(candidate: Candidate, policy: RoutePolicy) -> Iterator[Exclusion]:
    deployment, card = candidate.deployment, candidate.card
    if deployment is None or card is None:
        return
    terms = DeploymentTerms(deployment.region, deployment.retention_days)
    for constraint in policy.constraints:
        yield from constraint.terms_exclusions(card, terms)


def _offer_exclusions(card: ModelCard, policy: RoutePolicy) -> Iterator[Exclusion]:
    """Reasons that would still exclude an unconfigured model, judged by its provider's default terms."""
    region = next((name for name in policy.regions if name in card.retention.regions), None)
    for constraint in policy.constraints:
        yield from constraint.terms_exclusions(card, DeploymentTerms(region, None))


def _unreachable(candidate: Candidate) -> Exclusion:
    return Exclusion(candidate.problem or "there is no way to it", candidate.fix or "configure its provider")

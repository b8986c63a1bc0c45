"""Laying a host's overrides over the cards of the plugins."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from pydantic import ValidationError

from modelyard.catalog.card import Group, ModelCard, ModelKind
from modelyard.catalog.loader import merge_facts
from modelyard.log import logger
from modelyard.refs import ModelRef
from modelyard.suggest import did_you_mean

if TYPE_CHECKING:
    from modelyard.catalog.overrides import Overrides
    from modelyard.types.base import JsonObject

__all__ = ["Overlaid", "overlay"]


@dataclass(frozen=True, slots=True)
class Overlaid:
    """Cards and aliases with the host's own among them."""

    cards: tuple[ModelCard, ...]
    aliases: Mapping[str, str]


def overlay(cards: Iterable[ModelCard], overrides: Overrides, providers: Collection[str]) -> Overlaid:
    """Lay overrides over cards.

    Raises ``ConfigurationError`` naming the file and the key for facts that make no card and for an alias that
    two models would share. What is said of a provider without a plugin is left out, with a warning.
    """
    known = {card.ref: card for card in (*cards, *overrides.cards)}
    for ref, facts in overrides.models.items():
        if _is_served(ref, providers, overrides):
            known[ref] = _card(ref, dict(facts), known, overrides)
    for ref, steps in overrides.prices.items():
        if _is_served(ref, providers, overrides):
            base = known.get(ref) or _unknown(ref)
            known[ref] = _valid(base, {"prices": list(steps)}, overrides, f"prices.{ref!r}")
    aliases = {}
    for name, target in overrides.aliases.items():
        if ":" in name:
            known.update(_with_alias(name, target, known, overrides))
        else:
            aliases[name] = target
    _check_own_aliases(overrides, known)
    return Overlaid(tuple(known.values()), aliases)


def _is_served(ref: str, providers: Collection[str], overrides: Overrides) -> bool:
    provider = ModelRef.parse(ref).provider
    if provider in providers:
        return True
    hint = did_you_mean(provider, providers) or "Its plugin is not installed."
    logger("catalog").warning("%s: %s is left out. %s", overrides.where, ref, hint)
    return False


def _card(ref: str, facts: JsonObject, known: Mapping[str, ModelCard], overrides: Overrides) -> ModelCard:
    key = f"models.{ref!r}"
    like = facts.pop("like", None)
    base = known.get(ref)
    if like is not None:
        model = known.get(str(like))
        if model is None:
            raise overrides.fail(f"{key}.like", f"no card lists {like!r}.", did_you_mean(str(like), known))
        own = _unknown(ref)
        base = model.model_copy(
            update={"provider": own.provider, "id": own.id, "aliases": (), "default_contexts": (), "known": True}
        )
    return _valid(base or _unknown(ref), facts, overrides, key)


def _valid(base: ModelCard, facts: JsonObject, overrides: Overrides, key: str) -> ModelCard:
    fixed = [name for name in ("provider", "id", "known") if name in facts]
    if fixed:
        raise overrides.fail(f"{key}.{fixed[0]}", "it is part of the reference and cannot be set.")
    if facts.get("kind", "chat") not in get_args(ModelKind):
        raise overrides.fail(f"{key}.kind", "it must be one of: " + ", ".join(get_args(ModelKind)) + ".")
    source = {"title": overrides.where, "as_of": overrides.as_of}
    groups = {name: source for name in get_args(Group) if name in facts}
    stated = facts.get("sources", {})
    if not isinstance(stated, Mapping):
        raise overrides.fail(f"{key}.sources", f"must be a table, not {type(stated).__name__}.")
    whole = merge_facts(base.model_dump(), {**facts, "sources": {**groups, **stated}})
    whole["known"] = True
    try:
        return ModelCard.model_validate(whole)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        hint = None
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            hint = did_you_mean(place, [*ModelCard.model_fields, "like"])
        raise overrides.fail(f"{key}.{place}", f"{first['msg']}.", hint) from None


def _with_alias(
    name: str, target: str, known: Mapping[str, ModelCard], overrides: Overrides
) -> dict[str, ModelCard]:
    """The cards an alias of a provider changes: the one it leads to, and the one it led to before."""
    key, alias, aim = f"aliases.{name!r}", ModelRef.parse(name), ModelRef.parse(target)
    if alias.provider != aim.provider:
        raise overrides.fail(
            key, f"it leads to another provider, {aim.provider!r}.", "Leave the provider out of its name."
        )
    if name in known:
        raise overrides.fail(key, "it is the id of a model.", "Choose another name.")
    changed = {
        card.ref: card.model_copy(update={"aliases": tuple(own for own in card.aliases if own != alias.model)})
        for card in known.values()
        if card.provider == alias.provider and alias.model in card.aliases and card.ref != target
    }
    for ref in changed:
        logger("catalog").warning("%s: %s is an alias of %s no more.", overrides.where, name, ref)
    card = known.get(target)
    if card is None:
        raise overrides.fail(key, f"no card lists {target!r}.", did_you_mean(target, known))
    return {**changed, target: card.model_copy(update={"aliases": (*card.aliases, alias.model)})}


def _check_own_aliases(overrides: Overrides, known: Mapping[str, ModelCard]) -> None:
    """Two models must not claim one alias by the host's own word."""
    claimed: dict[str, str] = {}
    for ref, facts in overrides.models.items():
        for alias in facts.get("aliases", ()):
            name = f"{ModelRef.parse(ref).provider}:{alias}"
            other = claimed.setdefault(name, ref)
            if other != ref:
                raise overrides.fail(f"models.{ref!r}.aliases", f"{alias!r} is an alias of {other} too.")
            if name in known:
                raise overrides.fail(f"models.{ref!r}.aliases", f"{alias!r} is the id of a model.")


def _unknown(ref: str) -> ModelCard:
    return ModelCard.unknown(*ModelRef.parse(ref))

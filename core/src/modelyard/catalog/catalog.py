"""An immutable snapshot of every model card at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from modelyard.catalog.capability import CapabilityName
from modelyard.catalog.card import Context, ModelCard, ModelKind
from modelyard.catalog.dated import undated
from modelyard.catalog.describe import describe_catalog
from modelyard.catalog.retirement import Retirements
from modelyard.errors import NoRouteError
from modelyard.log import logger
from modelyard.refs import ModelRef, canonical_provider
from modelyard.suggest import did_you_mean

if TYPE_CHECKING:
    from modelyard.catalog.constraints import Constraints

__all__ = ["Catalog"]


class Catalog:
    """Model cards in the order their plugins list them; iterate it, or look a card up.

    A snapshot never changes, so one may be replaced by another while requests run on it. ``ready`` are the
    providers with a credential, ``labels`` the providers' names, ``aliases`` names of the host's own for
    references, ``defaults`` the host's choice for contexts, the preferred first.
    """

    __slots__ = ("_by_name", "_cards", "_defaults", "_labels", "_ready", "_retirements", "aliases")

    def __init__(
        self,
        cards: Iterable[ModelCard],
        ready: Iterable[str] = (),
        *,
        labels: Mapping[str, str] | None = None,
        aliases: Mapping[str, str] | None = None,
        defaults: Mapping[str, Sequence[str]] | None = None,
        retirements: Retirements | None = None,
    ) -> None:
        self._cards = tuple(cards)
        self._ready = frozenset(ready)
        self._labels = dict(labels or {})
        self._defaults = dict(defaults or {})
        self._retirements = retirements or Retirements()
        self.aliases = dict(aliases or {})
        self._by_name: dict[tuple[str, str], ModelCard] = {(card.provider, card.id): card for card in self._cards}
        for card in self._cards:
            for name in card.aliases:
                other = self._by_name.setdefault((card.provider, name), card)
                if other is not card:
                    logger("catalog").warning("The alias %r of %s is taken by %s.", name, card.ref, other.ref)

    def __iter__(self) -> Iterator[ModelCard]:
        return iter(self._cards)

    def __len__(self) -> int:
        return len(self._cards)

    def __contains__(self, reference: str) -> bool:
        return self.get(reference) is not None

    def __repr__(self) -> str:
        return f"<Catalog of {len(self)} models from {', '.join(self.providers) or 'no provider'}>"

    @property
    def providers(self) -> tuple[str, ...]:
        """The provider ids that have a card, in order."""
        return tuple(dict.fromkeys(card.provider for card in self._cards))

    @property
    def today(self) -> date:
        """The day by which retirements and prices are judged."""
        return self._retirements.today()

    def get(self, reference: str | ModelRef) -> ModelCard | None:
        """The card of a model by id or alias, ``None`` if the catalog does not list it."""
        if isinstance(reference, str):
            reference = ModelRef.parse(self.aliases.get(reference, reference))
        return self._by_name.get((reference.provider, reference.model))

    def resolve(self, ref: ModelRef) -> ModelCard:
        """The card of a model, an all-``unknown`` one if no card lists it: new models are allowed.

        A dated id without a card (``gpt-6-sol-2026-09-01``) gets the facts of the model it is a version of.
        """
        found = self._by_name.get((ref.provider, ref.model))
        if found is not None:
            return found
        base = self._by_name.get((ref.provider, undated(ref.model) or ""))
        if base is not None:
            return base.model_copy(update={"id": ref.model, "aliases": ()})
        return ModelCard.unknown(*ref)

    def suggest(self, ref: ModelRef) -> str | None:
        """A question naming the ids near to one that no card lists; ``None`` when nothing is near."""
        names = (name for provider, name in self._by_name if provider == ref.provider)
        return did_you_mean(ref.model, names)

    def find(
        self,
        *,
        provider: str | None = None,
        needs: Sequence[CapabilityName] = (),
        context: Context | None = None,
        constraints: Constraints | Mapping[str, Any] | None = None,
        kind: ModelKind | None = None,
    ) -> tuple[ModelCard, ...]:
        """The cards that satisfy every condition given.

        ``needs`` keeps cards that support each capability, at least in part. ``constraints`` are those of a route;
        regions and retention are judged by what the provider offers, whatever is agreed with it so far.
        """
        wanted = canonical_provider(provider) if provider is not None else None
        fits = self._fits(constraints)
        return tuple(
            card
            for card in self._cards
            if (wanted is None or card.provider == wanted)
            and all(card.capability(name) for name in needs)
            and (context is None or context in card.default_contexts)
            and (kind is None or card.kind == kind)
            and (fits is None or fits(card))
        )

    def default(self, context: Context = "chat") -> ModelCard:
        """The default model for a context.

        The host's settings come first, then the cards' own contexts in the order of the catalog; the first whose
        provider has a credential and which is not retired is taken. Raises ``NoRouteError`` with a reason for each
        model considered when there is none.
        """
        reasons = []
        for card, retired in self.default_choices(context):
            if retired is None and card.provider in self._ready:
                return card
            reasons.append((card.ref, retired or "no credential was found for its provider"))
        raise NoRouteError(
            f"No model can serve as the default for {context!r}.",
            candidates=reasons,
            hint="Set the API key of one provider, or install a provider plugin."
            if reasons
            else "Install a provider plugin, for example: pip install modelyard-claude",
        )

    def default_choices(self, context: str) -> tuple[tuple[ModelCard, str | None], ...]:
        """The models considered as a default, in order, each with why it is out, ``None`` if it may serve.

        A default that is retired is left out with a warning.
        """
        chosen = [
            self.resolve(ModelRef.parse(self.aliases.get(name, name))) for name in self._defaults.get(context, ())
        ]
        own = [card for card in self._cards if context in card.default_contexts]
        choices = {card.ref: (card, self.retirement(card)) for card in [*chosen, *own]}
        for card, retired in choices.values():
            if retired is not None:
                self._retirements.warn(card)
        return tuple(choices.values())

    def retirement(self, card: ModelCard) -> str | None:
        """Message that a model is retired, with its replacement; ``None`` while it serves."""
        return self._retirements.of(card)

    def advice(self, card: ModelCard) -> str | None:
        """Message that a model is retired or soon will be, with its replacement; ``None`` for one that stays."""
        return self._retirements.notice(card)

    def warn_retirement(self, card: ModelCard) -> None:
        """Log, once for each model, that it is retired or soon will be."""
        self._retirements.warn(card)

    def describe(self) -> dict[str, Any]:
        """The catalog as plain JSON data for a model selector: ``providers``, ``models``, ``defaults``.

        Models that do not chat, and those that are retired, are not offered.
        """
        offered = [card for card in self._cards if card.kind == "chat" and self.retirement(card) is None]
        return describe_catalog(self.providers, offered, self._labels, self._ready, self._selected())

    def _selected(self) -> dict[str, ModelCard]:
        contexts = dict.fromkeys(
            [*self._defaults, *(name for card in self._cards for name in card.default_contexts)]
        )
        selected: dict[str, ModelCard] = {}
        for context in contexts:
            for card, retired in self.default_choices(context):
                if retired is None and card.provider in self._ready:
                    selected.setdefault(context, card)
        return selected

    def _fits(self, value: Constraints | Mapping[str, Any] | None) -> Callable[[ModelCard], bool] | None:
        if value is None:
            return None
        from modelyard.catalog.constraints import Constraints

        constraints, day = Constraints.make(value), self.today
        return lambda card: (
            not any(
                True
                for exclusions in (constraints.card_exclusions(card, day), constraints.offer_exclusions(card))
                for _ in exclusions
            )
        )

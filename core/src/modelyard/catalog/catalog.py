"""An immutable snapshot of every model card at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from modelyard.catalog.capability import CapabilityName
from modelyard.catalog.card import Context, ModelCard
from modelyard.catalog.suggest import did_you_mean
from modelyard.errors import NoRouteError
from modelyard.refs import ModelRef

__all__ = ["Catalog"]


class Catalog:
    """Model cards in the order their plugins list them; iterate it, or look a card up.

    A snapshot never changes, so one may be replaced by another while requests run on it.
    """

    __slots__ = ("_by_name", "_cards", "_ready")

    def __init__(self, cards: Iterable[ModelCard], ready: Iterable[str] = ()) -> None:
        self._cards = tuple(cards)
        self._ready = frozenset(ready)
        self._by_name: dict[tuple[str, str], ModelCard] = {}
        for card in self._cards:
            for name in (*card.aliases, card.id):
                self._by_name[card.provider, name] = card

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

    def get(self, reference: str | ModelRef) -> ModelCard | None:
        """The card of a model by id or alias, ``None`` if the catalog does not list it."""
        ref = ModelRef.parse(reference) if isinstance(reference, str) else reference
        return self._by_name.get((ref.provider, ref.model))

    def resolve(self, ref: ModelRef) -> ModelCard:
        """The card of a model, an all-``unknown`` one if no card lists it: new models are allowed."""
        return self._by_name.get((ref.provider, ref.model)) or ModelCard.unknown(*ref)

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
    ) -> tuple[ModelCard, ...]:
        """The cards that satisfy every condition given.

        ``needs`` keeps cards that support each capability, at least in part.
        """
        return tuple(
            card
            for card in self._cards
            if (provider is None or card.provider == provider)
            and all(card.capability(name) for name in needs)
            and (context is None or context in card.default_contexts)
        )

    def default(self, context: Context = "chat") -> ModelCard:
        """The default model for a context: the first listed whose provider has a credential.

        Raises ``NoRouteError`` with a reason for each model considered when no provider has one.
        """
        candidates = self.find(context=context)
        for card in candidates:
            if card.provider in self._ready:
                return card
        reasons = [(card.ref, "no credential was found for its provider") for card in candidates]
        raise NoRouteError(
            f"No model can serve as the default for {context!r}.",
            candidates=reasons,
            hint="Set the API key of one provider, or install a provider plugin."
            if reasons
            else "Install a provider plugin, for example: pip install modelyard-claude",
        )

    def describe(self) -> dict[str, Any]:
        """The catalog as plain JSON data for a model selector."""
        return {
            "providers": [
                {"provider_id": name, "status": "ready" if name in self._ready else "planned"}
                for name in self.providers
            ],
            "models": [_describe_model(card) for card in self._cards],
            "defaults": self._describe_defaults(),
        }

    def _describe_defaults(self) -> list[dict[str, Any]]:
        found: dict[Context, ModelCard] = {}
        for card in self._cards:
            for context in card.default_contexts:
                if card.provider in self._ready:
                    found.setdefault(context, card)
        return [
            {"context": context, "provider_id": card.provider, "model_id": card.id}
            for context, card in found.items()
        ]


def _describe_model(card: ModelCard) -> dict[str, Any]:
    return {
        "provider_id": card.provider,
        "model_id": card.id,
        "label": card.label,
        "reasoning_tier": card.reasoning.tier,
        "supports_tools": bool(card.capability("tools")),
        "supports_streaming": bool(card.capability("streaming")),
        "default_contexts": list(card.default_contexts),
    }

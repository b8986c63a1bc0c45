"""Model cards: valid, sourced, and the same models the emulator speaks of."""

from __future__ import annotations

from datetime import date

from modelyard.catalog.card import Group, ModelCard
from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.rules import case, require

__all__ = ["CardCases"]


class CardCases:
    """Cases about the catalog's facts."""

    @case
    def test_cards_are_the_providers_own_and_unique(self, wire: Bench) -> None:
        """A reference must lead to one model."""
        cards = wire.subject.cards()
        require(cards, "the plugin lists models", "no cards", "return cards from modelyard_models")
        strangers = [card.ref for card in cards if card.provider != wire.subject.provider]
        require(not strangers, "cards carry the provider's id", strangers, "give load_cards the provider's id")
        names = [name for card in cards for name in (card.id, *card.aliases)]
        doubled = sorted({name for name in names if names.count(name) > 1})
        require(not doubled, "ids and aliases are unique", doubled, "remove one of each pair")
        require(
            any(card.kind == "chat" for card in cards),
            "one model is for chat",
            "none",
            "give one card kind 'chat'",
        )

    @case
    def test_every_figure_names_its_source(self, wire: Bench) -> None:
        """A figure without a source cannot be checked when it changes, and figures change every month."""
        for card in wire.subject.cards():
            for group in _groups_with_figures(card):
                source = card.sources.get(group)
                require(
                    source is not None and source.title.strip(),
                    "every group of figures names its source",
                    f"{card.ref}: {group} has none",
                    f"add sources.{group} with title, url and as_of",
                )
                require(
                    source is None or source.as_of <= date.today(),
                    "a source was read in the past",
                    f"{card.ref}: {group} as of {source and source.as_of}",
                    "write the day it was read",
                )

    @case
    def test_figures_are_plausible(self, wire: Bench) -> None:
        """Slips of a digit or a unit are the usual error in tables."""
        for card in wire.subject.cards():
            limits = card.limits
            sizes = (limits.context_window, limits.max_input_tokens, limits.max_output_tokens)
            require(
                all(size is None or size > 0 for size in sizes),
                "limits are positive, or absent",
                f"{card.ref}: {sizes}",
                "leave out what no source states",
            )
            window, output = limits.context_window, limits.max_output_tokens
            require(
                window is None or output is None or output <= window,
                "an answer fits the context window",
                f"{card.ref}: {output} > {window}",
                "check both figures",
            )
            for step in card.prices:
                require(
                    min(step.input, step.output) >= 0 and max(step.input, step.output) < 10_000,
                    "prices are US dollars per million tokens",
                    f"{card.ref}: {step}",
                    "convert the unit",
                )

    @case
    def test_capabilities_agree_with_each_other(self, wire: Bench) -> None:
        """The cases and the router go by these: a contradiction makes a model pass for what it is not."""
        for card in wire.subject.cards():
            can_reason = card.capability("reasoning").state
            require(
                not (can_reason == "unsupported" and (card.reasoning.efforts or card.reasoning.control)),
                "a model that does not reason has no efforts",
                card.ref,
                "correct capabilities.reasoning or the group reasoning",
            )
            tools = card.capability("tools").state
            for name in ("parallel_tools", "forced_tool_choice", "strict_tools"):
                require(
                    not (tools == "unsupported" and card.capability(name)),
                    "a model without tools has no ways to use them",
                    f"{card.ref}: {name}",
                    f"correct capabilities.{name}",
                )

    @case
    def test_lives_of_models_are_in_order(self, wire: Bench) -> None:
        """Retirements are acted on by date: the router leaves a retired model."""
        for card in wire.subject.cards():
            life = card.lifecycle
            days = [day for day in (life.released, life.deprecated, life.retires) if day is not None]
            require(
                days == sorted(days),
                "released, deprecated and retires follow each other",
                f"{card.ref}: {days}",
                "check the dates",
            )


def _groups_with_figures(card: ModelCard) -> list[Group]:
    empty = ModelCard(provider=card.provider, id=card.id, label=card.label)
    groups: tuple[Group, ...] = ("limits", "capabilities", "reasoning", "lifecycle", "prices", "retention")
    return [group for group in groups if getattr(card, group) != getattr(empty, group)]

"""Conditions a host sets on where its requests may go, whatever the request needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from modelyard.catalog.pricing import price_of
from modelyard.errors import ConfigurationError
from modelyard.refs import PROVIDER_ALIASES
from modelyard.suggest import did_you_mean

if TYPE_CHECKING:
    from modelyard.catalog.card import ModelCard

__all__ = ["Constraints", "DeploymentTerms", "Exclusion"]


class Exclusion(NamedTuple):
    """Reason why a model or deployment is out, and the change that would let it in.

    ``size`` compares changes of one kind: a bound that must double has size 2.
    """

    reason: str
    fix: str
    size: float = 1.0


class DeploymentTerms(NamedTuple):
    """Terms of a deployment beyond its card: its region, and the days of retention its account agreed on."""

    region: str | None
    agreed_days: int | None


def _said(default: Any, help: str, *options: str) -> Any:
    """A field with its help on the command line, and the options it has there in place of its own name."""
    return field(default=default, metadata={"help": help, **({"options": options} if options else {})})


@dataclass(frozen=True, slots=True)
class Constraints:
    """Host conditions on routing. An unknown figure fails its condition; a field of ``None`` or empty is none.

    ``allow`` and ``deny`` hold provider ids, references, or patterns such as ``"openai:gpt-6*"``; denying wins.
    ``regions`` are names such as ``"eu"``, one of which must serve the call. ``max_retention_days`` bounds how
    long content is kept; ``zero_retention`` is a bound of 0, ``no_training`` demands that content is not used for
    training by default. ``max_price`` and ``max_output_price`` are US dollars per million tokens, ``min_window``
    is in tokens. What the metadata of a field says is its help on the command line, and its option where that has
    another name than the field.
    """

    allow: tuple[str, ...] = _said(
        (), "Only these: providers, models, or patterns as 'openai:*'; may be repeated."
    )
    deny: tuple[str, ...] = _said((), "None of these; wins over --allow; may be repeated.")
    regions: tuple[str, ...] = _said((), "Served here, such as eu; may be repeated.", "--region", "-r")
    max_retention_days: int | None = _said(None, "Days content may be kept, at most.")
    zero_retention: bool = _said(False, "Content is not kept at all.")
    no_training: bool = _said(False, "Content is not used for training by default.")
    max_price: float | None = _said(None, "US dollars per million input tokens, at most.")
    max_output_price: float | None = _said(None, "US dollars per million output tokens, at most.")
    min_window: int | None = _said(None, "Tokens of context, at least.")

    def __post_init__(self) -> None:
        for name in ("allow", "deny", "regions"):
            given = getattr(self, name)
            words = (given,) if isinstance(given, str) else tuple(given or ())
            object.__setattr__(self, name, tuple(_canonical(str(word)) for word in words))
        for name in ("max_retention_days", "max_price", "max_output_price", "min_window"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0):
                raise ConfigurationError(f"The constraint {name} must be a number from 0 on, not {value!r}.")

    @classmethod
    def make(cls, value: Constraints | Mapping[str, Any] | None) -> Constraints:
        """Take constraints, or make them of a dict.

        Raises ``ConfigurationError`` for one that does not exist, naming the one probably meant.
        """
        if value is None:
            return cls()
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"Constraints must be a dict, not {type(value).__name__}.")
        known = [entry.name for entry in fields(cls)]
        for name in value:
            if name not in known:
                hint = did_you_mean(str(name), known) or f"Constraints are: {', '.join(known)}."
                raise ConfigurationError(f"{name!r} is no constraint.", hint=hint)
        return cls(**value)

    @property
    def about_terms(self) -> bool:
        """True if any of them asks where a call is served or how long it is kept."""
        return bool(self.regions or self.zero_retention or self.no_training) or self.max_retention_days is not None

    @property
    def days(self) -> int | None:
        """The bound on days of retention, ``None`` without one."""
        return 0 if self.zero_retention else self.max_retention_days

    def card_exclusions(self, card: ModelCard, day: date, tokens: int = 0) -> Iterator[Exclusion]:
        """Reasons of the card alone to exclude it, on a day and for a prompt of a size."""
        ref = card.ref
        if any(_matches(pattern, card) for pattern in self.deny):
            yield Exclusion("it is denied", f"take {ref} off deny")
        if self.allow and not any(_matches(pattern, card) for pattern in self.allow):
            yield Exclusion("it is not on the allow list", f"add {ref} to allow")
        yield from self._price_exclusions(card, day, tokens)
        window = card.limits.context_window or card.limits.max_input_tokens
        if self.min_window is not None and (window or 0) < self.min_window:
            known = f"its window is {window:,} tokens" if window else "its window is not known"
            size = self.min_window / window if window else 2.0
            yield Exclusion(
                f"{known}, at least {self.min_window:,} is asked for", _lower("min_window", window), size
            )

    def terms_exclusions(self, card: ModelCard, terms: DeploymentTerms) -> Iterator[Exclusion]:
        """Reasons to exclude one deployment of a card's model."""
        if self.regions and (terms.region or "").lower() not in self.regions:
            where = f"it is served in {terms.region}" if terms.region else "it is not known to be served"
            yield Exclusion(
                f"{where}, not in {' or '.join(self.regions)}",
                f"name the region of the deployment: providers={{{card.provider!r}: {{'region': ...}}}}",
            )
        yield from self._training_exclusion(card)
        bound, kept = self.days, card.retention.days(terms.agreed_days)
        if bound is not None and (kept is None or kept > bound):
            yield Exclusion(f"{_kept(kept)}, at most {bound} is allowed", _keep_less(card, bound))

    def offer_exclusions(self, card: ModelCard) -> Iterator[Exclusion]:
        """Reasons to exclude every deployment of a card's model, whatever the host agrees with the provider."""
        retention = card.retention
        if self.regions and not set(self.regions) & set(retention.regions):
            yield Exclusion(f"no endpoint in {' or '.join(self.regions)} is known", "allow another region")
        yield from self._training_exclusion(card)
        bound = self.days
        if bound is None or (retention.default_days is not None and retention.default_days <= bound):
            return
        if retention.zero_retention != "by_contract":
            yield Exclusion(
                f"{_kept(retention.default_days)} and nothing else is known to be offered", "keep for longer"
            )
        elif retention.minimum_days > bound:
            yield Exclusion(f"{_kept(retention.minimum_days)} whatever the contract", "keep for longer")

    def _training_exclusion(self, card: ModelCard) -> Iterator[Exclusion]:
        if self.no_training and card.retention.trains is not False:
            yield Exclusion("content may be used for training", "drop no_training")

    def _price_exclusions(self, card: ModelCard, day: date, tokens: int) -> Iterator[Exclusion]:
        if self.max_price is None and self.max_output_price is None:
            return
        step = price_of(card, day, tokens)
        if step is None:
            yield Exclusion("its price is not known", f"give {card.ref} a price in the catalog's overrides")
            return
        for name, bound, price in (
            ("max_price", self.max_price, step.input),
            ("max_output_price", self.max_output_price, step.output),
        ):
            if bound is not None and price > bound:
                side = "input" if name == "max_price" else "output"
                yield Exclusion(
                    f"its {side} price is ${price:g}, at most ${bound:g} is allowed",
                    f"raise {name} to {price:g}",
                    price / bound if bound else price + 1,
                )


def _canonical(word: str) -> str:
    provider, colon, rest = word.strip().lower().partition(":")
    return f"{PROVIDER_ALIASES.get(provider, provider)}{colon}{rest}"


def _matches(pattern: str, card: ModelCard) -> bool:
    if ":" not in pattern:
        return fnmatchcase(card.provider, pattern)
    return any(fnmatchcase(f"{card.provider}:{name}".lower(), pattern) for name in (card.id, *card.aliases))


def _lower(name: str, window: int | None) -> str:
    return f"lower {name} to {window:,}" if window else f"drop {name}"


def _kept(days: int | None) -> str:
    return "how long content is kept is not known" if days is None else f"content is kept for {days} days"


def _keep_less(card: ModelCard, bound: int) -> str:
    if card.retention.minimum_days > bound:
        return f"allow {card.retention.minimum_days} days"
    return f"if your contract says so, declare it: providers={{{card.provider!r}: {{'retention_days': {bound}}}}}"

"""Additions of a host to the catalog: models, aliases, defaults and prices, from a TOML file or from code.

[defaults]
chat = "mistral:mistral-large-4"

[aliases]
fast = "openai:gpt-6-luna"

[prices]
"openai:gpt-6-sol" = { input = 1.8, output = 9.0 }

[models."openai:house-model"]
like = "openai:gpt-6-sol"
label = "House model"
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from modelyard.errors import ConfigurationError
from modelyard.files import UnreadableError, read_text
from modelyard.refs import ModelRef, canonical_provider
from modelyard.suggest import did_you_mean

if TYPE_CHECKING:
    from modelyard.catalog.card import ModelCard
    from modelyard.types.base import JsonObject

__all__ = ["Additions", "Overrides", "read_overrides"]

Additions: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any] | Iterable[ModelCard] | None"
"""Argument ``catalog`` of a runtime: the path of a TOML file, a dict of the same shape, or cards."""

_TABLES: Final = ("models", "aliases", "defaults", "prices")


@dataclass(frozen=True, slots=True)
class Overrides:
    """Host additions as parsed. Their shape is checked here, the values of cards later by ``overlay``.

    ``where`` names the file in errors and as the source of figures, ``as_of`` is its date.
    """

    where: str = "Runtime(catalog=...)"
    as_of: date = date.min
    models: Mapping[str, JsonObject] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prices: Mapping[str, tuple[JsonObject, ...]] = field(default_factory=dict)
    cards: tuple[ModelCard, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.models or self.aliases or self.prices or self.cards)

    def only(self, providers: Collection[str]) -> Overrides | None:
        """Overrides of some providers; ``None`` where a model of theirs is said to be like one of another's."""
        models = {ref: facts for ref, facts in self.models.items() if _provider(ref) in providers}
        likes = (facts.get("like") for facts in models.values())
        if any(isinstance(like, str) and _provider(like) not in providers for like in likes):
            return None
        return replace(
            self,
            models=models,
            aliases={name: ref for name, ref in self.aliases.items() if _concerns(name, ref, providers)},
            prices={ref: steps for ref, steps in self.prices.items() if _provider(ref) in providers},
            cards=tuple(card for card in self.cards if card.provider in providers),
        )

    def fail(self, key: str, complaint: str, hint: str | None = None) -> ConfigurationError:
        """The error for one key."""
        return ConfigurationError(f"{self.where}: {key}: {complaint}", hint=hint)


def _provider(ref: str) -> str:
    return canonical_provider(ref.partition(":")[0])


def _concerns(name: str, ref: str, providers: Collection[str]) -> bool:
    """Whether an alias does: one of a provider's models, or a name of the host's own, which may lead anywhere."""
    return ":" not in name or {_provider(name), _provider(ref)} <= set(providers)


def read_overrides(additions: Additions, today: date, where: str | None = None) -> Overrides:
    """Read what a host adds; left out, the file that ``MODELYARD_CATALOG`` names.

    ``where`` is what a dict or cards are called in errors. Raises ``ConfigurationError`` naming the file and the
    key.
    """
    if additions is None:
        additions = os.environ.get("MODELYARD_CATALOG", "").strip() or None
        if additions is None:
            return Overrides()
    if isinstance(additions, (str, os.PathLike)):
        return _read_file(Path(additions))
    bare = Overrides(as_of=today) if where is None else Overrides(where, today)
    if isinstance(additions, Mapping):
        return _check(additions, bare)
    return replace(bare, cards=_cards(additions))


def _cards(additions: object) -> tuple[ModelCard, ...]:
    from modelyard.catalog.card import ModelCard

    cards = tuple(additions) if isinstance(additions, Iterable) and not isinstance(additions, bytes) else (None,)
    if not all(isinstance(card, ModelCard) for card in cards):
        raise ConfigurationError(
            "catalog must be the path of a TOML file, a dict of the same shape, or a list of ModelCard objects."
        )
    return cards


def _read_file(path: Path) -> Overrides:
    import tomllib

    try:
        document = tomllib.loads(read_text(path))
    except UnreadableError as error:
        raise ConfigurationError(f"The catalog file {path} cannot be read: {error}.") from None
    except RecursionError:
        raise ConfigurationError(f"{path} is not valid TOML: it is nested too deeply.") from None
    except ValueError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}.") from None
    return _check(document, Overrides(where=str(path), as_of=_changed(path)))


def _changed(path: Path) -> date:
    try:
        return date.fromtimestamp(path.stat().st_mtime)
    except (OSError, OverflowError, ValueError):  # gone meanwhile, or a time that no calendar has
        return date.min


def _check(document: Mapping[str, Any], bare: Overrides) -> Overrides:
    for name, table in document.items():
        if name not in _TABLES:
            hint = did_you_mean(str(name), _TABLES) or f"Tables are: {', '.join(_TABLES)}."
            raise bare.fail(str(name), "no such table.", hint)
        if not isinstance(table, Mapping):
            raise bare.fail(name, f"must be a table, not {type(table).__name__}.")
    return Overrides(
        where=bare.where,
        as_of=bare.as_of,
        models={
            _ref(bare, "models", ref): _table(bare, f"models.{ref!r}", facts)
            for ref, facts in _of(document, "models")
        },
        aliases=dict(_alias(bare, name, target) for name, target in _of(document, "aliases")),
        defaults={name: _default(bare, name, chosen) for name, chosen in _of(document, "defaults")},
        prices={_ref(bare, "prices", ref): _steps(bare, ref, steps) for ref, steps in _of(document, "prices")},
    )


def _of(document: Mapping[str, Any], table: str) -> Iterable[tuple[str, Any]]:
    entries: Mapping[str, Any] = document.get(table, {})
    return entries.items()


def _ref(bare: Overrides, table: str, reference: str) -> str:
    try:
        return str(ModelRef.parse(reference))
    except ConfigurationError as error:
        raise bare.fail(f"{table}.{reference!r}", error.message, error.hint) from None


def _table(bare: Overrides, key: str, value: Any) -> JsonObject:
    if not isinstance(value, Mapping):
        raise bare.fail(key, f"must be a table, not {type(value).__name__}.")
    return dict(value)


def _alias(bare: Overrides, name: str, target: Any) -> tuple[str, str]:
    key = f"aliases.{name!r}"
    if not isinstance(target, str):
        raise bare.fail(key, f"must be a model reference, not {type(target).__name__}.")
    if "*" in name or name.startswith("default:") or not name.strip():
        raise bare.fail(key, "an alias must not look like a pattern or a default.")
    return (_ref(bare, "aliases", name) if ":" in name else name), _ref(bare, "aliases", target)


def _default(bare: Overrides, context: str, chosen: Any) -> tuple[str, ...]:
    from modelyard.catalog.contexts import CONTEXTS

    key = f"defaults.{context}"
    if context not in CONTEXTS:
        hint = did_you_mean(context, CONTEXTS) or f"Contexts are: {', '.join(CONTEXTS)}."
        raise bare.fail(key, "no such context.", hint)
    names = [chosen] if isinstance(chosen, str) else chosen
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise bare.fail(key, "must be a model reference or a list of them.")
    return tuple(names)


def _steps(bare: Overrides, reference: str, steps: Any) -> tuple[JsonObject, ...]:
    listed = [steps] if isinstance(steps, Mapping) else steps
    if not isinstance(listed, (list, tuple)) or not all(isinstance(step, Mapping) for step in listed):
        raise bare.fail(f"prices.{reference!r}", "must be a table of prices or a list of them.")
    return tuple(dict(step) for step in listed)

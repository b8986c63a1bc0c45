"""Reading a plugin's ``models.json`` into model cards.

The file states facts once: ``sources`` names where figures come from, ``defaults`` hold what all models
share, ``families`` what several do, and each model adds its own on top, group by group::

    {"sources":  {"docs": {"title": "...", "as_of": "2026-11-22"}},
     "defaults": {"retention": {"default_days": 30}, "sources": {"retention": "docs"}},
     "families": {"flagship": {"capabilities": {"tools": "supported"}, "sources": {"capabilities": "docs"}}},
     "models":   [{"id": "m-1", "label": "M 1", "family": "flagship", "limits": {"context_window": 200000}}]}
"""

from __future__ import annotations

import pkgutil
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from modelyard.catalog.card import ModelCard
from modelyard.catalog.construct import Constructor
from modelyard.errors import ConfigurationError
from modelyard.log import logger
from modelyard.types.base import JsonObject

__all__ = ["load_cards", "merge_facts", "parse_cards"]


def load_cards(package: str, provider: str, filename: str = "models.json") -> tuple[ModelCard, ...]:
    """Read the cards a package ships.

    Raises ``ConfigurationError`` naming the file, the model and the key when one is malformed.
    """
    content = pkgutil.get_data(package, filename)
    if content is None:
        raise ConfigurationError(f"{package} ships no {filename}.")
    return parse_cards(content, provider, f"{package}/{filename}")


def parse_cards(content: bytes, provider: str, where: str) -> tuple[ModelCard, ...]:
    """Make cards of the content of a ``models.json``; ``where`` names it in errors."""
    try:
        document = from_json(content)
    except ValueError as error:
        raise ConfigurationError(f"{where} is not valid JSON: {error}.") from None
    try:
        return _cards(document, provider, where)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error!s:.100}"
    raise ConfigurationError(f"{where} does not have the form of a catalog ({reason}).")


def _cards(document: Any, provider: str, where: str) -> tuple[ModelCard, ...]:
    defaults, sources = document.get("defaults", {}), document.get("sources", {})
    families = {name: merge_facts(defaults, family) for name, family in document.get("families", {}).items()}
    families[""] = defaults
    constructor = Constructor(provider)
    sources = {name: constructor.source(facts) for name, facts in sources.items()}
    newer: list[str] = []
    cards = tuple(_card(entry, constructor, families, sources, where, newer) for entry in document["models"])
    if newer:
        logger("catalog").warning(
            "%s says what this core does not know and keeps as data (extra): %s.",
            where,
            ", ".join(dict.fromkeys(newer)),
        )
    return cards


def _card(
    entry: JsonObject,
    constructor: Constructor,
    families: JsonObject,
    sources: JsonObject,
    where: str,
    newer: list[str],
) -> ModelCard:
    own = {key: value for key, value in entry.items() if key != "family"}
    name = entry.get("family", "")
    if name not in families:
        raise ConfigurationError(f"{where}: model {entry.get('id')!r} names an unknown family {name!r}.")
    merged = merge_facts(families[name], own)
    merged["sources"] = {
        group: _source(source, sources, where) for group, source in merged.get("sources", {}).items()
    }
    constructed = constructor.make(merged)
    if constructed is not None:
        return constructed
    from modelyard.catalog.newer import set_apart

    known, names = set_apart(merged)
    newer += names
    try:
        return ModelCard.model_validate({"provider": constructor.provider, **known})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{where}: model {entry.get('id')!r}, {key}: {first['msg']}.") from None


def _source(source: Any, sources: JsonObject, where: str) -> Any:
    if not isinstance(source, str):
        return source
    if source not in sources:
        raise ConfigurationError(f"{where}: unknown source {source!r}.")
    return sources[source]


def merge_facts(base: JsonObject, own: JsonObject) -> JsonObject:
    """Lay a model's own facts over those it shares; groups merge key by key, lists and values replace."""
    merged = dict(base)
    for key, value in own.items():
        inherited = base.get(key)
        if isinstance(inherited, dict) and isinstance(value, dict):
            merged[key] = {**inherited, **value}
        else:
            merged[key] = value
    return merged

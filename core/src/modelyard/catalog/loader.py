"""Reading a plugin's ``models.json`` into model cards.

The file states facts once: ``sources`` names where figures come from, ``defaults`` hold what all models
share, ``families`` what several do, and each model adds its own on top, group by group::

    {"sources":  {"docs": {"title": "...", "as_of": "2026-11-22"}},
     "defaults": {"retention": {"default_days": 30}, "sources": {"retention": "docs"}},
     "families": {"flagship": {"capabilities": {"tools": "supported"}, "sources": {"capabilities": "docs"}}},
     "models":   [{"id": "m-1", "label": "M 1", "family": "flagship", "limits": {"context_window": 200000}}]}
"""

from __future__ import annotations

import json
import pkgutil
from typing import Any, get_args

from pydantic import ValidationError

from modelyard.catalog.capability import Capability, CapabilityState
from modelyard.catalog.card import ModelCard
from modelyard.errors import ConfigurationError
from modelyard.types.base import JsonObject

__all__ = ["load_cards", "parse_cards"]

_STATES = {state: Capability.model_construct(state=state) for state in get_args(CapabilityState)}


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
        document = json.loads(content)
    except ValueError as error:
        raise ConfigurationError(f"{where} is not valid JSON: {error}.") from None
    defaults, sources = document.get("defaults", {}), document.get("sources", {})
    families = {name: _merge(defaults, family) for name, family in document.get("families", {}).items()}
    families[""] = defaults
    return tuple(_card(entry, provider, families, sources, where) for entry in document["models"])


def _card(entry: JsonObject, provider: str, families: JsonObject, sources: JsonObject, where: str) -> ModelCard:
    own = {key: value for key, value in entry.items() if key != "family"}
    name = entry.get("family", "")
    if name not in families:
        raise ConfigurationError(f"{where}: model {entry.get('id')!r} names an unknown family {name!r}.")
    merged = _merge(families[name], own)
    merged["capabilities"] = {
        capability: _capability(state) for capability, state in merged.get("capabilities", {}).items()
    }
    merged["sources"] = {
        group: _source(source, sources, where) for group, source in merged.get("sources", {}).items()
    }
    try:
        return ModelCard.model_validate({"provider": provider, **merged})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{where}: model {entry.get('id')!r}, {key}: {first['msg']}.") from None


def _capability(state: Any) -> Any:
    """A plain state as the capability it means; the same few make up every card, so they are shared."""
    return _STATES.get(state, state) if isinstance(state, str) else state


def _source(source: Any, sources: JsonObject, where: str) -> Any:
    if not isinstance(source, str):
        return source
    if source not in sources:
        raise ConfigurationError(f"{where}: unknown source {source!r}.")
    return sources[source]


def _merge(base: JsonObject, own: JsonObject) -> JsonObject:
    """Lay a model's own facts over its family's; groups merge key by key, lists and values replace."""
    merged = dict(base)
    for key, value in own.items():
        inherited = base.get(key)
        if isinstance(inherited, dict) and isinstance(value, dict):
            merged[key] = {**inherited, **value}
        else:
            merged[key] = value
    return merged

"""Fields and words of a ``models.json`` that only a newer core knows: kept as data, acted on by nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, get_args, get_type_hints

from modelyard.catalog.capability import CAPABILITIES, Capability, CapabilityState
from modelyard.catalog.card import (
    Context,
    Group,
    Lifecycle,
    ModelCard,
    ModelKind,
    ModelLimits,
    PriceStep,
    Reasoning,
    Source,
)
from modelyard.catalog.retention import Retention, ZeroRetention
from modelyard.types.base import Frozen, JsonObject
from modelyard.types.controls import Effort

__all__ = ["set_apart"]

_Words: TypeAlias = frozenset[str]
_Split: TypeAlias = tuple[Any, Any]
"""What this core knows of a value, and what it does not; ``None`` for nothing."""


def _words(literal: Any) -> _Words:
    return frozenset(word for word in get_args(literal) if isinstance(word, str))


def _of(model: type[Frozen], name: str) -> _Words:
    """The words a field takes, whether alone, in a tuple or beside ``None``."""
    hint = get_type_hints(model)[name]
    return _words(hint) | {word for part in get_args(hint) for word in _words(part)}


def set_apart(facts: JsonObject) -> tuple[JsonObject, list[str]]:
    """Put what is not known into ``extra``; return the facts that are left with it, and a name for each thing.

    Only text that stands where a word stands, and names of fields, can be new: a figure that is text is wrong in
    any version.
    """
    known: JsonObject = {}
    extra: JsonObject = {}
    for name, value in facts.items():
        split = _FIELDS.get(name)
        kept, strange = split(value) if split else (None, value) if name not in _CARD_FIELDS else (value, None)
        if kept is not None or strange is None:
            known[name] = kept
        if strange is not None:
            extra[name] = strange
    names = [part for name, value in extra.items() for part in _told(name, value, whole=name not in _CARD_FIELDS)]
    kind = facts.get("kind")
    if isinstance(kind, str) and kind not in _KINDS:
        names.append(f"kind {kind!r}")
    return ({**known, "extra": extra} if extra else known), names


def _told(name: str, value: Any, *, whole: bool) -> list[str]:
    """Names for what was set apart: fields by their own, words with the field they stand in."""
    if whole:
        return [f"field {name!r}"]
    if isinstance(value, dict):
        return [
            f"{name}.{key}" if isinstance(item, (dict, list)) else f"{name}.{key}: {item!r:.60}"
            for key, item in value.items()
        ]
    return [f"{name} {item!r:.60}" for item in value]


def _group(model: type[Frozen], **parts: Callable[[Any], _Split]) -> Callable[[Any], _Split]:
    """Set apart the unknown fields of a group, and the unknown words of some of its fields."""
    fields = frozenset(model.model_fields)

    def split(value: Any) -> _Split:
        if not isinstance(value, dict):
            return value, None
        kept: JsonObject = {}
        strange: JsonObject = {}
        for name, item in value.items():
            good, new = parts[name](item) if name in parts else (item, None) if name in fields else (None, item)
            if new is not None:
                strange[name] = new
            if good is not None or new is None:
                kept[name] = good
        return kept, strange or None

    return split


def _one_of(words: _Words) -> Callable[[Any], _Split]:
    return lambda value: (None, value) if isinstance(value, str) and value not in words else (value, None)


def _some_of(words: _Words) -> Callable[[Any], _Split]:
    def split(value: Any) -> _Split:
        if not isinstance(value, (list, tuple)):
            return value, None
        new = [item for item in value if isinstance(item, str) and item not in words]
        return [item for item in value if item not in new], new or None

    return split


def _named(names: _Words, each: Callable[[Any], _Split]) -> Callable[[Any], _Split]:
    """Set apart the entries of a mapping whose names are new, and what is new in the others."""

    def split(value: Any) -> _Split:
        if not isinstance(value, dict):
            return value, None
        pairs = {name: each(item) if name in names else (None, item) for name, item in value.items()}
        kept = {name: good for name, (good, new) in pairs.items() if good is not None or new is None}
        return kept, {name: new for name, (_, new) in pairs.items() if new is not None} or None

    return split


def _steps(value: Any) -> _Split:
    if not isinstance(value, (list, tuple)):
        return value, None
    pairs = [_STEP(item) for item in value]
    return [kept for kept, _ in pairs], [new for _, new in pairs if new is not None] or None


def _capability(value: Any) -> _Split:
    return _STATE(value) if isinstance(value, str) else _CAPABILITY(value)


_KINDS: Final = _words(ModelKind)
_CARD_FIELDS: Final = frozenset(ModelCard.model_fields) - {"extra"}
_STEP: Final = _group(PriceStep)
_STATE: Final = _one_of(_words(CapabilityState))
_CAPABILITY: Final = _group(Capability, state=_STATE)
_FIELDS: Final[dict[str, Callable[[Any], _Split]]] = {
    "limits": _group(ModelLimits),
    "capabilities": _named(frozenset(CAPABILITIES), _capability),
    "reasoning": _group(
        Reasoning,
        tier=_one_of(_of(Reasoning, "tier")),
        control=_one_of(_of(Reasoning, "control")),
        efforts=_some_of(_words(Effort)),
        default=_one_of(_words(Effort)),
    ),
    "tool_choice": _some_of(frozenset({"auto", "required", "none", "name"})),
    "default_contexts": _some_of(_words(Context)),
    "lifecycle": _group(Lifecycle),
    "prices": _steps,
    "retention": _group(Retention, zero_retention=_one_of(_words(ZeroRetention))),
    "sources": _named(_words(Group), _group(Source)),
}

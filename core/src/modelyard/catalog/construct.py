"""Making a card of facts that are plainly right, without building pydantic's validators for it.

Those cost more than all cards together, and every process that lists the catalog would pay. Whatever is not
exactly of the expected form is left to pydantic, which accepts it or says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, get_args

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
from modelyard.catalog.retention import Region, Retention, ZeroRetention
from modelyard.types.base import Frozen, JsonObject
from modelyard.types.controls import Effort

__all__ = ["Constructor"]


class _Unusual(Exception):
    """A value that only pydantic can judge."""


Reader = Callable[[Any], Any]


class Constructor:
    """Makes the cards of one file. Facts that several models share become one object."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self._made: dict[tuple[str, int], tuple[Any, Any]] = {}

    def make(self, facts: JsonObject) -> ModelCard | None:
        """The card, ``None`` if pydantic has to look at it."""
        try:
            fields = {name: self._read(name, value) for name, value in facts.items()}
        except (_Unusual, KeyError, TypeError, OverflowError):
            return None
        if not isinstance(fields.get("id"), str) or not isinstance(fields.get("label"), str):
            return None
        return ModelCard.model_construct(set(fields), **{**_CARD, **fields, "provider": self.provider})

    def source(self, facts: Any) -> Any:
        """A source that several cards name, made once; what pydantic has to look at stays as it is."""
        try:
            return _SOURCE_GROUP(facts)
        except (_Unusual, KeyError, TypeError):
            return facts

    def _read(self, name: str, value: Any) -> Any:
        reader = _READERS[name]
        key = (name, id(value))
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = reader(value), value  # kept, so that its id stays its own
        return made[0]


def _text(value: Any) -> str:
    if type(value) is not str:
        raise _Unusual
    return value


def _count(value: Any) -> int | None:
    if value is not None and type(value) is not int:
        raise _Unusual
    return value


def _price(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float):
        raise _Unusual
    return float(value)


def _flag(value: Any) -> bool | None:
    if value is not None and type(value) is not bool:
        raise _Unusual
    return value


def _day(value: Any) -> date | None:
    if value is None or type(value) is date:
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise _Unusual from None


def _plain(value: Any) -> JsonObject:
    if type(value) is not dict:
        raise _Unusual
    return value


def _one_of(*words: str) -> Reader:
    allowed = frozenset(words)

    def read(value: Any) -> str | None:
        if value is not None and value not in allowed:
            raise _Unusual
        return value  # type: ignore[no-any-return]

    return read


def _several(read: Reader) -> Reader:
    def read_all(value: Any) -> tuple[Any, ...]:
        if type(value) not in (list, tuple):
            raise _Unusual
        return tuple([read(item) for item in value])

    return read_all


def _mapping(keys: Mapping[str, object] | frozenset[str] | None, read: Reader) -> Reader:
    def read_mapping(value: Any) -> dict[str, Any]:
        if type(value) is not dict or (keys is not None and not value.keys() <= set(keys)):
            raise _Unusual
        return {key: read(item) for key, item in value.items()}

    return read_mapping


def _group(model: type[Frozen], readers: dict[str, Reader], required: tuple[str, ...] = ()) -> Reader:
    """A reader of a group of facts; its defaults are worked out once."""
    defaults = {
        name: entry.default_factory() if entry.default_factory is not None else entry.default  # type: ignore[call-arg]
        for name, entry in model.model_fields.items()
        if not entry.is_required()
    }

    def read(value: Any) -> Frozen:
        if type(value) is model:
            return value
        if type(value) is not dict or not all(name in value for name in required):
            raise _Unusual
        fields = {name: readers[name](item) for name, item in value.items()}
        return model.model_construct(set(fields), **{**defaults, **fields})

    return read


_STATES: Final = {
    state: Capability.model_construct(state=state, limits=None)
    for state in get_args(CapabilityState)
    if state != "partial"  # which must say what its limits are
}


def _capability(value: Any) -> Capability:
    if type(value) is str:
        return _STATES[value]
    if type(value) is Capability:
        return value
    if type(value) is not dict or not value.keys() <= {"state", "limits"}:
        raise _Unusual
    state, limits = value.get("state", "unknown"), value.get("limits")
    if limits is None:
        return _STATES[state]
    if type(limits) is not str or state not in get_args(CapabilityState):
        raise _Unusual
    return Capability.model_construct(state=state, limits=limits)


_words = _several(_text)
_LIMITS: Final = {"context_window": _count, "max_input_tokens": _count, "max_output_tokens": _count}
_REASONING: Final[dict[str, Reader]] = {
    "tier": _one_of("none", "light", "standard", "deep"),
    "control": _one_of("effort", "level", "budget", "adaptive"),
    "efforts": _several(_one_of(*get_args(Effort))),
    "default": _one_of(*get_args(Effort)),
}
_LIFECYCLE: Final[dict[str, Reader]] = {
    "released": _day,
    "deprecated": _day,
    "retires": _day,
    "replacement": _text,
}
_STEP: Final[dict[str, Reader]] = {
    **dict.fromkeys(("input", "output", "cache_read", "cache_write", "cache_write_1h"), _price),
    "starts": _day,
    "above_input_tokens": _count,
}
_SOURCE: Final[dict[str, Reader]] = {"title": _text, "as_of": _day, "url": _text}
_SOURCE_GROUP: Final = _group(Source, _SOURCE, ("title", "as_of"))
_REGION: Final[dict[str, Reader]] = {"base_url": _text, "fields": _plain, "limits": _text}
_RETENTION: Final[dict[str, Reader]] = {
    "default_days": _count,
    "minimum_days": _count,
    "trains": _flag,
    "zero_retention": _one_of(*get_args(ZeroRetention)),
    "stateful": _words,
    "regions": _mapping(None, _group(Region, _REGION)),
    "notes": _words,
}
_READERS: Final[dict[str, Reader]] = {
    "id": _text,
    "label": _text,
    "kind": _one_of(*get_args(ModelKind)),
    "aliases": _words,
    "limits": _group(ModelLimits, _LIMITS),  # type: ignore[arg-type]
    "capabilities": _mapping(frozenset(CAPABILITIES), _capability),
    "reasoning": _group(Reasoning, _REASONING),
    "tool_choice": _several(_one_of("auto", "required", "none", "name")),
    "apis": _words,
    "rules": _plain,
    "default_contexts": _several(_one_of(*get_args(Context))),
    "lifecycle": _group(Lifecycle, _LIFECYCLE),
    "prices": _several(_group(PriceStep, _STEP, ("input", "output"))),
    "retention": _group(Retention, _RETENTION),
    "sources": _mapping(frozenset(get_args(Group)), _SOURCE_GROUP),
}
_CARD: Final[dict[str, Any]] = {
    **{
        name: read({})
        for name, read in _READERS.items()
        if name in ("limits", "reasoning", "lifecycle", "retention")
    },
    "kind": "chat",
    "aliases": (),
    "capabilities": {},
    "tool_choice": (),
    "apis": (),
    "rules": {},
    "default_contexts": (),
    "prices": (),
    "sources": {},
    "extra": {},
    "known": True,
}

"""Making a card of facts that are plainly right, without building pydantic's validators for it.

Those cost more than all cards together (20 ms of CPU of the 170 in which a process imports the core and lists the
catalog; the cards themselves take 5), and every process that lists the catalog would pay. Whatever is not exactly
of the expected form is left to pydantic, which accepts it or says what is wrong. What is expected is read off the
annotations of the card, so that a field is declared in one place.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from modelyard.catalog.capability import Capability, CapabilityState
from modelyard.catalog.card import ModelCard, Source
from modelyard.types.base import Frozen, JsonObject

__all__ = ["Constructor"]


class _Unusual(Exception):
    """A value that only pydantic can judge."""


Reader = Callable[[Any], Any]

_NOT_OF_THE_FILE: Final = frozenset({"provider", "known", "extra"})
"""Fields that whoever reads the file sets."""


class Constructor:
    """Makes the cards of one file. Facts that several models share become one object."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self._made: dict[tuple[str, int], tuple[Any, Any]] = {}
        readers, self._defaults, self._required = _fields_of(ModelCard)
        self._readers = {name: reader for name, reader in readers.items() if name not in _NOT_OF_THE_FILE}

    def make(self, facts: JsonObject) -> ModelCard | None:
        """The card, ``None`` if pydantic has to look at it."""
        try:
            fields = {
                "provider": self.provider,
                **{name: self._read(name, value) for name, value in facts.items()},
            }
        except (_Unusual, KeyError, TypeError, OverflowError):
            return None
        if not self._required <= fields.keys():
            return None
        return ModelCard.model_construct(set(facts), **{**self._defaults, **fields})

    def source(self, facts: Any) -> Any:
        """A source that several cards name, made once; what pydantic has to look at stays as it is."""
        try:
            return _reader_of(Source)(facts)
        except (_Unusual, KeyError, TypeError):
            return facts

    def _read(self, name: str, value: Any) -> Any:
        reader = self._readers[name]
        key = (name, id(value))
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = reader(value), value  # kept, so that its id stays its own
        return made[0]


@cache
def _reader_of(annotation: Any) -> Reader:
    """The reader of values of a type."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return _either(arguments)
    if origin is Literal:
        return _one_of(arguments)
    if origin is tuple:
        return _several(_reader_of(arguments[0]))
    if origin is dict:
        return _plain if arguments[1] is Any else _mapping(_reader_of(arguments[0]), _reader_of(arguments[1]))
    if isinstance(annotation, type) and issubclass(annotation, Frozen) and annotation is not Capability:
        return _group(annotation)
    return _BY_TYPE.get(annotation, _unusual)


@cache
def _fields_of(model: type[Frozen]) -> tuple[dict[str, Reader], JsonObject, frozenset[str]]:
    """The readers of a model's fields, the defaults of those that have one, and the names of those that must come.

    A group of facts is made here, for its own constructor would build its validator.
    """
    types: dict[str, Any] = {name: field.annotation for name, field in model.model_fields.items()}
    readers = {name: _reader_of(each) for name, each in types.items()}
    defaults = {}
    for name, field in model.model_fields.items():
        factory: Any = field.default_factory
        if isinstance(factory, type) and issubclass(factory, Frozen):
            defaults[name] = readers[name]({})
        elif not field.is_required():
            defaults[name] = factory() if factory is not None else field.default
    return readers, defaults, frozenset(readers.keys() - defaults.keys())


def _group(model: type[Frozen]) -> Reader:
    readers, defaults, required = _fields_of(model)

    def read(value: Any) -> Frozen:
        if type(value) is model:
            return value
        if type(value) is not dict or not required <= value.keys():
            raise _Unusual
        fields = {name: readers[name](item) for name, item in value.items()}
        return model.model_construct(set(fields), **{**defaults, **fields})

    return read


def _either(types: tuple[Any, ...]) -> Reader:
    """The reader of the first of several types, and of ``None`` where it is among them.

    So a word that ``Literal[...] | str`` does not list is unusual: it is a newer core's.
    """
    read = _reader_of(next(each for each in types if each is not NoneType))
    if NoneType not in types:
        return read
    return lambda value: None if value is None else read(value)


def _one_of(words: tuple[Any, ...]) -> Reader:
    allowed = frozenset(words)

    def read(value: Any) -> Any:
        if value not in allowed:
            raise _Unusual
        return value

    return read


def _several(read: Reader) -> Reader:
    def read_all(value: Any) -> tuple[Any, ...]:
        if type(value) not in (list, tuple):
            raise _Unusual
        return tuple([read(item) for item in value])

    return read_all


def _mapping(read_key: Reader, read: Reader) -> Reader:
    def read_mapping(value: Any) -> dict[str, Any]:
        return {read_key(key): read(item) for key, item in _plain(value).items()}

    return read_mapping


def _exactly(*types: type) -> Reader:
    def read(value: Any) -> Any:
        if type(value) not in types:
            raise _Unusual
        return value

    return read


_plain = _exactly(dict)
_number = _exactly(int, float)


def _unusual(value: Any) -> Any:
    raise _Unusual


def _day(value: Any) -> date:
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise _Unusual from None


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


_BY_TYPE: Final[dict[type, Reader]] = {
    str: _exactly(str),
    int: _exactly(int),
    float: lambda value: float(_number(value)),
    bool: _exactly(bool),
    date: _day,
    Capability: _capability,
}

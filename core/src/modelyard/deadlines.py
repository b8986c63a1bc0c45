"""Deadlines of a call, and the reading of numbers of seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, TypeAlias

from modelyard.errors import ConfigurationError
from modelyard.suggest import did_you_mean

__all__ = ["Deadlines", "DeadlinesLike", "seconds"]

DeadlinesLike: TypeAlias = "Deadlines | Mapping[str, float | None] | float | None"

FOREVER: Final = 1e9
"""Seconds, some 32 years: whoever writes more, or infinity, wants no limit; clocks and SDKs take no infinity."""


def seconds(value: object, what: str) -> float | None:
    """A number of seconds from 0 on; ``None`` for none, and for what no process lives to see.

    Raises ``ConfigurationError``, whose sentence begins with ``what``, for anything else: text, ``True``, NaN.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or _is_no_number(value):
        raise ConfigurationError(f"{what} must be a number of seconds, not {value!r:.80}.")
    if value < 0:
        raise ConfigurationError(f"{what} must not be negative, it is {value!r:.80}.")
    return None if value > FOREVER else value


def _is_no_number(value: float) -> bool:
    try:
        return math.isnan(value)
    except OverflowError:  # a whole number beyond all others
        return True


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Longest waits of a call, in seconds; ``None`` or infinity is for ever.

    ``connect`` until the connection stands, ``first_output`` until a stream's first event,
    ``between_outputs`` from one event to the next (pings do not count), ``total`` for the whole call. The
    defaults leave a reasoning model ten minutes to think before its first word.

    Raises ``ConfigurationError`` for what is no number of seconds.
    """

    connect: float | None = 10.0
    first_output: float | None = 600.0
    between_outputs: float | None = 180.0
    total: float | None = 1800.0

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            object.__setattr__(self, entry.name, seconds(value, f"The deadline {entry.name}"))

    @classmethod
    def make(cls, value: DeadlinesLike) -> Deadlines:
        """Take deadlines, make them of a dict, or take a number as ``total``."""
        if value is None:
            return cls()
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            return cls(total=seconds(value, "The total deadline"))
        known = [entry.name for entry in fields(cls)]
        for name in value:
            if name not in known:
                hint = did_you_mean(str(name), known) or f"Deadlines are: {', '.join(known)}."
                raise ConfigurationError(f"{name!r:.80} is no deadline.", hint=hint)
        return cls(**value)

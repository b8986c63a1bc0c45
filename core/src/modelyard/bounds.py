"""Bounds on what a provider sends: every maximum, with its default."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from modelyard.errors import ConfigurationError
from modelyard.waits import LONGEST_WAIT

__all__ = ["Bounds"]

_MIB = 1024 * 1024
_DEEPEST = 128
"""A completion around arguments of this depth is still within what pydantic writes and reads back."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The maxima of a runtime; what exceeds one is a typed error, or absent where the field says so.

    Sizes are bytes after unpacking. Raises ``ConfigurationError`` for a value that is no positive number.
    """

    answer_bytes: int = 256 * _MIB
    """Bytes of one answer, whole or streamed: text, reasoning, arguments, pings and everything else."""
    error_bytes: int = 64 * 1024
    """Bytes read of the body of a response that is no success; the rest is left unread."""
    event_bytes: int = 64 * _MIB
    """Bytes of one event of a stream."""
    tool_calls: int = 1_000_000
    """Tool calls of one answer."""
    argument_depth: int = 100
    """Levels of nesting in the arguments of a call; deeper ones are no valid arguments. 128 at most."""
    list_pages: int = 200
    """Pages read of a list of models."""
    wait_seconds: float = LONGEST_WAIT
    """Seconds believed until a rate limit starts anew; a day, the default, is the most."""
    request_templates: int = 256
    """Paths of one session for which the head of a request is kept: they differ by model."""
    sessions: int = 256
    """Sessions open in one event loop, half of them unused at most; the one unused for longest is closed first."""
    session_idle: float = 60.0
    """Seconds after which a session nobody uses is closed; those of settings and environment stay."""

    def __post_init__(self) -> None:
        for entry in fields(self):
            _check(entry.name, getattr(self, entry.name), whole=isinstance(entry.default, int))
        if self.wait_seconds > LONGEST_WAIT:
            raise ConfigurationError(f"The bound wait_seconds is {self.wait_seconds}; a day is the most.")
        if self.argument_depth > _DEEPEST:
            raise ConfigurationError(
                f"The bound argument_depth is {self.argument_depth}; it is {_DEEPEST} at most.",
                hint="An answer nested deeper could not be written as JSON and read back.",
            )

    @classmethod
    def make(cls, value: Bounds | Mapping[str, Any] | None) -> Bounds:
        """Take bounds, or make them of a dict of some of the fields; ``None`` gives the defaults."""
        if value is None:
            return cls()
        if isinstance(value, Bounds):
            return value
        known = [entry.name for entry in fields(cls)]
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"bounds must be Bounds or a dict, not {type(value).__name__}.")
        for name in value:
            if name not in known:
                raise ConfigurationError(f"{name!r} is no bound.", hint=f"Bounds are: {', '.join(known)}.")
        return cls(**value)


def _check(name: str, value: object, *, whole: bool) -> None:
    kind = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kind) or not 0 < value < math.inf:
        what = "whole number" if whole else "number"
        raise ConfigurationError(f"The bound {name} must be a positive {what}, not {value!r}.")

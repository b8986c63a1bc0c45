"""Fallback: another deployment answers in place of the one that failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

from modelyard.errors import ConfigurationError

__all__ = ["FallbackMode", "FallbackPolicy"]

FallbackMode: TypeAlias = Literal["never", "before_output", "restart"]


@dataclass(frozen=True, slots=True)
class FallbackPolicy:
    """Policy on trying the next deployment of a route: whether, and for which failures.

    ``never``: a failure is raised, with the ``alternatives`` on it, so that the caller chooses.
    ``before_output``: the next deployment is tried as long as nothing has been delivered.
    ``restart``: also afterwards; a ``restarted`` status tells the consumer to discard what came.

    A request the provider calls wrong (400) never falls back. A context overflow falls back only to a larger
    window, a refused content only with ``content_filter``.
    """

    mode: FallbackMode = "never"
    content_filter: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.content_filter, bool):
            raise ConfigurationError(f"content_filter must be True or False, not {self.content_filter!r:.80}.")
        if self.mode not in get_args(FallbackMode):
            raise ConfigurationError(
                f"{self.mode!r} is no fallback policy.", hint=f"Use one of {', '.join(get_args(FallbackMode))}."
            )

    @classmethod
    def make(cls, value: FallbackPolicy | Mapping[str, Any] | str | None) -> FallbackPolicy:
        """Take a policy, or make one of its mode or of a dict of its fields."""
        if value is None:
            return cls()
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(mode=value)  # type: ignore[arg-type]  # checked when made
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"fallback must be a policy, a word or a dict, not {type(value).__name__}.")
        unknown = set(value) - {entry.name for entry in fields(cls)}
        if unknown:
            raise ConfigurationError(f"{sorted(unknown)[0]!r} is no field of a fallback policy.", hint=repr(cls()))
        return cls(**value)

"""Versions of the base classes that plugins build upon, each its own number."""

from __future__ import annotations

from typing import Any, ClassVar

from modelyard.errors import ConfigurationError

__all__ = ["VersionedBase", "span"]


class VersionedBase:
    """A base class for plugins, with a version that a subclass may state it needs.

    ``BASE_VERSION`` goes up when the class gains something to build upon, ``BASE_OLDEST`` is the lowest version
    whose subclasses still work. A subclass states ``WRITTEN_FOR = 2``, or ``(1, 2)`` when it works with both; one
    that states nothing was written for version 1.

    Raises ``ConfigurationError``, where the subclass is defined, that says which side to upgrade.
    """

    BASE_VERSION: ClassVar[int] = 1
    BASE_OLDEST: ClassVar[int] = 1
    WRITTEN_FOR: ClassVar[int | tuple[int, int]] = 1

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        found = span(cls.WRITTEN_FOR)
        if found is None:
            raise ConfigurationError(f"WRITTEN_FOR of {cls.__qualname__} must be a number or (lowest, highest).")
        lowest, highest = found
        if lowest > cls.BASE_VERSION or highest < cls.BASE_OLDEST:
            base = next(each.__name__ for each in cls.__mro__[1:] if "BASE_VERSION" in vars(each))
            raise ConfigurationError(
                f"{cls.__qualname__} is written for version {lowest} of {base}, this core has {cls.BASE_VERSION}.",
                hint="Upgrade modelyard." if lowest > cls.BASE_VERSION else "Upgrade the plugin.",
            )


def span(stated: object) -> tuple[int, int] | None:
    """The lowest and the highest version that is stated, by one number or a pair; ``None`` for anything else."""
    pair = tuple(stated) if isinstance(stated, (tuple, list)) else (stated, stated)
    if len(pair) != 2 or not all(type(each) is int for each in pair) or pair[0] > pair[1]:
        return None
    return pair

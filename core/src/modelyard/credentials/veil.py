"""Mappings that hold secrets and do not show them: what a traceback with the values of variables prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from modelyard.credentials.secret import Misfit, Veiled

__all__ = ["SecretHeaders", "veil"]


class SecretHeaders(dict[str, str]):
    """Headers that carry a credential: their text form shows names only, and they cannot be pickled."""

    def __repr__(self) -> str:
        return f"<headers {', '.join(self)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("headers with a credential cannot be pickled")


def veil(settings: object, kept: type) -> Any:
    """Settings by provider with every value out of sight; what is no settings becomes a ``Misfit``.

    ``kept`` is the class of settings that hide their secrets themselves.
    """
    if settings is None or isinstance(settings, Misfit):
        return settings
    if not isinstance(settings, Mapping):
        return Misfit(settings)
    return Veiled({name: _veiled(value, kept) for name, value in settings.items()})


def _veiled(value: object, kept: type) -> object:
    if isinstance(value, Mapping):
        return Veiled(value)
    if isinstance(value, (list, tuple)):
        return [_veiled(item, kept) for item in value]
    return value if isinstance(value, (kept, Misfit)) else Misfit(value)

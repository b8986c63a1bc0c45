"""Checks of what a plugin says of its provider, for whether it can be worked with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeGuard

from modelyard.refs import PROVIDER_ALIASES
from modelyard.types.history_rules import HistoryRules
from modelyard.types.provider import ProviderInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PROVIDER_ID", "check_info", "unknown_facts"]

PROVIDER_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def check_info(info: object) -> str | None:
    """Say what is wrong with what ``modelyard_provider`` returned, ``None`` for nothing."""
    if not isinstance(info, ProviderInfo):
        return f"modelyard_provider returned {type(info).__name__}, no ProviderInfo"
    for name in ("id", "name", "base_url"):
        value = getattr(info, name)
        if not isinstance(value, str):
            return f"{name} of ProviderInfo must be text, not {type(value).__name__}"
    for name in ("api_key_variables", "base_url_variables"):
        if not _texts(getattr(info, name)):
            return f"{name} of ProviderInfo must be a tuple of names, such as ('ACME_API_KEY',)"
    history: object = info.history
    if not isinstance(history, HistoryRules):
        return f"history of ProviderInfo must be HistoryRules, not {type(history).__name__}"
    return _wrong_id(info.id)


def unknown_facts(info: ProviderInfo) -> tuple[str, ...]:
    """Say what a plugin tells of its provider that only a newer core knows."""
    names = [*info.extra, *(f"history.{name}" for name in info.history.extra)]
    return (f"this core does not know what it says of its provider in {', '.join(names)}",) if names else ()


def _wrong_id(provider: str) -> str | None:
    """Why an id could never be asked for: references are read in lower case, and aliases are replaced."""
    if provider in PROVIDER_ALIASES:
        return f"the provider id {provider!r} is an alias of {PROVIDER_ALIASES[provider]!r}; take another"
    if not PROVIDER_ID.fullmatch(provider):
        return (
            f"the provider id {provider!r} cannot be addressed: an id is of lower-case letters, digits and single "
            "hyphens, such as 'acme' or 'acme-cloud'"
        )
    return None


def _texts(value: object) -> TypeGuard[Iterable[str]]:
    return isinstance(value, (tuple, list, frozenset, set)) and all(isinstance(item, str) for item in value)

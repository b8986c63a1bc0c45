"""Checks of what a plugin says of its provider, for whether it can be worked with."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeGuard

from modelyard.refs import PROVIDER_ALIASES
from modelyard.suggest import near_misses
from modelyard.types.fields import CORE_FIELDS, fields_of_api
from modelyard.types.history_rules import HistoryRules
from modelyard.types.provider import ProviderInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PROVIDER_ID", "check_info", "unknown_facts"]

PROVIDER_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NAMES: Final = {
    "api_key_variables": "('ACME_API_KEY',)",
    "base_url_variables": "('ACME_BASE_URL',)",
    "options": "frozenset({'region'})",
    "fields": "frozenset({'temperature'})",
}


def check_info(info: object) -> str | None:
    """Say what is wrong with what ``modelyard_provider`` returned, ``None`` for nothing."""
    if not isinstance(info, ProviderInfo):
        return f"modelyard_provider returned {type(info).__name__}, no ProviderInfo"
    for name in ("id", "name", "base_url"):
        value = getattr(info, name)
        if not isinstance(value, str):
            return f"{name} of ProviderInfo must be text, not {type(value).__name__}"
    for name, example in _NAMES.items():
        value = getattr(info, name)
        left_out = name == "fields" and value is None
        if not left_out and not _texts(value):
            return f"{name} of ProviderInfo must be names, such as {example}"
    history: object = info.history
    if not isinstance(history, HistoryRules):
        return f"history of ProviderInfo must be HistoryRules, not {type(history).__name__}"
    absent: object = info.absent
    if not isinstance(absent, Mapping):
        return f"absent of ProviderInfo must map fields to reasons, not be {type(absent).__name__}"
    return _wrong_id(info.id)


def unknown_facts(info: ProviderInfo) -> tuple[str, ...]:
    """Say what a plugin tells of its provider that only a newer core knows."""
    names = [*info.extra, *(f"history.{name}" for name in info.history.extra)]
    told = (f"this core does not know what it says of its provider in {', '.join(names)}",) if names else ()
    fields = sorted({*(info.fields or ()), *info.absent} - CORE_FIELDS - fields_of_api(math.inf))
    return (*told, *(f"this core has no request field {name!r}{_meant(name)}" for name in fields))


def _meant(name: str) -> str:
    close = near_misses(name, sorted(fields_of_api(math.inf)), limit=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


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

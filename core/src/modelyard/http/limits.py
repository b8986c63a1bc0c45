"""Rate limits from the headers of an answer, in the two spellings in use.

``anthropic-ratelimit-<name>-<field>`` with a date for the reset, and ``x-ratelimit-<field>-<name>`` with a
duration such as ``6m0s``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import datetime

from modelyard.types.limits import RateLimit

__all__ = ["rate_limits"]

_ANTHROPIC = re.compile(r"anthropic-ratelimit-(?P<name>.+)-(?P<field>limit|remaining|reset)")
_OPENAI = re.compile(r"x-ratelimit-(?P<field>limit|remaining|reset)-(?P<name>.+)")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}


def rate_limits(headers: Iterable[tuple[bytes, bytes]], now: float | None = None) -> dict[str, RateLimit]:
    """The limits by name (``requests``, ``tokens``, ``input_tokens``, ...), empty without such headers.

    ``headers`` are raw pairs; what cannot be read is left out. ``now`` is seconds since the epoch.
    """
    found: dict[str, dict[str, float | None]] = {}
    for raw_name, raw_value in headers:
        if b"ratelimit" not in raw_name.lower():
            continue
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip()
        match = _ANTHROPIC.fullmatch(name) or _OPENAI.fullmatch(name)
        if match is None:
            continue
        number = _reset(value, now) if match["field"] == "reset" else _count(value)
        found.setdefault(match["name"].replace("-", "_"), {})[match["field"]] = number
    return {
        name: RateLimit.model_validate(fields)
        for name, fields in found.items()
        if any(value is not None for value in fields.values())
    }


def _count(value: str) -> float | None:
    return int(value) if value.isascii() and value.isdigit() else None


def _reset(value: str, now: float | None) -> float | None:
    parts = _DURATION.findall(value)
    if parts and "".join(number + unit for number, unit in parts) == value:
        return float(sum(float(number) * _SECONDS[unit] for number, unit in parts))
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return max(moment.timestamp() - (time.time() if now is None else now), 0.0)

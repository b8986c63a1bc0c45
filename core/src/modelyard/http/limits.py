"""Rate limits from the headers of an answer, in the two spellings in use.

``anthropic-ratelimit-<name>-<field>`` with a date for the reset, and ``x-ratelimit-<field>-<name>`` with a
duration such as ``6m0s``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from modelyard.types.limits import RateLimit
from modelyard.waits import LONGEST_WAIT, believed_wait

__all__ = ["rate_limits"]

_ANTHROPIC = re.compile(r"anthropic-ratelimit-(?P<name>.+)-(?P<field>limit|remaining|reset)")
_OPENAI = re.compile(r"x-ratelimit-(?P<field>limit|remaining|reset)-(?P<name>.+)")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_MOST_DIGITS = 15
"""Digits of a count that can be meant; more are no count (and Python converts 4,300 at most)."""
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}


def rate_limits(
    headers: Iterable[tuple[bytes, bytes]], now: float | None = None, *, longest: float = LONGEST_WAIT
) -> dict[str, RateLimit]:
    """The limits by name (``requests``, ``tokens``, ``input_tokens``, ...), empty without such headers.

    ``headers`` are raw pairs; what cannot be read, or cannot be meant, is left out. ``now`` is seconds since the
    epoch, ``longest`` the seconds believed until a limit starts anew.
    """
    found: dict[str, dict[str, Any]] = {}
    for raw_name, raw_value in headers:
        if b"ratelimit" not in raw_name.lower():
            continue
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip()
        match = _ANTHROPIC.fullmatch(name) or _OPENAI.fullmatch(name)
        if match is None:
            continue
        number = _reset(value, now, longest) if match["field"] == "reset" else _count(value)
        found.setdefault(match["name"].replace("-", "_"), {})[match["field"]] = number
    return {
        name: RateLimit.model_construct(**fields)  # each figure is checked already
        for name, fields in found.items()
        if any(value is not None for value in fields.values())
    }


def _count(value: str) -> float | None:
    return int(value) if value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS else None


def _reset(value: str, now: float | None, longest: float) -> float | None:
    now = time.time() if now is None else now
    parts = _DURATION.findall(value)
    if parts and "".join(number + unit for number, unit in parts) == value:
        seconds = float(sum(float(number) * _SECONDS[unit] for number, unit in parts))
        return believed_wait(seconds, now=now, longest=longest)
    try:
        moment = datetime.fromisoformat(value)
        left = moment.timestamp() - now
    except (ValueError, OverflowError):
        return None
    return believed_wait(max(left, 0.0), now=now, longest=longest) if moment.tzinfo is not None else None

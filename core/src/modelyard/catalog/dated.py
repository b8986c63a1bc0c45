"""Dated model ids: ``gpt-6-sol-2026-09-01`` and ``claude-haiku-4-5-20251001`` are versions of a model."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["undated"]

_DATE: Final = re.compile(r"[-@](?:20\d\d-\d\d-\d\d|20\d{6})$")


def undated(model: str) -> str | None:
    """The id without its date, ``None`` for one that has none."""
    return _DATE.sub("", model) if _DATE.search(model) else None

"""Warnings of models that are retired or soon will be, each told once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

from modelyard.catalog.card import ModelCard
from modelyard.log import logger

__all__ = ["NOTICE_DAYS", "Retirements"]

NOTICE_DAYS: Final = 60
"""How long before its retirement a model is warned of."""


class Retirements:
    """Judges retirements by a clock, and remembers which were told. Shared by the snapshots of one runtime."""

    def __init__(self, today: Callable[[], date] = date.today) -> None:
        self.today = today
        self._told: set[str] = set()

    def of(self, card: ModelCard) -> str | None:
        """That a model is retired, and what replaces it; ``None`` while it serves."""
        retires = card.lifecycle.retires
        if retires is None or retires > self.today():
            return None
        return f"it was retired on {retires.isoformat()}{_instead(card)}"

    def warn(self, card: ModelCard) -> str | None:
        """Log that a model is retired or soon will be, once; returns what to use instead, if so."""
        retires = card.lifecycle.retires
        if retires is None:
            return None
        days = (retires - self.today()).days
        if days > NOTICE_DAYS:
            return None
        said = "was retired" if days <= 0 else "will be retired"
        if card.ref not in self._told:
            self._told.add(card.ref)
            logger("catalog").warning("%s %s on %s%s.", card.ref, said, retires.isoformat(), _instead(card))
        return f"It {said} on {retires.isoformat()}{_instead(card)}."


def _instead(card: ModelCard) -> str:
    replacement = card.lifecycle.replacement
    return f"; use {card.provider}:{replacement}" if replacement else ""

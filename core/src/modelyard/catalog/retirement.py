"""Warnings of models that are retired or soon will be, each told once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

from modelyard.catalog.card import ModelCard
from modelyard.log import logger

__all__ = ["NOTICE_DAYS", "Retirements"]

NOTICE_DAYS: Final = 60
"""Days before its retirement from which on a model is warned of."""


class Retirements:
    """Judges retirements by a clock, and remembers which were told. Shared by the snapshots of one runtime."""

    def __init__(self, today: Callable[[], date] = date.today) -> None:
        self.today = today
        self._told: set[str] = set()

    def of(self, card: ModelCard) -> str | None:
        """Message naming the replacement of a retired model, else ``None``."""
        retires = card.lifecycle.retires
        if retires is None or retires > self.today():
            return None
        return f"it was retired on {retires.isoformat()}{_instead(card)}"

    def notice(self, card: ModelCard) -> str | None:
        """Message that a model is retired or soon will be, with its replacement; ``None`` for one that stays."""
        retires = card.lifecycle.retires
        if retires is None:
            return None
        days = (retires - self.today()).days
        if days > NOTICE_DAYS:
            return None
        said = "was retired" if days <= 0 else "will be retired"
        return f"It {said} on {retires.isoformat()}{_instead(card)}."

    def warn(self, card: ModelCard) -> None:
        """Log the notice of a model, if there is one, once."""
        if card.lifecycle.retires is None or card.ref in self._told:
            return
        notice = self.notice(card)
        if notice is not None:
            self._told.add(card.ref)
            logger("catalog").warning("%s: %s", card.ref, notice)


def _instead(card: ModelCard) -> str:
    replacement = card.lifecycle.replacement
    return f"; use {card.provider}:{replacement}" if replacement else ""

"""The deployments a request could go to, and what stands in the way of those it could not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard.catalog.card import ModelCard
    from modelyard.deployments.deployment import Deployment

__all__ = ["Candidate"]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A model that was named or found, and the way to it.

    ``deployment`` is ``None`` where there is no way: ``problem`` then says why, ``fix`` what to do about it.
    """

    ref: str
    card: ModelCard | None = None
    deployment: Deployment | None = None
    problem: str | None = None
    fix: str | None = None

    def __str__(self) -> str:
        return self.ref

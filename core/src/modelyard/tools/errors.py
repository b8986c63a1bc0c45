"""Errors of tools and of runs that were suspended; the tree they stand in is drawn in ``modelyard.errors``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard.errors import ModelyardError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RunStateError", "ToolError", "ToolResultsError"]


class ToolError(ModelyardError):
    """Raise it in a tool to tell the model what went wrong, in just these words."""


class ToolResultsError(ModelyardError):
    """The results brought for a suspended run do not answer the calls that wait. The state is as it was.

    Each attribute holds ids of calls: ``missing`` without a result, ``duplicate`` with several, ``late`` answered
    before, ``unknown`` never made by the model or not the host's to answer.
    """

    fields = ("hint", "missing", "duplicate", "late", "unknown")

    def __init__(
        self,
        message: str,
        *,
        missing: Sequence[str] = (),
        duplicate: Sequence[str] = (),
        late: Sequence[str] = (),
        unknown: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.missing = tuple(missing)
        self.duplicate = tuple(duplicate)
        self.late = tuple(late)
        self.unknown = tuple(unknown)

    def to_dict(self) -> dict[str, Any]:
        ids = {name: list(getattr(self, name)) for name in self.fields if name != "hint"}
        return {**super().to_dict(), **ids}


class RunStateError(ModelyardError):
    """A suspended run cannot be read, or lacks what it needs to go on."""

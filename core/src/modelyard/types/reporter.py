"""Writing down what a plugin changes in a request, and refusing where the caller wants no change."""

from __future__ import annotations

from modelyard.errors import UnsupportedFeatureError
from modelyard.log import logger
from modelyard.types.report import Action, Note, Report
from modelyard.types.request import OnUnsupported

__all__ = ["Reporter"]


class Reporter:
    """Collects the notes of one request under the caller's ``on_unsupported`` policy.

    ``drop``, ``clamp`` and ``relax`` are for wishes a model cannot fulfil: with ``error`` they raise
    ``UnsupportedFeatureError``, with ``warn`` they are logged, and they are always noted. ``note`` is for
    changes that lose nothing. Whatever is said again, in the same words, is logged and noted once.
    """

    def __init__(self, policy: OnUnsupported, model: str) -> None:
        self._policy = policy
        self._model = model
        self._notes: dict[tuple[str, Action, str], Note] = {}

    def drop(self, field: str, reason: str) -> None:
        """A field is left out because the model does not take it."""
        self._unsupported(field, "dropped", reason)

    def clamp(self, field: str, reason: str) -> None:
        """A value is moved to the nearest one the model takes."""
        self._unsupported(field, "clamped", reason)

    def relax(self, field: str, reason: str) -> None:
        """A value is sent, and the model will heed it less than the caller may expect."""
        self._unsupported(field, "relaxed", reason)

    def note(self, field: str, action: Action, reason: str) -> None:
        """A change of form that loses nothing the caller asked for."""
        self._add(field, action, reason)

    def report(self) -> Report | None:
        """The report, ``None`` when there is nothing to say."""
        return Report(notes=tuple(self._notes.values())) if self._notes else None

    def _unsupported(self, field: str, action: Action, reason: str) -> None:
        if self._policy == "error":
            raise UnsupportedFeatureError(
                f"{self._model} does not take {field} as asked: {reason}.",
                feature=field,
                model=self._model,
                hint="Leave it out, or set on_unsupported to 'warn' or 'drop'.",
            )
        if self._add(field, action, reason) and self._policy == "warn":
            logger("report").warning("%s: %s was %s: %s", self._model, field, action, reason)

    def _add(self, field: str, action: Action, reason: str) -> bool:
        """Keep a note; false for one that was made before."""
        key = (field, action, reason)
        if key in self._notes:
            return False
        self._notes[key] = Note(field=field, action=action, reason=reason)
        return True

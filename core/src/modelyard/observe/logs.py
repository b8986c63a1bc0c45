"""One structured log record for each attempt and each call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from modelyard.hookspecs import hookimpl
from modelyard.log import CleanLogger

if TYPE_CHECKING:
    from modelyard.errors import ModelyardError
    from modelyard.types.completion import Completion
    from modelyard.types.record import AttemptRecord, Record

__all__ = ["LogObserver"]


class LogObserver:
    """Logs to ``modelyard.calls``: what happened in the message, every figure under ``record.modelyard``.

    ``Runtime(hooks=[LogObserver()])``. A call that is answered is logged at ``level``, one that fails as a
    warning, an attempt at ``DEBUG``. No content is logged.
    """

    def __init__(self, level: int = logging.INFO, logger: logging.Logger | None = None) -> None:
        self._level = level
        self._logger = CleanLogger(logger or logging.getLogger("modelyard.calls"))

    @hookimpl
    def modelyard_attempt_finished(self, call_id: str, attempt: AttemptRecord) -> None:
        """Log an attempt."""
        facts = {"call_id": call_id, **attempt.model_dump(mode="json")}
        self._log(logging.DEBUG, f"attempt {attempt.number} at {attempt.deployment}: {attempt.outcome}", facts)

    @hookimpl
    def modelyard_call_finished(
        self, call_id: str, record: Record, completion: Completion | None, error: ModelyardError | None
    ) -> None:
        """Log a call."""
        attempts = len(record.attempts)
        facts: dict[str, Any] = {"call_id": call_id, "record": record.model_dump(mode="json")}
        if completion is not None:
            facts |= {
                "finish_reason": completion.finish_reason,
                "response_id": completion.response_id,
                "usage": completion.usage.model_dump(mode="json", exclude={"raw"}),
            }
            self._log(self._level, f"{record.deployment} answered after {attempts} attempt(s)", facts)
        elif error is not None:
            facts["error"] = {"class": type(error).__name__, "message": error.message}
            self._log(logging.WARNING, f"{type(error).__name__} after {attempts} attempt(s)", facts)
        else:
            self._log(self._level, f"given up by the caller after {attempts} attempt(s)", facts)

    def _log(self, level: int, message: str, facts: dict[str, Any]) -> None:
        self._logger.log(level, "%s", message, extra={"modelyard": facts}, stacklevel=3)

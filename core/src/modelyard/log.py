"""Loggers made when something is logged: importing the core does not import ``logging``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

__all__ = ["CleanLogger", "logger"]


class CleanLogger:
    """A logger whose records are one line each, whatever a provider wrote that is logged."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def warning(self, message: str, *facts: object) -> None:
        """Log a warning; texts among the facts are written with their control characters shown."""
        import logging

        self.log(logging.WARNING, message, *facts, stacklevel=3)

    def log(
        self, level: int, message: str, *facts: object, extra: dict[str, object] | None = None, stacklevel: int = 2
    ) -> None:
        """Log at a level; ``extra`` is data and goes along as it is."""
        if not self._logger.isEnabledFor(level):
            return
        from modelyard.visible import one_line

        shown = tuple(fact if isinstance(fact, (int, float)) else one_line(str(fact)) for fact in facts)
        self._logger.log(level, message, *shown, extra=extra, stacklevel=stacklevel)


def logger(name: str) -> CleanLogger:
    """The logger ``modelyard.<name>``."""
    import logging

    return CleanLogger(logging.getLogger(f"modelyard.{name}"))

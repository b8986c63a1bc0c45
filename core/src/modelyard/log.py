"""Loggers made when something is logged: importing the core does not import ``logging``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

__all__ = ["logger"]


def logger(name: str) -> logging.Logger:
    """The logger ``modelyard.<name>``."""
    import logging

    return logging.getLogger(f"modelyard.{name}")

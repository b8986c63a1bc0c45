"""Errors, told to somebody at a shell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from modelyard.errors import ModelyardError

__all__ = ["said", "shell_words"]

_PYTHON: Final = re.compile(r",? or pass Runtime\(.*\)(?=[.,]|$)")
"""The part of a hint that says how a program does it."""


def said(error: ModelyardError) -> str:
    """The message of an error with its remedy, in words for a shell."""
    return shell_words(str(error))


def shell_words(text: str) -> str:
    """A text without what only a program could do."""
    return _PYTHON.sub("", text)

"""Reading files that may be damaged: not there, no file, not text, too large."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MOST_BYTES", "UnreadableError", "read_bytes", "read_json", "read_text"]

MOST_BYTES = 64 * 1024 * 1024
"""Far above what is in use: the cards of four providers are 67 kB together, the largest recording is 0.23 MB."""


class UnreadableError(Exception):
    """A file that cannot be read; the text says why, as the end of a sentence."""


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a regular file of a size that can be meant; a pipe or a device, which may never end, is none."""
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise UnreadableError("it is a folder" if stat.S_ISDIR(facts.st_mode) else "it is no regular file")
        if facts.st_size > most:
            raise UnreadableError(f"it holds more than {most:,} bytes")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UnreadableError(getattr(error, "strerror", None) or f"{error}") from None
    if len(content) > most:  # files below /proc say they are empty, and others grow
        raise UnreadableError(f"it holds more than {most:,} bytes")
    return content


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """Read a file of UTF-8 text; the byte order mark that some editors write is left out."""
    try:
        return read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"it is not UTF-8 (byte {error.start})") from None


def read_json(path: Path, most: int = MOST_BYTES) -> Any:
    """Read a file of JSON."""
    import json

    try:
        return json.loads(read_text(path, most))
    except RecursionError:
        raise UnreadableError("it is nested too deeply") from None
    except ValueError as error:
        raise UnreadableError(f"it is not valid JSON: {error}") from None

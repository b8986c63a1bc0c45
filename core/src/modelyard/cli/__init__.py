"""The ``modelyard`` command. Needs the extra ``cli``: ``pip install 'modelyard[cli]'``."""

from __future__ import annotations

import io
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; says what to install when the extra is missing."""
    try:
        from modelyard.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit("The modelyard command needs an extra: pip install 'modelyard[cli]'")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # half of a surrogate pair must not end the command
            stream.reconfigure(errors="backslashreplace")
    app()

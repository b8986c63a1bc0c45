"""Rewrites the dump of the public interface."""

from __future__ import annotations

from . import FOLDER, files

if __name__ == "__main__":
    current = files()
    for path in FOLDER.glob("*.txt"):
        if path not in current:
            path.unlink()
    for path, text in current.items():
        path.write_text(text, encoding="utf-8", newline="\n")

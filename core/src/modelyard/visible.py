"""Text of others made harmless to look at: control characters shown, not obeyed.

A terminal obeys what it is sent: a model, server or file that writes ``ESC ] 52`` fills the clipboard, and
``ESC [ 8 m`` hides the rest (ECMA-48; xterm's control sequences). A line feed in a log begins a forged line.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["one_line", "visible"]

# C0 but line feed and tab, DEL and C1; what turns the direction of text (bidi embeddings, overrides and isolates,
# UAX #9), by which text reads as what it is not; halves of surrogate pairs, which cannot be written at all.
_COMMANDS: Final = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAKS: Final = re.compile("[\\t\\n\\x85\u2028\u2029]")


def visible(text: str) -> str:
    r"""Show control characters as text (``\x1b``); line feeds and tabs stay, and a line may end in CR LF."""
    return _COMMANDS.sub(_shown, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Show control characters as text, line breaks and tabs among them."""
    return _BREAKS.sub(_shown, _COMMANDS.sub(_shown, text))


def _shown(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]

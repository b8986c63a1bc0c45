r"""Halves of surrogate pairs, which JSON can say and UTF-8 cannot: joined where both come, else replaced.

Providers do send them, where a limit or a delta cuts an emoji in two (``"\ud83d"``). A text that holds one cannot
be encoded, so none leaves a decoder.
"""

from __future__ import annotations

from typing import Any

__all__ = ["ends_in_half", "mend_json", "mend_text"]


def mend_text(text: str) -> str:
    """The text with its halves joined, and U+FFFD for each that stays alone; itself where it has none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def mend_json(value: Any, *, pieces: bool = False) -> Any:
    """A JSON value with every text mended, names included; itself where nothing was to do.

    With ``pieces``, a half at the beginning or end of a text stays: the text before or after may bring the other.
    """
    if isinstance(value, str):
        return _mend_piece(value) if pieces else mend_text(value)
    if isinstance(value, dict):
        items = {mend_text(name): mend_json(item, pieces=pieces) for name, item in value.items()}
        return value if items.keys() == value.keys() and _same(items.values(), value.values()) else items
    if isinstance(value, list):
        entries = [mend_json(item, pieces=pieces) for item in value]
        return value if _same(entries, value) else entries
    return value


def ends_in_half(text: str) -> bool:
    """Return whether a text ends in the first half of a pair."""
    return "\ud800" <= text[-1:] <= "\udbff"


def _same(ours: Any, theirs: Any) -> bool:
    return all(one is other for one, other in zip(ours, theirs, strict=True))


def _mend_piece(text: str) -> str:
    mended = mend_text(text)
    if mended is text:
        return text
    head = text[0] if "\udc00" <= text[0] <= "\udfff" else ""
    tail = text[-1] if ends_in_half(text) else ""
    return head + mend_text(text[len(head) : len(text) - len(tail)]) + tail

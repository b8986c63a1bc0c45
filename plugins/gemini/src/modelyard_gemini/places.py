"""Places in an answer: from bytes of UTF-8, in which Google counts, to characters of a text part."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.provider import whole

__all__ = ["Places"]

_MOST_WORK = 16 * 1024 * 1024
"""Characters looked through for all citations of one answer; a stated place costs next to nothing of it."""
_STRIDE = 1024
"""Bytes between the places whose count of characters is kept."""


class Places:
    """The text parts of one answer. Takes linear time in its length and in the number of citations.

    ``last`` is the index of the last part, to which a citation of unknown place belongs.
    """

    def __init__(self, texts: Sequence[tuple[int, str]]) -> None:
        self._parts = [_Part(index, text) for index, text in texts]
        self._left = _MOST_WORK
        self.last = texts[-1][0] if texts else 0

    def find(self, start: int, end: int | None, quote: str | None) -> tuple[int, int | None, int | None]:
        """The part a span of bytes lies in, and its place there in characters.

        The bytes are those of the part or of the whole answer: the quote tells, and without one it is the answer.
        """
        first, behind = whole(start), whole(end)
        if first is None:
            first, behind = 0, None
        found = self._quoted(first, behind, quote) if quote else self._counted(first, behind)
        return found or (self.last, None, None)

    def _quoted(self, start: int, end: int | None, quote: str) -> tuple[int, int, int] | None:
        said = quote.encode(errors="replace")
        for part in self._within_reach(len(said)):
            if end is not None and part.data[start:end] == said:
                first = part.characters(start)
                return part.index, first, first + len(quote)
        for part in self._parts:
            if not self._may_spend(len(part.text)):
                return None
            first = part.text.find(quote)
            if first >= 0 and part.text.find(quote, first + 1) < 0:
                return part.index, first, first + len(quote)
        return None

    def _counted(self, start: int, end: int | None) -> tuple[int, int, int] | None:
        for part in self._within_reach(1):
            size = len(part.data)
            if end is not None and start < end <= size:
                return part.index, part.characters(start), part.characters(end)
            start, end = start - size, None if end is None else end - size
            if start < 0:
                return None
        return None

    def _within_reach(self, cost: int) -> Sequence[_Part]:
        """The parts, as many as may still be looked at."""
        parts = self._parts[: self._left // cost]
        self._left -= cost * len(parts)
        return parts

    def _may_spend(self, work: int) -> bool:
        self._left -= work
        return self._left >= 0


class _Part:
    """A text with its bytes, and how many characters begin before every so many of them."""

    def __init__(self, index: int, text: str) -> None:
        self.index = index
        self.text = text
        self.data = text.encode(errors="replace")
        self._kept: list[int] = []

    def characters(self, place: int) -> int:
        """The characters that are whole before a byte."""
        if self.text.isascii():
            return min(max(place, 0), len(self.data))
        block, rest = divmod(place, _STRIDE)
        while len(self._kept) <= block:
            number = len(self._kept)
            before = self._kept[-1] + _begun(self.data[(number - 1) * _STRIDE : number * _STRIDE]) if number else 0
            self._kept.append(before)
        at = block * _STRIDE
        begun = self._kept[block] + _begun(self.data[at : at + rest])
        return begun - 1 if _inside(self.data, place) else begun


def _begun(data: bytes) -> int:
    """How many characters begin in some bytes: those that continue one look like ``10xxxxxx``."""
    return len(data.translate(None, _CONTINUING))


def _inside(data: bytes, place: int) -> bool:
    return 0 < place < len(data) and data[place] in _CONTINUING


_CONTINUING = bytes(range(0x80, 0xC0))

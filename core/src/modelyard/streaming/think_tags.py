"""Telling reasoning from answer where a model writes both as text, the reasoning between ``<think>`` tags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

__all__ = ["Piece", "ThinkTags"]

Piece: TypeAlias = tuple[Literal["text", "reasoning"], str]

_OPEN = "<think>"
_CLOSE = "</think>"


class ThinkTags:
    """Splits a text that arrives in pieces; a tag may lie across any of them.

    Only a tag before any other visible text opens reasoning: later in an answer it is something the model
    says. Linear in the text; at most a tag's length is held back.
    """

    __slots__ = ("_blank", "_held", "_inside", "_over")

    def __init__(self) -> None:
        self._blank: list[str] = []  # white space before anything else: of the answer, if no tag follows
        self._held = ""
        self._inside = False
        self._over = False

    @property
    def over(self) -> bool:
        """True if everything that follows is text of the answer."""
        return self._over and not self._held

    def feed(self, text: str) -> Iterator[Piece]:
        """Take a piece and yield what it completes, without the tags."""
        text, self._held = self._held + text, ""
        if not self._over and not self._inside:
            text = self._begin(text)
        if self._inside:
            thought, closing, text = text.partition(_CLOSE)
            if closing:
                self._inside, self._over = False, True
            else:
                kept = len(thought) - _overlap(thought, _CLOSE)
                thought, self._held = thought[:kept], thought[kept:]
            if thought:
                yield "reasoning", thought
        if self._over and text:
            yield "text", text

    def end(self) -> Iterator[Piece]:
        """The input has ended: yield what was held back."""
        held, self._held = "".join((*self._blank, self._held)), ""
        self._blank = []
        if held:
            yield "reasoning" if self._inside else "text", held

    def _begin(self, text: str) -> str:
        """Look for the opening tag; returns what follows it, or all of a text that has none."""
        start = text.lstrip()
        if len(start) < len(text):
            self._blank.append(text[: len(text) - len(start)])
        if start.startswith(_OPEN):
            self._inside, self._blank = True, []
            return start[len(_OPEN) :]
        if _OPEN.startswith(start):
            self._held = start
            return ""
        self._over = True
        before, self._blank = "".join(self._blank), []
        return before + start


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of a text may be the beginning of a tag."""
    return next((size for size in range(len(tag) - 1, 0, -1) if text.endswith(tag[:size])), 0)

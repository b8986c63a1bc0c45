"""Output of the commands: text of others never gives orders to a terminal, and reaches a pipe as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import IO, Any, Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.text import Text

from modelyard.visible import visible

__all__ = ["Screen"]

_BEYOND_JSON: Final = re.compile("[\\x7f-\\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON lets stand in a text and a terminal obeys."""

_WIDEST: Final = 1_000_000
"""Columns of a line that nobody sees at once: no table is as wide."""


class Screen(Console):
    """Standard output, or standard error with ``stderr``.

    What models, providers, servers, cards, plugins and errors say is written with ``say``, handed to ``marked`` as
    a value, or put into a table as plain text. No text is read as markup but the template of ``marked``. On a
    terminal control characters are shown as text, whichever way they came. With ``whole`` a list that is written
    to a file or a pipe has one line for each item, with every value uncut.
    """

    def __init__(self, file: IO[str] | None = None, *, stderr: bool = False, whole: bool = False) -> None:
        super().__init__(file=file, stderr=stderr, markup=False, emoji=False)
        if whole and not self.shows:
            self.width = _WIDEST

    @property
    def shows(self) -> bool:
        """True if somebody looks at it: a terminal, or what rich was told to treat as one."""
        return self.file.isatty() or self.is_terminal

    def say(self, text: str, style: str | None = None, end: str = "\n") -> None:
        """Write text of others, at once, not wrapped."""
        if style is not None and self.shows:
            self.print(Text(visible(text), style), end=end, soft_wrap=True)
            return
        self.file.write((visible(text) if self.file.isatty() else text) + end)
        self.file.flush()

    def say_json(self, value: object) -> None:
        """Write JSON."""
        text = json.dumps(value, indent=2, ensure_ascii=False)
        if self.file.isatty():
            text = _BEYOND_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        self.file.write(f"{text}\n")
        self.file.flush()

    def marked(self, template: str, *values: object) -> Text:
        """A template with rich's markup, its ``{}`` filled with values that have none."""
        return Text.from_markup(template.format(*(escape(self._fit(str(value))) for value in values)), emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Turn plain text, such as that of a cell, into what is laid out."""
        return super().render_str(self._fit(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Turn anything into segments; the last place where text passes before it is written."""
        segments = super().render(renderable, options)
        return map(_harmless, segments) if self.shows else segments

    def _fit(self, text: str) -> str:
        return visible(text) if self.shows else text


def _harmless(segment: Segment) -> Segment:
    return segment if segment.control else Segment(visible(segment.text), segment.style)

"""Following a list from page to page, to an end."""

from __future__ import annotations

from modelyard.errors import InvalidResponseError

__all__ = ["Cursors"]


class Cursors:
    """The cursors of one list; ``most`` is the pages that are read of it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: set[str] = set()

    def follow(self, cursor: object) -> str:
        """The cursor of the next page as text.

        Raises ``InvalidResponseError`` where the pages are too many, and for a cursor that was followed before.
        """
        text = str(cursor)
        if text in self._seen:
            raise InvalidResponseError(
                "The list goes round in a circle: a page names one that was read already.", retryable=False
            )
        self._seen.add(text)
        if len(self._seen) >= self._most:
            raise InvalidResponseError(
                f"The list goes on after {self._most} pages.",
                hint="Raise the bound list_pages if it is that long.",
                retryable=False,  # it would be as long the next time
            )
        return text

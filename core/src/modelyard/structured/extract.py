"""Finding the JSON in what a model wrote: alone, fenced, amid prose, with a comma too many. In linear time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

__all__ = ["DuplicateKeyError", "extract_json", "parse_partial"]

MOST_STARTS = 16
"""Brackets tried as the beginning; what keeps hostile text from costing more than its length."""

MOST_PASSES = 3
"""Passes through the text for them: a quote in the prose may hide some from the first one."""

_DEEPEST = 1_000
"""Open brackets after which nothing is JSON any more: Python reads no deeper."""

_FENCE = re.compile(r"```[a-zA-Z0-9_-]*[ \t]*\r?\n?")
_OPENING = re.compile(r"[{\[]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|$)|[{}\[\]]', re.DOTALL)
_EXTRA_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|$)|,(?=\s*+[}\]])', re.DOTALL)
_SURE = frozenset('"{}[]0123456789tfn-')


class DuplicateKeyError(ValueError):
    """An object gives one key twice, and it cannot be told which is meant."""


def extract_json(text: str, *, unique_keys: bool = True, want: type | tuple[type, ...] = object) -> Any:
    """The first JSON value of type ``want`` in a text; raises ``ValueError`` saying why there is none.

    With ``unique_keys`` a key given twice in one object raises ``DuplicateKeyError``.
    """
    problem: ValueError | None = None
    for candidate in _candidates(text):
        try:
            value = _parse(candidate, unique_keys=unique_keys)
        except DuplicateKeyError:
            raise
        except ValueError as error:
            problem = problem or error
            continue
        if isinstance(value, want):
            return value
    raise ValueError(str(problem) if problem is not None else "there is no JSON in the answer")


def parse_partial(text: str, want: type | tuple[type, ...] = object) -> Any:
    """Read a cut-off text as far as it goes; ``None`` when that gives nothing. Unfinished texts are kept."""
    opening = _OPENING.search(text)
    if opening is None:
        return None
    try:
        value = from_json(text[opening.start() :], allow_partial="trailing-strings")
    except ValueError:
        return None
    return value if isinstance(value, want) else None


def _candidates(text: str) -> Iterator[str]:
    stripped = text.strip()
    if stripped[:1] in _SURE:
        yield stripped
    fence = _FENCE.search(text)
    if fence is not None:
        end = text.find("```", fence.end())
        yield text[fence.end() : end if end >= 0 else len(text)].strip()
    yield from _spans(text)


def _spans(text: str) -> Iterator[str]:
    """The stretches from an opening bracket to the one that closes it, outermost first in their order."""
    left, at = MOST_STARTS, 0
    for _ in range(MOST_PASSES):
        opening = _OPENING.search(text, at)
        if opening is None:
            return
        scan = _Scan(text, opening.start())
        for start, end in scan.pairs():
            yield text[start:end]
            left -= 1
            if not left:
                return
        if scan.unseen is None:
            return
        at = scan.unseen


class _Scan:
    """One pass over the brackets of a text. ``unseen`` is the first that it took for part of a quoted text."""

    def __init__(self, text: str, start: int) -> None:
        self.unseen: int | None = None
        self._text = text
        self._start = start

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Brackets that are closed, as soon as nothing open lies around them; at the end all the outermost."""
        opened: list[int] = []
        closed: list[tuple[int, int]] = []
        for token in _TOKEN.finditer(self._text, self._start):
            mark = token[0]
            if mark in "{[":
                opened.append(token.start())
                if len(opened) > _DEEPEST:
                    break
            elif mark not in "}]":
                self._look_inside(token)
            elif opened:
                pair = opened.pop(), token.end()
                if not opened:
                    yield pair
                    closed.clear()
                else:
                    while closed and closed[-1][0] > pair[0]:
                        closed.pop()
                    closed.append(pair)
        yield from closed

    def _look_inside(self, token: re.Match[str]) -> None:
        if self.unseen is None:
            found = _OPENING.search(token[0])
            self.unseen = None if found is None else token.start() + found.start()


def _parse(text: str, *, unique_keys: bool) -> Any:
    try:
        return _loads(text, unique_keys)
    except DuplicateKeyError:
        raise
    except ValueError as error:
        repaired = _EXTRA_COMMA.sub(lambda found: "" if found[0] == "," else found[0], text)
        if repaired == text:
            raise
        problem = error
    try:
        return _loads(repaired, unique_keys)
    except DuplicateKeyError:
        raise
    except ValueError:
        raise problem from None


def _loads(text: str, unique_keys: bool) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique if unique_keys else None, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        doubled = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise DuplicateKeyError(f"the key {doubled!r} is given twice in one object")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")

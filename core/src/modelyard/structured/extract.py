"""Finding the JSON in what a model wrote: alone, fenced, amid prose, with a comma too many. In linear time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

__all__ = ["DuplicateKeyError", "extract_json", "parse_partial"]

MOST_STARTS = 16
"""How many brackets are tried as the beginning; what keeps hostile text from costing more than its length."""

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
    """What a cut-off text says so far, ``None`` when nothing can be made of it; unfinished texts are kept."""
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
    """The stretches from an opening bracket to the one that closes it."""
    at = 0
    for _ in range(MOST_STARTS):
        opening = _OPENING.search(text, at)
        if opening is None:
            return
        end = _closing(text, opening.start())
        if end is not None:
            yield text[opening.start() : end]
        at = opening.end() if end is None else end


def _closing(text: str, start: int) -> int | None:
    depth = 0
    for token in _TOKEN.finditer(text, start):
        word = token[0]
        if word in ("{", "["):
            depth += 1
        elif word in ("}", "]"):
            depth -= 1
            if depth == 0:
                return token.end()
    return None


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

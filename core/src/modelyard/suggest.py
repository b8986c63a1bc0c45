"""Near misses: what somebody who mistyped probably meant."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["did_you_mean", "near_misses"]


def near_misses(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """The known names closest to a mistyped one, closest first; case is ignored."""
    import difflib

    by_folded = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), by_folded, n=limit, cutoff=0.75)
    return [by_folded[folded] for folded in close]


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A question naming the near misses, ``None`` when nothing is near."""
    close = near_misses(name, known)
    if not close:
        return None
    return f"Did you mean {' or '.join(repr(candidate) for candidate in close)}?"

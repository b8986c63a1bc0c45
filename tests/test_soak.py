"""A short chaos run; ``make soak`` is the long one."""

from __future__ import annotations

from .soak import soak


async def test_some_seconds_of_chaos_break_no_promise() -> None:
    tally = await soak(seconds=3.0, streams=25, seed=3)
    assert tally.breaches == []
    assert tally.ends["done"] > 20, str(tally)

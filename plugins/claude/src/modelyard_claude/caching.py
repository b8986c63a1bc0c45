"""Prompt-cache markers: ``cache_control`` on blocks and tools, as many and in the order the API takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelyard.provider import Cache, JsonObject, Reporter

__all__ = ["MOST_MARKERS", "cache_control", "settle_markers"]

MOST_MARKERS: Final = 4
"""Break points of one request, an automatic one (``cache_control`` at the top level) included."""

_LIFETIMES = {"5m": "5m", "1h": "1h"}


def cache_control(cache: Cache, reporter: Reporter) -> JsonObject:
    """The marker for a wish; a lifetime the API does not have becomes the longer of the two it has."""
    if cache is True:
        return {"type": "ephemeral"}
    lifetime = _LIFETIMES.get(str(cache))
    if lifetime is None:
        lifetime = "1h"
        reporter.clamp("cache", f"a marker lives 5m or 1h; it is 1h in place of {cache}")
    return {"type": "ephemeral", "ttl": lifetime}


def settle_markers(body: JsonObject, reporter: Reporter, *, automatic: bool) -> None:
    """Take off the markers that are too many, the first ones, and put lifetimes into their order.

    Longer lifetimes must come before shorter ones, so a long one after a short one becomes short.
    ``automatic`` says that the caller's own fields hold one more at the top level.
    """
    marked = list(_marked(body))
    most = MOST_MARKERS - 1 if automatic else MOST_MARKERS
    if len(marked) > most:
        reporter.clamp("cache", f"a request takes {MOST_MARKERS} markers; the last ones stay")
        for block in marked[:-most]:
            del block["cache_control"]
    _order_lifetimes(marked[-most:], reporter)


def _order_lifetimes(marked: list[JsonObject], reporter: Reporter) -> None:
    short = False
    late: list[JsonObject] = []
    for block in marked:
        if block["cache_control"].get("ttl") != "1h":
            short = True
        elif short:
            late.append(block)
    if late:
        reporter.clamp("cache", "a marker of 1h cannot follow one of 5m; it became 5m")
    for block in late:
        block["cache_control"] = {"type": "ephemeral", "ttl": "5m"}


def _marked(body: JsonObject) -> Iterator[JsonObject]:
    """What carries a marker, in the order the API caches: tools, system, messages."""
    system = body.get("system")
    blocks = [*body.get("tools", ()), *(system if isinstance(system, list) else ())]
    for turn in body["messages"]:
        for block in turn["content"]:
            inner = block.get("content") if block["type"] == "tool_result" else None
            blocks += inner if isinstance(inner, list) else ()
            blocks.append(block)
    return (block for block in blocks if "cache_control" in block)

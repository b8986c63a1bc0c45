"""Prompt-cache breakpoints: the marks on content up to which a prefix is kept.

Models since GPT-5.6 take ``prompt_cache_breakpoint`` with a lifetime of 30 minutes or 12 hours (OpenAI's
reference, November 2026); older ones cache by themselves and take no marks.
"""

from __future__ import annotations

from modelyard.provider import Cache, JsonObject, ModelCard, Reporter

__all__ = ["Breakpoints"]

_LIFETIMES: dict[Cache, str] = {"5m": "30m", "30m": "30m", "1h": "30m", "12h": "12h"}


class Breakpoints:
    """Writes the cache markers of one request."""

    def __init__(self, card: ModelCard, reporter: Reporter) -> None:
        self.taken = bool(card.rules.get("cache_breakpoints"))
        """Whether the model takes marks at all."""
        self._reporter = reporter

    def mark(self, wire: JsonObject, cache: Cache) -> None:
        """Put a marker on a content part that may carry one."""
        if not cache:
            return
        if not self.taken:
            self._reporter.drop("cache", "the model caches prompts by itself and takes no breakpoints")
            return
        breakpoint_: JsonObject = {"mode": "explicit"}
        if cache is not True:
            breakpoint_["ttl"] = _LIFETIMES[cache]
            if cache != breakpoint_["ttl"]:
                self._reporter.clamp("cache", f"the lifetimes are 30m and 12h: {cache} became 30m")
        wire["prompt_cache_breakpoint"] = breakpoint_

    def refuse(self, cache: Cache, where: str) -> None:
        """Note a marker on something that cannot carry one, such as a tool."""
        if cache:
            self._reporter.drop("cache", f"{where} cannot carry a breakpoint; mark the content after it")

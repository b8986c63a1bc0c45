"""Hooks a plugin need not have, which are tested where it has them, and several credentials in one process."""

from __future__ import annotations

import asyncio

from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.rules import case, require
from modelyard.testing.script import Script

__all__ = ["OptionalCases"]

_KEYS = ("zq-key-one", "zq-key-two", "zq-key-three")


class OptionalCases:
    """Cases about optional hooks, and about keys."""

    @case
    async def test_a_count_follows_the_prompt(self, wire: Bench) -> None:
        """Whoever counts decides by it what still fits."""
        if not wire.subject.binding().manager.hook.modelyard_count_tokens.get_hookimpls():
            return
        counts = []
        async with wire.runtime() as runtime:
            for words, tokens in ((1, 11), (400, 1_111)):
                wire.emulator.scripts.clear()  # some dialects count by themselves, others as the script says
                wire.emulator.add(Script().say("Hi.").using(input=tokens))
                counted = await runtime.count_tokens(wire.reference, "Count me. " * words)
                counts.append(counted.tokens)
        wire.emulator.scripts.clear()
        wire.accepted()
        require(
            counts[0] < counts[1],
            "a longer prompt counts more",
            f"{counts[0]} tokens for two words, {counts[1]} for eight hundred",
            "return what the provider counted for this request, or None where it does not count",
        )

    @case
    async def test_each_request_carries_its_own_key(self, wire: Bench) -> None:
        """A service works for many customers: one's key on another's request is a breach."""
        async with wire.runtime() as runtime:
            for key in (*_KEYS, _KEYS[0]):
                await runtime.complete(wire.reference, "Hi", credential=key)
                _carries(wire, -1, key)
            before = len(wire.emulator.requests)
            asked = [runtime.complete(wire.reference, f"I am {key}.", credential=key) for key in _KEYS]
            await asyncio.gather(*asked)
        wire.accepted()
        for index in range(before, len(wire.emulator.requests)):
            text = wire.emulator.requests[index].body.decode()
            _carries(wire, index, next(key for key in _KEYS if f"I am {key}." in text))


def _carries(wire: Bench, index: int, key: str) -> None:
    received = wire.emulator.requests[index]
    require(
        any(key in value for value in (*received.headers.values(), received.query)),
        "each request carries its own key",
        f"the request with {key!r} came with another, or none",
        "read the credential from the settings of the session, and keep none in a module",
    )

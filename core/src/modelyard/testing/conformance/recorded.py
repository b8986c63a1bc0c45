"""Recorded exchanges, replayed through the real HTTP path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from modelyard.errors import ModelyardError
from modelyard.testing.conformance.bench import Bench, comparable
from modelyard.testing.conformance.rules import case, require
from modelyard.testing.replay import Exchange, ReplayServer
from modelyard.types.completion import Completion

__all__ = ["RecordedCases", "recording_ids"]

_PIECES = (None, 1)


class RecordedCases:
    """Cases about what the real API once said."""

    recordings: ClassVar[Path | None] = None

    @case
    async def test_a_recorded_exchange_decodes_as_expected(self, wire: Bench, recording: str) -> None:
        """An emulator is what its author believes; a recording is what the provider did."""
        assert self.recordings is not None
        exchange = Exchange.read(self.recordings / recording)
        outcomes: list[Completion | ModelyardError] = []
        with ReplayServer() as server:
            for piece in _PIECES:
                server.play(exchange, piece)
                outcomes.append(await _ask(wire, server.url, exchange))
        first, again = outcomes
        same = type(first) is type(again) and _shape(first) == _shape(again)
        require(
            same, "how recorded bytes are cut never matters", f"{first!r} and {again!r}", "buffer whole events"
        )
        differing = list(_differences(exchange.expect or {}, first))
        require(
            not differing, "a recorded exchange decodes as expected", "; ".join(differing), "correct the decoder"
        )


def recording_ids(folder: Path | None) -> list[str]:
    """The file names of the recordings in a folder."""
    return sorted(path.name for path in folder.glob("*.json")) if folder is not None else []


async def _ask(wire: Bench, url: str, exchange: Exchange) -> Completion | ModelyardError:
    reference = f"{wire.subject.provider}:{exchange.model}"
    async with wire.runtime(base_url=url) as runtime:
        try:
            if exchange.stream:
                return await runtime.stream(reference, "Hello").collect()
            return await runtime.complete(reference, "Hello")
        except ModelyardError as error:
            return error


def _shape(outcome: Completion | ModelyardError) -> object:
    return comparable(outcome) if isinstance(outcome, Completion) else outcome.message


def _differences(expect: Mapping[str, Any], outcome: Completion | ModelyardError) -> Iterator[str]:
    """In what an outcome differs from what a recording expects; only what it names is compared."""
    if isinstance(outcome, ModelyardError):
        if expect.get("error") != type(outcome).__name__:
            yield f"raised {type(outcome).__name__}: {outcome}"
        return
    calls = [{"name": call.name, "arguments": call.arguments} for call in outcome.tool_calls]
    found = {
        "text": outcome.text,
        "reasoning": outcome.reasoning,
        "finish_reason": outcome.finish_reason,
        "raw_finish_reason": outcome.raw_finish_reason,
        "tool_calls": calls,
        "usage": outcome.usage.model_dump(exclude={"raw"}, exclude_none=True),
        "error": None,
    }
    for name, value in expect.items():
        if name in found and found[name] != value:
            yield f"{name}: expected {value!r}, found {found[name]!r}"

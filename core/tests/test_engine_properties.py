"""What is true of every call, whatever the providers do: the engine as a state machine, driven at random."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard import AttemptRecord, LocalState, ProviderError, Runtime, Status
from modelyard.testing import FakeClock, Script, ScriptedProvider
from modelyard.testing.script import FailureKind

ROUTE = ["first:a", "second:b", "third:c"]
KINDS = (
    "authentication",
    "permission",
    "quota",
    "rate_limit",
    "overloaded",
    "server",
    "invalid_request",
    "context_window",
    "model_not_found",
)
TEXTS = st.lists(st.sampled_from(["Hel", "lo ", "there"]), min_size=1, max_size=3)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """An answer that is whole, fails at once, or fails after some words."""
    script = Script()
    what = draw(st.sampled_from(["whole", "fails", "breaks"]))
    if what != "fails":
        pieces = draw(TEXTS)
        script = script.say(pieces[0], *pieces[1:])
    if what != "whole":
        kind = cast("FailureKind", draw(st.sampled_from(KINDS)))
        script = script.fail(kind, retry_after=draw(st.sampled_from([None, 0.0, 0.5, 3.0, 90.0])))
    return script


@dataclass(frozen=True)
class Asked:
    """One call: how it is asked, under which policy, and the time that passes before it."""

    stream: bool
    fallback: str
    max_attempts: int
    total: float | None
    route: int
    pause: float


CALLS = st.lists(
    st.builds(
        Asked,
        stream=st.booleans(),
        fallback=st.sampled_from(["never", "before_output", "restart"]),
        max_attempts=st.integers(1, 4),
        total=st.sampled_from([None, 1.0, 5.0, 100.0]),
        route=st.integers(1, 3),
        pause=st.sampled_from([0.0, 1.0, 6.0, 130.0]),
    ),
    min_size=1,
    max_size=12,
)


class StrictClock(FakeClock):
    """A clock that lets nobody wait past a deadline."""

    due: float | None = None

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        assert self.due is None or self.time + seconds <= self.due
        await super().sleep(seconds)


@settings(max_examples=150, deadline=None)
@given(st.tuples(*(st.lists(scripts(), max_size=12) for _ in ROUTE)), CALLS)
def test_every_call_keeps_the_promises(played: tuple[list[Script], ...], calls: list[Asked]) -> None:
    async def play() -> None:
        clock = StrictClock()
        state = LocalState(clock=clock)
        names = [ref.partition(":")[0] for ref in ROUTE]
        providers = [ScriptedProvider(name, part) for name, part in zip(names, played, strict=True)]
        async with Runtime(plugins=providers, state=state, clock=clock) as runtime:
            for asked in calls:
                clock.advance(asked.pause)
                clock.due = None if asked.total is None else clock.time + asked.total
                requests = sum(len(provider.requests) for provider in providers)
                records = await (_stream if asked.stream else _complete)(runtime, asked)
                assert len(records) == sum(len(provider.requests) for provider in providers) - requests
                _check_state(state)

    asyncio.run(play())


def _options(asked: Asked) -> Any:
    return {
        "fallback": asked.fallback,
        "max_attempts": asked.max_attempts,
        "deadlines": {"first_output": None, "between_outputs": None, "total": asked.total},
    }


async def _complete(runtime: Runtime, asked: Asked) -> tuple[AttemptRecord, ...]:
    try:
        completion = await runtime.complete(ROUTE[: asked.route], "Hi", **_options(asked))
    except ProviderError as error:
        return _check_records(error.attempts, asked, succeeded=False)
    return _check_records(completion.record.attempts, asked, succeeded=True)


async def _stream(runtime: Runtime, asked: Asked) -> tuple[AttemptRecord, ...]:
    events: list[Any] = []
    stream = runtime.stream(ROUTE[: asked.route], "Hi", **_options(asked))
    error: ProviderError | None = None
    try:
        async with stream:
            async for event in stream:
                events.append(event)
    except ProviderError as raised:
        error = raised
    ends = [index for index, event in enumerate(events) if event.type == "done"]
    assert ends == ([] if error is not None else [len(events) - 1])
    committed, text, attempts_heard, restarts = False, "", 0, 0
    for event in events:
        if event.type == "content_delta":
            attempts_heard += not committed
            committed, text = True, text + event.text
        elif isinstance(event, Status) and event.state == "restarted":
            committed, text, restarts = False, "", restarts + 1
        elif isinstance(event, Status) and event.state in ("retrying", "falling_back"):
            assert not committed or asked.fallback == "restart"
    assert attempts_heard <= 1 + restarts
    assert restarts == 0 or asked.fallback == "restart"
    if error is not None:
        assert text == (error.partial.text if error.partial is not None else "")
        return _check_records(error.attempts, asked, succeeded=False)
    assert text == stream.completion.text
    return _check_records(stream.completion.record.attempts, asked, succeeded=True)


def _check_records(
    records: tuple[AttemptRecord, ...], asked: Asked, *, succeeded: bool
) -> tuple[AttemptRecord, ...]:
    assert [record.number for record in records] == list(range(1, len(records) + 1))
    assert [record.outcome for record in records] == ["error"] * (len(records) - succeeded) + ["ok"] * succeeded
    for ref in ROUTE:
        assert sum(record.deployment == ref for record in records) <= asked.max_attempts
    if asked.fallback == "never":
        assert {record.deployment for record in records} <= {ROUTE[0]}
    return records


def _check_state(state: LocalState) -> None:
    for health in state._windows.known.values():
        assert health.in_flight == 0
        assert health.budget.level >= 0
        assert health.breaker.probe_since is None

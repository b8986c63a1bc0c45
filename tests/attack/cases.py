"""The hostile providers, and what must come of each: a typed error or a sound answer, within stated bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from modelyard.testing import Script
from modelyard.types.completion import Completion

from . import hostility as hostile
from .upstream import Act

__all__ = ["BOMB", "CASES", "MODES", "WIRES", "Case", "Mode"]

Mode: TypeAlias = Literal["whole", "stream"]
MODES: tuple[Mode, ...] = ("whole", "stream")
WIRES = {"claude": "m", "gemini": "gemini-m", "mistral": "m", "openai": "m", "openai-chat": "m"}
"""Each provider's API, and a model; OpenAI has two."""

BOMB = 384
"""MiB that a bomb unpacks to."""

SMALL = {"answer_bytes": 8 * 2**20, "event_bytes": 4 * 2**20}
"""Bounds for streams without end, so that a case takes a moment. The defaults have cases of their own."""

TYPED = ("InvalidResponseError", "StreamInterruptedError", "ConnectionFailedError", "DeadlineError", "ServerError")
REFUSED = ("InvalidResponseError",)
CUT = ("InvalidResponseError", "StreamInterruptedError", "ConnectionFailedError")


@dataclass(frozen=True, slots=True)
class Case:
    """One attack. The figures are bounds: MiB more than before, seconds the loop stands still, seconds."""

    name: str
    act: Act = field(repr=False)
    outcomes: Sequence[str] = REFUSED
    asks: Literal["answer", "twice", "list", "object"] = "answer"
    holds: Callable[[Sequence[Completion]], bool] | None = None
    """What must be true of the answers, beside that they can be stored, read back and sent again."""
    peak: int = 96
    stood: float = 1.0
    seconds: float = 8.0
    waits: float = 2.0
    """Deadline, in seconds, for a first output and between two; twice that for all."""
    bounds: Mapping[str, Any] | None = None
    modes: Sequence[Mode] = MODES
    long: bool = False
    """Left out of the short form."""
    idle: bool = False
    """Most of the time is waiting, so that many may run beside others."""


def _no_usage(answers: Sequence[Completion]) -> bool:
    return answers[0].text == "ok" and answers[0].usage.input_tokens is None


def _own(answers: Sequence[Completion]) -> bool:
    return [answer.text for answer in answers] == ["own1", "own2"]


def _two_calls(answers: Sequence[Completion]) -> bool:
    calls = answers[0].tool_calls
    known = [(call.name, call.arguments) for call in calls]
    return known == [("look", {"a": 1}), ("find", {"a": 2})] and len({call.id for call in calls}) == 2


def _no_arguments(answers: Sequence[Completion]) -> bool:
    return [call.arguments for call in answers[0].tool_calls] == [None]


def _many(count: int) -> Callable[[Sequence[Completion]], bool]:
    return lambda answers: len({call.id for call in answers[0].tool_calls}) == count


def _deep(levels: int) -> Act:
    nested = b"[" * levels + b"]" * levels
    # Where arguments are text, the mark stands between escaped quotes.
    return hostile.changed(Script().call("look", a="@"), {b'\\"@\\"': nested, b'"@"': nested})


NINES = "9" * 5_000
HUGE = (
    f"x-ratelimit-remaining-requests: {NINES}",
    "x-ratelimit-reset-requests: 9999-12-31T00:00:00Z",
    f"anthropic-ratelimit-requests-remaining: {NINES}",
    f"retry-after: {NINES}",
)
TWINS = Script().call_with_id("samesame1", "look", a=1).call_with_id("samesame1", "find", a=2)

CASES = (
    Case("2 KB that unpack to 384 MiB, packed twice", hostile.bomb(2, BOMB)),
    Case("a body that unpacks to 384 MiB", hostile.bomb(1, BOMB), bounds=SMALL),
    Case("the same at the default bounds", hostile.bomb(1, BOMB), peak=640, long=True, seconds=30, waits=30),
    Case("an error page that unpacks to 384 MiB", hostile.bomb(2, BOMB, status=500), ("ServerError",)),
    Case("a list of models that unpacks to 384 MiB", hostile.bomb(2, BOMB), asks="list", modes=("whole",)),
    Case("text without end", hostile.endless_body("text", 64), bounds=SMALL),
    Case(
        "text without end at the default bounds",
        hostile.endless_body("text", 640),
        peak=900,
        long=True,
        seconds=60,
        waits=60,
    ),
    Case("reasoning without end", hostile.endless_body("reasoning", 64), bounds=SMALL, modes=("stream",)),
    Case("arguments without end", hostile.endless_body("arguments", 64), bounds=SMALL),
    Case("comments or blanks without end", hostile.endless_body("noise", 64), bounds=SMALL),
    Case("a line without end", hostile.endless_body("line", 64), bounds=SMALL, modes=("stream",)),
    Case(
        "text in pieces of 8 bytes without end",
        hostile.endless_body("text", 2, 8),
        CUT,
        bounds={"answer_bytes": 2**20},
    ),
    Case("headers without end", hostile.endless_head(64), TYPED),
    Case(
        "a list of models without end", hostile.endless_listing, (*REFUSED, "list"), asks="list", modes=("whole",)
    ),
    Case(
        "20,000 tool calls",
        hostile.many_calls(20_000),
        ("answer",),
        holds=_many(20_000),
        peak=256,
        seconds=30,
        waits=30,
        stood=3.0,
        long=True,
    ),
    Case("more tool calls than the bound", hostile.many_calls(5_000), bounds={"tool_calls": 1_000}),
    Case("arguments nested 300 deep", _deep(300), ("answer", *REFUSED), holds=_no_arguments),
    Case("arguments nested 200,000 deep", _deep(200_000), ("answer", *REFUSED), holds=_no_arguments),
    Case(
        "64 KiB of markup that never closes", hostile.error_page(b"<script" * 9_362), ("ServerError",), stood=0.5
    ),
    Case(
        "64 KiB of blanks as an error",
        hostile.error_page(b" " * 65_535 + b"x", 400),
        ("InvalidRequestError",),
        stood=0.5,
    ),
    Case(
        "1 MiB of brackets for an object",
        hostile.changed(Script().say("@"), {b"@": b"{" * 2**20}),
        ("OutputValidationError", *REFUSED),
        asks="object",
    ),
    Case(
        "figures of 400 digits, headers of 5,000",
        hostile.changed(Script().say("ok").using(input=777_777), {b"777777": b"1" + b"0" * 400}, *HUGE),
        ("answer",),
        holds=_no_usage,
    ),
    Case("half a surrogate pair", hostile.changed(Script().say("ok @"), {b"@": b"\\ud83d"}), ("answer",)),
    Case("two calls of one id", hostile.changed(TWINS, {}), ("answer",), holds=_two_calls),
    Case("an answer nobody asked for", hostile.second_answer, ("answer",), asks="twice", holds=_own),
    Case(
        "a status line where a chunk's size belongs", hostile.broken_framing, CUT, seconds=2.5, waits=8, idle=True
    ),
    Case("a byte now and then", hostile.dripping, ("DeadlineError",), idle=True),
    Case("silence after the head", hostile.silence, ("DeadlineError",), idle=True),
    Case(
        "half an error, then the end",
        hostile.half_error(401, close=True),
        ("AuthenticationError",),
        waits=10,
        idle=True,
    ),
    Case(
        "half an error, then silence",
        hostile.half_error(429, "retry-after: 40", close=False),
        ("RateLimitError",),
        waits=10,
        idle=True,
    ),
    Case("a list for an answer", hostile.wrong_json(b"[[], 5, null]"), CUT),
    Case(
        "a number for each field",
        hostile.wrong_json(b'{"id":1,"type":5,"choices":3,"candidates":{},"output":"x","content":7,"usage":[]}'),
        CUT,
    ),
    Case("200,000 lists in each other", hostile.wrong_json(b"[" * 200_000 + b"]" * 200_000), CUT),
)
